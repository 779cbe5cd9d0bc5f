package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// ErrDisconnected means that the agent's connection to the broker was closed for good.
var ErrDisconnected = errors.New("the agent's connection to the broker is closed for good")

// warnOfSettings says which settings of a connection will leave the agent deaf one day.
func warnOfSettings(log *slog.Logger, id string, o *nats.Options) {
	if !o.AllowReconnect || o.MaxReconnect >= 0 {
		log.Warn("the agent's connection gives up if the broker is unavailable for long, and the agent then stops; set nats.MaxReconnects(-1), or use agent.Dial")
	}
	if !o.IgnoreAuthErrorAbort {
		log.Warn("the agent's connection gives up if the broker rejects the credentials twice, and the agent then stops; set nats.IgnoreAuthErrorAbort(), or use agent.Dial")
	}
	if o.Name != api.ConnectionName(id) {
		log.Info("if the agent dies, the supervisor notices only when the leases expire, because the connection is not named "+api.ConnectionName(id)+"; use agent.Dial", "name", o.Name) //nolint:sloglint // one of few
	}
}

// watch stops the agent when its connection is closed for good. It returns when ctx ends.
func (r *runner) watch(ctx context.Context, nc *nats.Conn) {
	closed := nc.StatusChanged(nats.CLOSED)
	defer nc.RemoveStatusListener(closed)
	if !nc.IsClosed() {
		select {
		case <-closed:
		case <-ctx.Done():
			return
		}
	}
	reason := ErrDisconnected
	if err := nc.LastError(); err != nil {
		reason = fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	r.stop(reason)
	r.endAll(ErrLeaseLost) // nothing can be reported any more
}

// endAll ends all handlers.
func (r *runner) endAll(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.running {
		t.end(cause)
	}
}

// control carries what must not wait behind claims, logs and reports, which share the
// agent's connection: heartbeats. It is a second connection, and the agent's own while
// that one does not work.
type control struct {
	work, beats *client.Agent
	nc          *nats.Conn // of beats; nil if there is none
	detour      atomic.Bool
}

// openControl opens the second connection, with the settings of the first. Its name is
// another one: the supervisor takes the end of a connection that is named after an agent
// for the agent's death.
func openControl(work *nats.Conn, cfg *Config) *control {
	c := &control{work: client.New(work).Agent(cfg.ID)}
	o := work.Opts
	o.Name = heartbeatsName(cfg.ID)
	o.AllowReconnect, o.MaxReconnect, o.IgnoreAuthErrorAbort, o.RetryOnFailedConnect = true, -1, true, true
	o.PingInterval, o.MaxPingsOut = 5*time.Second, 2
	o.ClosedCB, o.ConnectedCB, o.ReconnectedCB, o.DisconnectedCB, o.ReconnectErrCB = nil, nil, nil, nil, nil
	o.DiscoveredServersCB, o.LameDuckModeHandler = nil, nil
	o.AsyncErrorCB = func(*nats.Conn, *nats.Subscription, error) {} // the heartbeats say what they meet
	o.DisconnectedErrCB = func(_ *nats.Conn, err error) {
		// The broker does not answer, and the other connection, which pings rarely, does
		// not know it yet.
		if errors.Is(err, nats.ErrStaleConnection) {
			_ = work.ForceReconnect() // fails only on a closed connection
		}
	}
	nc, err := o.Connect()
	if err != nil {
		cfg.Logger.Warn("cannot open a second connection for heartbeats; they will wait behind large results", "agent", cfg.ID, "error", err)
		return c
	}
	c.nc, c.beats = nc, client.New(nc).Agent(cfg.ID)
	return c
}

func heartbeatsName(id string) string { return "agent-heartbeats:" + id }

func (c *control) close() {
	if c.nc != nil {
		c.nc.Close()
	}
}

// requests returns what to send the next heartbeat with.
func (c *control) requests() *client.Agent {
	if c.nc == nil || !c.nc.IsConnected() || c.detour.Load() {
		return c.work
	}
	return c.beats
}

// unanswered makes the next heartbeat take the other connection.
func (c *control) unanswered() { c.detour.Store(!c.detour.Load()) }
