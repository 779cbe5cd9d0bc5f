//go:build !unix

package worker

import (
	"context"
	"os"
)

// Without flock, directories are not locked. Agents do not share a directory then.

func lockDir(context.Context, *os.File) error { return nil }

func tryLockDir(*os.File) bool { return true }

func unlockDir(dir *os.File) { _ = dir.Close() }
