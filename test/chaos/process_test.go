//go:build chaos

package chaos

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a program that is kept running: when it exits by itself it is
// restarted, as by a service manager. Its methods may be called concurrently,
// except for those that start and stop it.
type process struct {
	name    string
	command func() *exec.Cmd
	log     string // the file with its output
	ready   string // what it prints when it is up; "" for a program that prints nothing

	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   chan struct{} // closed when cmd has ended
	wanted  bool          // whether it should run
	from    int64         // where the output of this start begins
	again   sync.WaitGroup
	trouble []string // unexpected exits after it was up
}

// restart is how long a program that exited by itself stays down.
const restart = 300 * time.Millisecond

func newProcess(dir, name, ready string, command func() *exec.Cmd) *process {
	return &process{name: name, ready: ready, command: command, log: filepath.Join(dir, name+".log")}
}

// start starts the program, and keeps it running.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = true
	return p.run()
}

func (p *process) run() error {
	output, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := output.Stat()
	if err != nil {
		return errors.Join(err, output.Close())
	}
	cmd := p.command()
	pipe := struct{ io.Writer }{output} // a program whose disk is full can still print that
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = pipe, pipe, ownGroup()
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", p.name, err), output.Close())
	}
	ended := make(chan struct{})
	p.cmd, p.ended, p.from = cmd, ended, info.Size()
	p.again.Go(func() {
		_ = cmd.Wait()     // usually killed
		_ = output.Close() // an incomplete log proves nothing
		p.mu.Lock()
		byItself := p.wanted && p.cmd == cmd
		if byItself {
			p.judge(cmd.ProcessState)
		}
		p.mu.Unlock()
		close(ended)
		if byItself {
			p.revive(cmd)
		}
	})
	return nil
}

// judge records an unexpected exit. A program that cannot start, for example
// without a store, may exit; one that was up may not.
func (p *process) judge(state *os.ProcessState) {
	printed := p.printed()
	if p.ready == "" || !bytes.Contains(printed, []byte(p.ready)) && state.ExitCode() == 1 {
		return
	}
	p.trouble = append(p.trouble, fmt.Sprintf("%s ended by itself (%s):\n%s", p.name, state, tail(printed)))
}

// printed returns the program's output since its last start.
func (p *process) printed() []byte {
	text, err := os.ReadFile(p.log)
	if err != nil || int64(len(text)) < p.from {
		return nil
	}
	return text[p.from:]
}

func tail(text []byte) []byte {
	const most = 4000
	return text[max(0, len(text)-most):]
}

func (p *process) revive(was *exec.Cmd) {
	timer := time.NewTimer(restart)
	defer timer.Stop()
	<-timer.C
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wanted && p.cmd == was {
		if err := p.run(); err != nil {
			p.trouble = append(p.trouble, err.Error())
		}
	}
}

// kill is kill -9; the program stays down until it is started.
func (p *process) kill() {
	p.mu.Lock()
	p.wanted = false
	cmd, ended := p.cmd, p.ended
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Kill() // it may have exited
	<-ended
}

// stop asks the program to exit, and kills it if it does not in time. A program
// that prints nothing may be so new that it has no signal handler yet, and is
// killed by the signal.
func (p *process) stop(timeout time.Duration) (clean bool) {
	p.mu.Lock()
	p.wanted = false
	cmd, ended := p.cmd, p.ended
	p.mu.Unlock()
	if cmd == nil {
		return true
	}
	_ = cmd.Process.Signal(syscall.SIGTERM) // it may have exited
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-ended:
		if p.ready != "" && cmd.ProcessState.ExitCode() > 1 { // it may lack a store or a broker, but must not panic
			p.mu.Lock()
			p.trouble = append(p.trouble, fmt.Sprintf("%s did not end well (%s):\n%s", p.name, cmd.ProcessState, tail(p.printed())))
			p.mu.Unlock()
		}
		return cmd.ProcessState.ExitCode() == 0 || p.ready == "" && endedBy(cmd.ProcessState, syscall.SIGTERM)
	case <-timer.C:
		p.kill()
		return false
	}
}

// endedBy reports whether a signal ended a program.
func endedBy(state *os.ProcessState, s syscall.Signal) bool {
	status, known := state.Sys().(syscall.WaitStatus)
	return known && status.Signaled() && status.Signal() == s
}

// A program killed by its stop signal counts as stopped if it was impossible to
// know whether it was up.
func TestAStopMayComeBeforeAProgramListens(t *testing.T) {
	t.Parallel()
	for ready, clean := range map[string]bool{"": true, "up": false} {
		p := newProcess(t.TempDir(), "unresponsive", ready, func() *exec.Cmd { return exec.Command("sleep", "600") })
		must(t, p.start())
		if got := p.stop(stopTimeout); got != clean {
			t.Errorf("ready %q: a stop that the program dies of is clean: %v, want %v", ready, got, clean)
		}
		p.again.Wait()
	}
}

// signal sends a signal to the program, if it runs.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(s) // it may have exited
	}
}

func (p *process) freeze() { p.signal(syscall.SIGSTOP) }
func (p *process) thaw()   { p.signal(syscall.SIGCONT) }

// limitFiles limits the size of the files that the program writes.
func (p *process) limitFiles(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = limitFiles(p.cmd.Process.Pid, bytes) // it may have exited
	}
}

// troubles returns the unexpected exits.
func (p *process) troubles() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trouble
}

// panics returns what a supervisor has printed of panics. Each fails a request and not the process, so
// that nothing else tells of it.
func (p *process) panics() []string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return []string{err.Error()}
	}
	first, n := "", 0
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte("panic: ")) {
			first = cmp.Or(first, string(line[:min(len(line), 3000)]))
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s tells %d times of panics, first: %s", p.name, n, first)}
}
