//go:build !unix

package main

import "os/exec"

// Without process groups only the command itself can be ended, and only at once.

func ownGroup(*exec.Cmd) {}

func terminateGroup(cmd *exec.Cmd) { killGroup(cmd) }

// killGroup fails when the command has ended, which is as well.
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
