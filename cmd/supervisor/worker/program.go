package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

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
	env     []string // all of it
	dir     string   // where it runs, "" where this process does
	stdin   []byte
	log     func(line string) // called for each line of its standard error, and of its output if logOutput is set
	shows   func(line string) // called for what it shows without ending the line; "" for other signs of work
	remark  func(text string) // called for what its user should know about the result
	reports *reportPipe
	lines   *reportLines // does what it reports

	logOutput  bool // standard output is logged, and is not the result
	directives bool // lines that are logged may be directives, which lines does

	began   func() (stop func()) // called when it has started; stop is called when it has ended
	stall   time.Duration        // how long it may show no sign of work; 0 for ever
	guard   *guard
	mark    string // a variable in env by which what it leaves behind is known; "" if that is not inherited
	stopNow <-chan struct{}
	grace   time.Duration
}

// run runs the program to its end, or stops it when ctx ends, and returns its result.
// When run returns, nothing of the program's process group is left, and nothing else that it
// has started either, if this process inherits that.
func (p *program) run(ctx context.Context) (json.RawMessage, error) {
	// The kernel kills the program when the thread that started it ends, and so also when
	// this process ends: a killed agent leaves no program behind.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Env = p.env
	if p.dir != "" {
		cmd.Dir, cmd.Env = p.dir, append(p.env, "PWD="+p.dir)
	}
	ownSession(cmd)
	pipes, err := newPipes(cmd)
	if err != nil {
		return nil, err
	}
	p.reports.attach(cmd)
	if err := children.start(cmd); err != nil {
		pipes.close()
		return nil, notStarted(err)
	}
	p.guard.began(cmd)
	p.reports.begin(p.lines)
	stop := p.began()
	out := p.newOutput(ctx)
	pipes.begin(p.stdin, out.readStdout, out.readStderr)
	ended, reporting := make(chan struct{}), sync.WaitGroup{}
	reporting.Go(func() { out.shown.report(ended, p.stall, p.shows) })

	err = p.wait(ctx, cmd, out.tooMuch())
	killGroup(cmd)
	if p.mark != "" {
		killDescendants(p.mark, outputGrace)
	}
	p.guard.ended(cmd)
	pipes.end(outputGrace)
	out.log.end()
	p.reports.end()
	stop()
	close(ended)
	reporting.Wait()

	switch {
	case out.full():
		return nil, agent.Permanent(errTooMuch)
	case errors.Is(err, errStopNow), ctx.Err() != nil:
		return nil, err
	case err != nil:
		return nil, withReason(err, out.last())
	}
	return result(out.printed(), p.remark)
}

// notStarted is the error of a command that could not be started. Whatever the reason, it
// is this machine's: the command is the same for every mission.
func notStarted(err error) error {
	return agent.Unable(fmt.Errorf("the command could not be started: %w", err))
}

// wait waits for the program. It stops the program when ctx ends, on the second Ctrl-C, and
// when the output is too large.
func (p *program) wait(ctx context.Context, cmd *exec.Cmd, tooMuch <-chan struct{}) error {
	var result error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		result = children.wait(cmd)
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
// says why, stands in the first line, too, so that it is the one shown where only one fits.
func withReason(err error, last []string) error {
	switch n := len(last); n {
	case 0:
		return err
	case 1:
		return fmt.Errorf("%w: %s", err, last[0])
	default:
		return fmt.Errorf("%w: %s\nits last lines:\n%s", err, last[n-1], strings.Join(last, "\n"))
	}
}
