package main

import "syscall"

// dieWithParent has the kernel kill a command when we die without a word.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
