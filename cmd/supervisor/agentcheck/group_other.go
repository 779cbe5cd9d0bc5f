//go:build !unix

package agentcheck

import "os/exec"

// Without process groups, only the command itself can be ended.

func ownGroup(*exec.Cmd) {}

// killGroup fails if the command has ended, which is fine.
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
