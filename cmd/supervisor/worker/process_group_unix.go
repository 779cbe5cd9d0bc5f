//go:build unix

package worker

import (
	"os/exec"
	"syscall"
)

// ownSession makes a command the leader of its own session and process group. Signals
// reach the whole group; the terminal's Ctrl-C and its end do not, and there is no
// terminal to ask at.
func ownSession(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	dieWithParent(cmd.SysProcAttr)
}

// terminateGroup asks a group to end.
func terminateGroup(cmd *exec.Cmd) { signalGroup(cmd, syscall.SIGTERM) }

// killGroup kills what is left of a group.
func killGroup(cmd *exec.Cmd) { signalGroup(cmd, syscall.SIGKILL) }

// signalGroup fails if nothing is left of the group, which is fine.
func signalGroup(cmd *exec.Cmd, signal syscall.Signal) { _ = syscall.Kill(-cmd.Process.Pid, signal) }
