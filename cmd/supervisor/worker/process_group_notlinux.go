//go:build unix && !linux

package worker

import "syscall"

// dieWithParent does nothing: the kernel does not offer it.
func dieWithParent(*syscall.SysProcAttr) {}
