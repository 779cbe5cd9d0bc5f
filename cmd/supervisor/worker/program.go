package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
)

const (
	// terminationGrace is how long a program has between SIGTERM and SIGKILL.
	terminationGrace = 5 * time.Second

	// outputGrace is how long to wait for output from processes that have left the
	// program's process group.
	outputGrace = 2 * time.Second
)

// errStopNow ends a program because of the second Ctrl-C.
var errStopNow = errors.New("stopped by the second interrupt")

// errTooMuch ends a program that writes more than a result may have.
var errTooMuch = fmt.Errorf("the command wrote more than %d KiB to standard output, the maximum size of a result", missions.MaxDataBytes>>10)

// program is one run of a command for a mission.
type program struct {
	argv    []string
	env     []string // in addition to this process's
	stdin   []byte
	log     func(line string) // called for each line of its standard error
	stopNow <-chan struct{}
	grace   time.Duration
}

// run runs the program to its end, or stops it when ctx ends, and returns its result.
// When run returns, nothing of the program's process group is left.
func (p *program) run(ctx context.Context) (json.RawMessage, error) {
	// The kernel kills the program when the thread that started it ends, and so also when
	// this process ends: a killed agent leaves no program behind.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Env = append(os.Environ(), p.env...)
	ownGroup(cmd)
	pipes, err := newPipes(cmd)
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		pipes.close()
		return nil, fmt.Errorf("cannot start the command: %w", err)
	}
	stdout, stderr := newResultReader(missions.MaxDataBytes), newStderrReader(ctx, p.log)
	pipes.begin(p.stdin, stdout.read, stderr.read)

	err = p.wait(ctx, cmd, stdout.tooMuch)
	killGroup(cmd)
	pipes.end(outputGrace)
	stderr.end()

	switch {
	case stdout.full():
		return nil, agent.Permanent(errTooMuch)
	case errors.Is(err, errStopNow), ctx.Err() != nil:
		return nil, err
	case err != nil:
		return nil, withReason(err, stderr.last())
	}
	return result(stdout.bytes)
}

// wait waits for the program. It stops the program when ctx ends, on the second Ctrl-C, and
// when the output is too large.
func (p *program) wait(ctx context.Context, cmd *exec.Cmd, tooMuch <-chan struct{}) error {
	var result error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		result = cmd.Wait()
	}()
	var reason error
	select {
	case <-ended:
		return result
	case <-ctx.Done():
		reason = context.Cause(ctx)
	case <-tooMuch:
		reason = errTooMuch
	case <-p.stopNow:
		killGroup(cmd)
		<-ended
		return errStopNow
	}
	terminateGroup(cmd)
	grace := time.NewTimer(p.grace)
	defer grace.Stop()
	select {
	case <-ended:
		return reason
	case <-grace.C:
	case <-p.stopNow:
	}
	killGroup(cmd)
	<-ended
	return reason
}

// withReason adds a program's last lines to the error. The very last line, which usually
// says why, comes first, so that it is the one shown where only one line fits.
func withReason(err error, last []string) error {
	switch n := len(last); n {
	case 0:
		return err
	case 1:
		return fmt.Errorf("%w: %s", err, last[0])
	default:
		return fmt.Errorf("%w: %s\nafter these lines:\n%s", err, last[n-1], strings.Join(last[:n-1], "\n"))
	}
}

// result turns a program's output into a mission's result: JSON as it is, other text as a
// string, no output as null.
func result(output []byte) (json.RawMessage, error) {
	text := strings.TrimRight(string(output), "\r\n")
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if value := jsontext.Value(text); utf8.ValidString(text) && value.IsValid() {
		return json.RawMessage(value), nil
	}
	quoted, err := jsontext.AppendQuote(nil, strings.ToValidUTF8(text, "�"))
	if err != nil {
		return nil, agent.Permanent(fmt.Errorf("cannot encode the command's output as JSON: %w", err))
	}
	if len(quoted) > missions.MaxDataBytes {
		return nil, agent.Permanent(fmt.Errorf("the command's output is larger than %d KiB as a JSON string, the maximum size of a result", missions.MaxDataBytes>>10))
	}
	return json.RawMessage(quoted), nil
}

// pipes connect a program with this process.
type pipes struct {
	stdin          *os.File   // this process's end
	stdout, stderr *os.File   // this process's ends
	theirs         []*os.File // the program's ends
	ended          chan struct{}
}

// newPipes creates a command's pipes. They are files rather than writers, so that
// cmd.Wait waits only for the program, and not for processes it may have left behind.
func newPipes(cmd *exec.Cmd) (*pipes, error) {
	p := &pipes{ended: make(chan struct{}, 3)}
	var in, out, errs *os.File
	var err error
	if in, p.stdin, err = os.Pipe(); err == nil {
		if p.stdout, out, err = os.Pipe(); err == nil {
			p.stderr, errs, err = os.Pipe()
		}
	}
	for _, file := range []*os.File{in, out, errs} {
		if file != nil {
			p.theirs = append(p.theirs, file)
		}
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("cannot start the command: %w", err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, errs
	return p, nil
}

// close closes everything. Errors do not matter here.
func (p *pipes) close() {
	for _, file := range append([]*os.File{p.stdin, p.stdout, p.stderr}, p.theirs...) {
		if file != nil {
			_ = file.Close()
		}
	}
}

// begin starts to copy data after the program has started.
func (p *pipes) begin(stdin []byte, stdout, stderr func(io.Reader)) {
	for _, file := range p.theirs {
		_ = file.Close() // the program has its own
	}
	p.theirs = nil
	p.carry(func() {
		_, _ = p.stdin.Write(stdin) // a program need not read its input
		_ = p.stdin.Close()
	})
	p.carry(func() { stdout(p.stdout) })
	p.carry(func() { stderr(p.stderr) })
}

func (p *pipes) carry(move func()) {
	go func() {
		move()
		p.ended <- struct{}{}
	}()
}

// end waits until all output is read. A process that has left the process group may hold
// a pipe open forever, so end waits no longer than timeout.
func (p *pipes) end(timeout time.Duration) {
	_ = p.stdin.Close() // ends a write that nothing reads; may already be closed
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for range 3 {
		select {
		case <-p.ended:
			continue
		case <-timer.C:
		}
		_, _ = p.stdout.Close(), p.stderr.Close()
		<-p.ended
		timer.Reset(0)
	}
	p.close()
}
