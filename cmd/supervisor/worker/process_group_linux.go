package worker

import "syscall"

// dieWithParent makes the kernel kill the command when this process dies.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
