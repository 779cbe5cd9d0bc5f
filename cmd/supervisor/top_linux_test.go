package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// pseudoTerminal returns both ends of a terminal.
func pseudoTerminal(t *testing.T, width, height uint16) (outer, inner *os.File) {
	t.Helper()
	outer, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = outer.Close() }) // normally closed by the test
	fd := int(outer.Fd())
	must(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	must(t, err)
	must(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height}))
	inner, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	return outer, inner
}

// TestTopLeavesTheTerminalAsItWas runs the program on a terminal and ends it in every
// possible way.
func TestTopLeavesTheTerminalAsItWas(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	for name, end := range map[string]func(outer *os.File, process *os.Process) error{
		"q":       func(outer *os.File, _ *os.Process) error { _, err := outer.WriteString("q"); return err },
		"Ctrl-C":  func(outer *os.File, _ *os.Process) error { _, err := outer.WriteString("\x03"); return err },
		"SIGTERM": func(_ *os.File, process *os.Process) error { return process.Signal(syscall.SIGTERM) },
		"SIGHUP":  func(_ *os.File, process *os.Process) error { return process.Signal(syscall.SIGHUP) },
	} {
		outer, inner := pseudoTerminal(t, 90, 24)
		before, err := unix.IoctlGetTermios(int(inner.Fd()), unix.TCGETS)
		must(t, err)
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+strings.Join([]string{"top", "-s", b.url}, "\n"), "TERM=xterm-256color")
		child.Stdin, child.Stdout, child.Stderr = inner, inner, inner
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		must(t, child.Start())
		screen, read := newTape(), make(chan struct{})
		go func() {
			defer close(read)
			buffer := make([]byte, 4096)
			for {
				n, err := outer.Read(buffer)
				_, _ = screen.Write(buffer[:n])
				if err != nil {
					return
				}
			}
		}()
		screen.await(t, "pending", 1)
		// The terminal reports its size after the program has started, and everything is
		// redrawn. The time is in the line with the broker's address.
		screen.await(t, "nats://", strings.Count(screen.String(), "nats://")+2)
		titles := strings.Count(screen.String(), "Doing")
		screen.await(t, "nats://", strings.Count(screen.String(), "nats://")+2)
		equal(t, "unchanged lines that were sent again", strings.Count(screen.String(), "Doing"), titles)
		during, err := unix.IoctlGetTermios(int(inner.Fd()), unix.TCGETS)
		must(t, err)
		if during.Lflag&unix.ECHO != 0 {
			t.Errorf("%s: the terminal was not taken over", name)
		}
		must(t, end(outer, child.Process))
		if err := child.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, screen)
		}
		after, err := unix.IoctlGetTermios(int(inner.Fd()), unix.TCGETS)
		must(t, err)
		equal(t, name+": the terminal's settings", *after, *before)
		must(t, inner.Close()) // ends the reading after everything is read
		<-read
		text := screen.String()
		const enter, leave, show = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"
		if strings.Count(text, enter) != 1 || strings.LastIndex(text, leave) < strings.Index(text, enter) || !strings.Contains(text[strings.Index(text, enter):], show) {
			t.Errorf("%s: the terminal was sent %q", name, text)
		}
		if err := outer.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	}
}
