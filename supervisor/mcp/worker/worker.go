// Package worker is an agent without a handler: whoever calls its methods works on the
// missions. It registers, sends heartbeats, holds the leases of what was claimed, and knows
// which missions were cancelled, were lost or have signals. A request about a mission is
// refused once the mission is no longer the agent's.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/wakeup"
)

// Config describes the agent.
type Config struct {
	ID       string
	Name     string   // for people; default: ID
	Role     string   // for people
	Types    []string // of the missions that it works on
	Capacity int      // how many missions it may hold at once, 1 to 10000; default 1
	Version  string
	Logger   *slog.Logger
}

func (cfg *Config) registration() *api.RegisterRequest {
	host, _ := os.Hostname() // a machine may have no name
	return &api.RegisterRequest{Name: cfg.Name, Role: cfg.Role, Types: cfg.Types, Capacity: cfg.Capacity, Version: cfg.Version, Host: host}
}

// Worker is a running agent. Its methods may be called concurrently. Their errors are those of
// package client, or of the context.
type Worker struct {
	cfg      Config
	work     *client.Client
	control  *client.Agent // on another connection: heartbeats do not wait behind a large result
	commands *nats.Subscription
	loop     sync.WaitGroup
	stop     context.CancelFunc
	beating  sync.Mutex // held for each heartbeat: a later one never overtakes it
	beatNow  wakeup.Signal

	mu         sync.Mutex
	troubled   bool // the supervisor did not answer, and that was logged
	registered bool
	heartbeat  time.Duration
	lease      time.Duration
	held       map[string]*holding
	order      []string      // of the missions in held, the earliest claim first
	changed    chan struct{} // closed by the next change of what is known
}

// Start starts an agent. work should be made with agent.ConnectionOptions, so that the end of
// the process is noticed; control is a second connection with another name. Both remain the
// caller's. Start does not wait for a supervisor: the first claim does. The error says what is
// wrong with cfg.
func Start(work, control *nats.Conn, cfg Config) (*Worker, error) {
	if cfg.Name == "" {
		cfg.Name = cfg.ID
	}
	if cfg.Capacity == 0 {
		cfg.Capacity = 1
	}
	if _, err := cfg.registration().Agent(cfg.ID); err != nil {
		return nil, err
	}
	w := &Worker{
		cfg: cfg, work: client.New(work), control: client.New(control).Agent(cfg.ID),
		beatNow: wakeup.New(), held: map[string]*holding{}, changed: make(chan struct{}),
	}
	var err error
	if w.commands, err = work.Subscribe(api.CommandsSubject(cfg.ID), w.command); err != nil {
		return nil, fmt.Errorf("listen for commands: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.loop.Go(func() { w.run(ctx) })
	return w, nil
}

// Close takes the agent offline. The missions that it holds return to the queue, without
// using up an attempt. The error says that the supervisor was not reached: it notices the end
// of the connection instead.
func (w *Worker) Close(ctx context.Context) error {
	w.stop()
	w.loop.Wait()
	_ = w.commands.Unsubscribe() // fails only on a closed connection
	w.mu.Lock()
	known := w.registered
	w.mu.Unlock()
	if !known {
		return nil
	}
	return w.control.Leave(ctx)
}

// ID returns the agent's id.
func (w *Worker) ID() string { return w.cfg.ID }

// claimWait is how long one claim is parked, in seconds. A supervisor that is killed loses the
// claims parked there, so it asks often.
const claimWait = 5

// Claim claims a mission, and waits for one at most as long as wait says. The reply is an
// [api.Claimed] with one mission or none. A worker that holds as many missions as it may is
// refused with an [api.ErrConflict] that names them.
func (w *Worker) Claim(ctx context.Context, wait time.Duration) (jsontext.Value, error) {
	until := time.Now().Add(wait)
	if err := w.awaitRegistered(ctx, until); err != nil {
		return nil, err
	}
	for {
		if err := w.room(); err != nil {
			return nil, err
		}
		reply, got, err := w.claimOnce(ctx, min(claimWait, time.Until(until).Seconds()))
		switch {
		case got:
			return reply, nil
		case time.Until(until) <= 0 || ctx.Err() != nil:
			return reply, err
		case err != nil && !pause(ctx):
			return nil, err
		}
	}
}

// claimOnce sends one claim, and reports whether it got a mission.
func (w *Worker) claimOnce(ctx context.Context, wait float64) (reply jsontext.Value, got bool, err error) {
	request := api.ClaimRequest{Max: 1, WaitSeconds: max(0, wait)}
	if err := w.work.Do(ctx, api.AgentSubject(w.cfg.ID, api.OpClaim.Verb), request, &reply); err != nil {
		if errors.Is(err, api.ErrNotFound) || errors.Is(err, api.ErrConflict) {
			w.beatNow.Send() // which registers it again
		}
		return nil, false, err
	}
	var claimed api.Claimed
	if err := api.DecodeReply(reply, &claimed); err != nil {
		return nil, false, fmt.Errorf("decode the reply to a claim: %w", err)
	}
	if len(claimed.Missions) == 0 {
		return reply, false, nil
	}
	w.hold(&claimed.Missions[0])
	return reply, true, nil
}

// room refuses a claim if the worker holds as many missions as it may.
func (w *Worker) room() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []string
	for _, id := range w.order {
		if w.held[id].current(time.Now()) == nil {
			ids = append(ids, id)
		}
	}
	if len(ids) < w.cfg.Capacity {
		return nil
	}
	return &api.Error{Code: missions.CodeConflict, Message: fmt.Sprintf("the agent holds as many missions as it may (%d): %s; complete, fail, release or park one first",
		w.cfg.Capacity, strings.Join(ids, ", "))}
}

// awaitRegistered waits until the agent is registered.
func (w *Worker) awaitRegistered(ctx context.Context, until time.Time) error {
	timer := time.NewTimer(max(time.Until(until), registerWait))
	defer timer.Stop()
	for {
		w.mu.Lock()
		registered, changed := w.registered, w.changed
		w.mu.Unlock()
		if registered {
			return nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return &api.Error{Code: missions.CodeUnavailable, Message: "the supervisor has not answered yet; try again later", NothingDone: true}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

const (
	registerWait = 5 * time.Second        // how long a claim at least waits for the registration
	retryPause   = 200 * time.Millisecond // before a request is sent again
)

// pause waits before a request is sent again. It returns false when ctx ends first.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(retryPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
