//go:build unix

package agentcheck

import (
	"os/exec"
	"syscall"
)

// ownGroup makes a command the leader of its own process group: the terminal's Ctrl-C does
// not reach it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup fails if nothing is left of the group, which is fine.
func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
