//go:build !unix

package worker

import (
	"errors"
	"os/exec"
)

// Without process groups, there is nothing to guard.

type guard struct{}

func newGuard(string) (*guard, error) { return nil, errors.ErrUnsupported }

func (g *guard) began(*exec.Cmd) {}

func (g *guard) ended(*exec.Cmd) {}

func (g *guard) stop() {}
