// Package agent is a kit for writing an agent in Go. Give it a handler. It registers,
// sends heartbeats, claims missions, runs the handler for several missions at once,
// reports the outcomes, and drains when it is stopped.
//
//	err := agent.ConnectAndRun(ctx, "nats://127.0.0.1:4222", agent.Config{
//		ID:      "resizer-1",
//		Types:   []string{"resize"},
//		Handler: func(ctx context.Context, t *agent.Task) (any, error) { … },
//	})
//
// # What it takes care of
//
// Heartbeats are sent independently, on a connection of their own, however busy the
// handlers are, and renew every lease. A handler's context ends, with a cause, when its mission is cancelled, when
// its lease is lost (also because the supervisor cannot be reached), or when the agent
// stops for good. The result of a handler whose lease was lost is not sent. A result is
// sent until the supervisor has answered or the lease has ended.
//
// # Missions that take several turns
//
// A mission that fails, loses its agent or waits for something is claimed again, and its
// handler runs from the start. [Task.Checkpoint] keeps what the next turn needs, and
// [Task.Restore] returns it. [Task.Usage] counts what is spent. A handler that returns
// [Park] waits for people, missions or batches without a lease and without a slot.
// [Task.Signals] has what people say, [Task.Inputs] what the missions that it waited for
// have returned, and [Task.Create] creates children.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/wakeup"
)

// Handler works on one mission. Its result is encoded as JSON; a json.RawMessage is
// sent unchanged. An error fails the attempt. A failed attempt is retried while the
// mission has attempts left, unless the error is [Permanent]. [ErrStopping] returns the
// mission to the queue without using up an attempt, and so does an error that is
// [Unable]; one that is a [Parking] returns it until something happens. [RetryAfter] says when
// to retry. A handler should return soon after its context has ended; context.Cause says
// why it ended. Handlers run concurrently, up to Config.Concurrency.
type Handler func(ctx context.Context, t *Task) (result any, err error)

// Causes of the end of a handler's context.
var (
	ErrCancelled = errors.New("the mission was cancelled")
	ErrLeaseLost = errors.New("the lease was lost")
	ErrStopping  = errors.New("the agent is stopping")
)

// Config configures an agent.
type Config struct {
	ID          string            // 1 to 64 of A-Z a-z 0-9 _ -; default: a new one
	Name        string            // for display; default: ID
	Role        string            // for display
	Types       []string          // the missions it works on; required
	Concurrency int               // how many at once, 1 to 1000; default 1
	Version     string            // the agent's own
	Host        string            // default: the machine's host name
	Labels      map[string]string // for display
	Handler     Handler           // required

	// DrainTimeout is how long handlers may continue after Run's context has ended.
	// Then their own contexts end and their missions return to the queue; default 30 s.
	DrainTimeout time.Duration

	Tracer Tracer       // default: nothing is traced
	Logger *slog.Logger // default slog.Default

	rest func(n int) time.Duration // default restAfter
}

// WithDefaults returns cfg with its zero fields filled in.
func (cfg Config) WithDefaults() Config {
	if cfg.ID == "" {
		cfg.ID = "agent-" + uuid.NewString()[:8]
	}
	if cfg.Name == "" {
		cfg.Name = cfg.ID
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = 1
	}
	if cfg.Host == "" {
		cfg.Host, _ = os.Hostname() // a machine may have no name
	}
	if cfg.DrainTimeout == 0 {
		cfg.DrainTimeout = 30 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.rest == nil {
		cfg.rest = restAfter
	}
	return cfg
}

// Validate returns the first rule that cfg, with defaults, breaks.
func (cfg Config) Validate() error {
	if err := missions.CheckToken("agent id", cfg.ID); err != nil {
		return err
	}
	if cfg.Handler == nil {
		return errors.New("an agent needs a handler")
	}
	if cfg.Concurrency < 1 || cfg.Concurrency > missions.MaxBatch {
		return fmt.Errorf("concurrency must be between 1 and %d", missions.MaxBatch)
	}
	_, err := cfg.registration().Agent(cfg.ID)
	return err
}

func (cfg *Config) registration() *api.RegisterRequest {
	return &api.RegisterRequest{Name: cfg.Name, Role: cfg.Role, Types: cfg.Types, Capacity: cfg.Concurrency,
		Version: cfg.Version, Host: cfg.Host, Labels: cfg.Labels}
}

// Run runs an agent until ctx ends, drains it and sends the leave request. The
// connection remains the caller's, who should make it with [Dial];
// [ConnectAndRun] does. Heartbeats get a connection of their own with the same
// settings, so that they do not wait behind a large result on a slow link. Run waits
// for a supervisor that is unavailable. It returns an error for an invalid Config, if
// the supervisor refuses the agent, if the connection is closed for good
// ([ErrDisconnected]), and if the agent is unable to begin missions many times in a row
// ([Unable]).
func Run(ctx context.Context, nc *nats.Conn, cfg Config) error {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return err
	}
	claims, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	control := openControl(nc, &cfg)
	defer control.close()
	r := &runner{
		cfg: cfg, log: cfg.Logger.With("agent", cfg.ID), requests: control.work, control: control, stop: stop,
		arrivals: arrivals{nc: nc},
		running:  map[string]*Task{}, slots: make(chan struct{}, cfg.Concurrency), beatNow: wakeup.New(),
		completions: make(chan *completion, cfg.Concurrency),
	}
	warnOfSettings(r.log, cfg.ID, &nc.Opts)
	life, die := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	watching.Go(func() { r.watch(life, nc) })
	defer watching.Wait()
	defer die()
	commands, err := nc.Subscribe(api.CommandsSubject(cfg.ID), r.command)
	if err != nil {
		return fmt.Errorf("listen for commands: %w", err)
	}
	defer func() { _ = commands.Unsubscribe() }() // fails only on a closed connection
	if err := r.register(claims); err != nil {
		return stopped(ctx, claims, err)
	}
	r.run(ctx, claims)
	return stopped(ctx, claims, nil)
}

// stopped returns why an agent that was not told to stop has ended.
func stopped(ctx, claims context.Context, err error) error {
	select {
	case <-ctx.Done(): // ends claims, too
		return nil
	default:
	}
	if claims.Err() != nil {
		return context.Cause(claims)
	}
	return err
}

// runner is a running agent.
type runner struct {
	cfg      Config
	log      *slog.Logger
	requests *client.Agent
	control  *control
	arrivals arrivals

	beating  sync.Mutex // held for each heartbeat: a later one never overtakes it
	handlers sync.WaitGroup
	slots    chan struct{} // one entry for each busy slot
	beatNow  wakeup.Signal

	stop func(error) // ends the agent with an error after it has drained

	completions chan *completion
	troubled    atomic.Bool // the supervisor did not answer, and this was logged

	mu       sync.Mutex
	pace     pace
	running  map[string]*Task
	draining bool
	setbacks setbacks
}

// pace is how often to send heartbeats and how long a lease lasts, as the supervisor
// says.
type pace struct{ heartbeat, lease time.Duration }

func (r *runner) currentPace() pace {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pace
}

// trouble logs the first of a series of failures as a warning, and the others at debug
// level.
func (r *runner) trouble(what string, err error) {
	level := slog.LevelWarn
	if r.troubled.Swap(true) {
		level = slog.LevelDebug
	}
	r.log.Log(context.Background(), level, what, "error", err) //nolint:sloglint // each caller's is constant
}

// answered ends a series of failures.
func (r *runner) answered() {
	if r.troubled.Swap(false) {
		r.log.Info("the supervisor answers again")
	}
}

// pause is how long the agent waits before it retries a failed request.
const pause = 500 * time.Millisecond

// register registers the agent, however long that takes.
func (r *runner) register(ctx context.Context) error {
	for {
		reply, err := r.control.requests().Register(ctx, *r.cfg.registration())
		switch {
		case err == nil:
			r.answered()
			return r.setPace(pace{seconds(reply.HeartbeatSeconds), seconds(reply.LeaseSeconds)})
		case errors.Is(err, api.ErrInvalid), errors.Is(err, api.ErrTooLarge):
			return fmt.Errorf("the supervisor refused the agent: %w", err)
		}
		if ctx.Err() == nil {
			r.control.unanswered()
			r.trouble("cannot register; trying again", err)
		}
		if !sleep(ctx, pause) {
			return ctx.Err()
		}
	}
}

func (r *runner) setPace(p pace) error {
	if p.heartbeat <= 0 || p.lease <= 0 {
		return fmt.Errorf("the supervisor gave a heartbeat of %s and a lease of %s", p.heartbeat, p.lease)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pace = p
	return nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// sleep returns false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// run claims missions and sends heartbeats until claims ends, and then drains. Handlers
// have the values of ctx.
func (r *runner) run(ctx, claims context.Context) {
	values := context.WithoutCancel(ctx)
	life, die := context.WithCancel(values)
	defer die()
	var loops sync.WaitGroup
	loops.Go(func() { r.beat(life) })
	loops.Go(func() { r.watchLeases(life) })
	loops.Go(func() { r.reportCompletions(life) })
	r.claim(claims, values)

	r.mu.Lock()
	r.draining = true
	r.mu.Unlock()
	r.beatNow.Send()
	r.drain()
	die()
	loops.Wait()
	r.arrivals.pings.Wait()

	leaveCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := r.control.requests().Leave(leaveCtx); err != nil {
		r.log.Warn("cannot send the leave request; the supervisor will notice that the agent is offline", "error", err)
	}
}

// drain waits for the handlers, and ends them if they take too long.
func (r *runner) drain() {
	done := make(chan struct{})
	go func() {
		r.handlers.Wait()
		close(done)
	}()
	timer := time.NewTimer(r.cfg.DrainTimeout)
	defer timer.Stop()
	select {
	case <-done:
		return
	case <-timer.C:
	}
	r.endAll(ErrStopping)
	<-done
}
