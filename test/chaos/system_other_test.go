//go:build chaos && !linux

package chaos

import (
	"errors"
	"syscall"
	"time"
)

func monotonic() int64 { return time.Now().UnixNano() }

const canLimitFiles = false

func limitFiles(int, int64) error { return errors.ErrUnsupported }

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
