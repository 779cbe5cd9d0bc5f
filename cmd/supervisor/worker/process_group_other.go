//go:build !unix

package worker

import "os/exec"

// Without process groups, only the command itself can be ended, and only at once.

func ownSession(*exec.Cmd) {}

func terminateGroup(cmd *exec.Cmd) { killGroup(cmd) }

// killGroup fails if the command has already ended, which is fine.
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
