package agentcheck

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"missioncontrol/cmd/supervisor/ui"
)

// program is the agent under test.
type program struct {
	cmd    *exec.Cmd
	output *tail
	ended  chan struct{} // closed when it has ended
}

// outputGrace is how long to wait for the output of what a program has left behind.
const outputGrace = time.Second

// startProgram starts a command with variables in its environment. output may be nil.
func startProgram(argv, env []string, output io.Writer, ended func()) (*program, error) {
	p := &program{cmd: exec.Command(argv[0], argv[1:]...), output: &tail{copy: output}, ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.WaitDelay = outputGrace
	ownGroup(p.cmd)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // its state has the exit code
		close(p.ended)
		ended()
	}()
	return p, nil
}

// hasEnded returns whether it has ended, and how.
func (p *program) hasEnded() (how string, ended bool) {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.String(), true
	default:
		return "", false
	}
}

// exitCode is its exit code after it has ended, -1 if a signal has ended it.
func (p *program) exitCode() int { return p.cmd.ProcessState.ExitCode() }

// terminate asks it to drain and end.
func (p *program) terminate() error { return p.cmd.Process.Signal(syscall.SIGTERM) }

// kill ends it, with what it has started.
func (p *program) kill() {
	killGroup(p.cmd)
	<-p.ended
}

// tail keeps the last lines of an output.
type tail struct {
	copy io.Writer // gets all of it; may be nil

	mu   sync.Mutex
	text []byte
}

// mostTail is how much of an output is kept, in bytes.
const mostTail = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if extra := len(t.text) - mostTail; extra > 0 {
		t.text = append([]byte(nil), t.text[extra:]...)
	}
	if t.copy != nil {
		_, _ = t.copy.Write(b) // for people
	}
	return len(b), nil
}

// last returns the last lines, for a report.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := bytes.Split(bytes.TrimSpace(t.text), []byte("\n"))
	text := string(bytes.Join(lines[max(0, len(lines)-5):], []byte("\n")))
	if text == "" {
		return ""
	}
	return fmt.Sprintf("; the last lines of its output: %s", ui.Shorten(strings.ToValidUTF8(text, "\ufffd"), 600))
}
