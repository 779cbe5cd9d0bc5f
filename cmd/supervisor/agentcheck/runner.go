package agentcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// options are what a user may say about a run.
type options struct {
	command   []string
	http      bool
	only      []string // names of checks; none: all
	parallel  int
	heartbeat time.Duration
	patience  time.Duration                    // for what the protocol sets no time for
	tries     int                              // of a check, while the machine is too slow to judge by time
	output    io.Writer                        // gets what the programs print; may be nil
	trace     func(format string, args ...any) // gets what is said; may be nil
}

// leaseBeats is how many heartbeats a lease lasts.
const leaseBeats = 5

// result is what became of one check.
type result struct {
	Check    string  `json:"check"`
	Status   status  `json:"status"`
	Expected string  `json:"expected"` // what an agent does
	Seen     string  `json:"seen"`     // what this one did; "" if the check has passed
	Seconds  float64 `json:"seconds"`  // that the check took
}

// runner runs checks.
type runner struct {
	options
	pulse *pulse
}

// run runs the checks, and calls progress after each. An error means that they could not be
// run.
func run(ctx context.Context, o options, progress func(done, all int)) ([]result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &runner{options: o, pulse: &pulse{}}
	var beating sync.WaitGroup
	beating.Go(func() { r.pulse.beat(ctx) })
	defer beating.Wait()
	defer cancel()

	var todo []*check
	for i := range checks {
		if c := &checks[i]; c.over(o.http) && (len(o.only) == 0 || slices.Contains(o.only, c.name)) {
			todo = append(todo, c)
		}
	}
	results := make([]result, len(todo))
	errs := make([]error, len(todo))
	var mu sync.Mutex
	done := 0
	finish := func() {
		mu.Lock()
		defer mu.Unlock()
		done++
		progress(done, len(todo))
	}
	first := 0
	if len(todo) > 0 && todo[0].name == checks[0].name {
		first = 1
		if results[0], errs[0] = r.check(ctx, todo[0]); errs[0] != nil {
			return nil, errs[0]
		}
		finish()
	}
	hopeless := first == 1 && results[0].Status == failed
	free := make(chan struct{}, o.parallel)
	var running sync.WaitGroup
	for i := first; i < len(todo); i++ {
		if hopeless {
			results[i] = result{Check: todo[i].name, Status: skipped, Expected: todo[i].expects, Seen: "the agent does not register"}
			finish()
			continue
		}
		free <- struct{}{}
		running.Go(func() {
			defer func() { <-free }()
			if results[i], errs[i] = r.check(ctx, todo[i]); errs[i] == nil {
				finish()
			}
		})
	}
	running.Wait()
	return results, join(errs...)
}

// check runs one check. A machine that was late meanwhile, by the kit's own pulse, is given
// another chance: the agent may have been late for the same reason.
func (r *runner) check(ctx context.Context, c *check) (result, error) {
	begun := time.Now()
	for try := 1; ; try++ {
		from := time.Now()
		err := r.try(ctx, c)
		answer := result{Check: c.name, Status: passed, Expected: c.expects, Seconds: time.Since(begun).Round(time.Millisecond).Seconds()}
		var v *verdict
		switch {
		case errors.As(err, &v):
			answer.Status, answer.Seen = v.status, v.saw
			if c.optional && v.status == failed {
				answer.Status = warned
			}
		case err != nil:
			return answer, fmt.Errorf("the check %s could not be run: %w", c.name, err)
		}
		if late := r.pulse.late(from); late < r.heartbeat/2 || try >= r.tries || answer.Status == passed || answer.Status == skipped {
			return answer, nil
		}
	}
}

// try runs a check once, with a transport, a script and a program of its own. An error that is
// not a verdict means that it could not.
func (r *runner) try(ctx context.Context, c *check) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t, token, err := r.prepare(ctx, c)
	if err != nil {
		return err
	}
	defer t.carrier.close()
	argv, env := r.invocation(t, token)
	if t.program, err = startProgram(argv, env, r.output, func() { t.do(func() {}) }); err != nil {
		return err
	}
	defer t.program.kill()
	if c.name != checks[0].name && !c.withToken {
		if err := t.registered(); err != nil {
			return err
		}
	}
	if err := c.run(t); err != nil {
		if invalid := t.invalid(); invalid != nil && ctx.Err() == nil {
			return invalid // probably why
		}
		return err
	}
	return t.invalid()
}

// prepare returns a trial without its program.
func (r *runner) prepare(ctx context.Context, c *check) (t *trial, token string, err error) {
	heartbeat := r.heartbeat
	if c.heartbeat != 0 {
		heartbeat = c.heartbeat
	}
	id := "check-" + c.name + "-" + uuid.NewString()[:8]
	s := newScript(id, pace{heartbeat, leaseBeats * heartbeat})
	s.newer = c.name == "unknown"
	if r.trace != nil {
		s.trace = func(format string, args ...any) { r.trace(c.name+" "+format, args...) }
	}
	if c.withToken {
		token = uuid.NewString()
	}
	t = &trial{script: s, ctx: ctx, pulse: r.pulse, begun: time.Now(), patience: r.patience}
	if r.http {
		t.http, err = newHTTP(ctx, s, token)
		t.carrier = t.http
	} else {
		t.nats, err = newNATS(ctx, s)
		t.carrier = t.nats
	}
	return t, token, err
}

// invocation returns the command and the variables of the program under test.
func (r *runner) invocation(t *trial, token string) (argv, env []string) {
	natsURL, httpURL := "", ""
	if r.http {
		httpURL = t.carrier.url()
	} else {
		natsURL = t.carrier.url()
	}
	words := strings.NewReplacer("{nats}", natsURL, "{http}", httpURL, "{agent}", t.agentID)
	for _, word := range r.command {
		argv = append(argv, words.Replace(word))
	}
	env = []string{"CHECK_AGENT_ID=" + t.agentID, "CHECK_NATS_URL=" + natsURL, "CHECK_HTTP_URL=" + httpURL, "CHECK_TOKEN=" + token}
	return argv, env
}
