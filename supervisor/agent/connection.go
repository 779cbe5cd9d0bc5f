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

// ConnectionOptions returns what the connection of the agent with this id needs: the name
// by which the supervisor notices at once that the agent died, the agent's own inbox, and
// reconnecting soon and forever, even if the broker refuses the sign-in for a while.
// Options that follow these replace them.
func ConnectionOptions(id string) []nats.Option {
	return []nats.Option{
		nats.Name(api.ConnectionName(id)), ownInbox(id),
		nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(200 * time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 200*time.Millisecond), // within the grace period
		// A ping waits behind a large report, and over a slow link that takes long. The
		// connection of the heartbeats notices sooner that the broker is gone.
		nats.PingInterval(20 * time.Second), nats.MaxPingsOutstanding(3),
	}
}

// ownInbox sets an inbox that only the agent may subscribe to, if the broker uses roles
// and no other inbox was set.
func ownInbox(id string) nats.Option {
	return func(o *nats.Options) error {
		if o.InboxPrefix == "" {
			o.InboxPrefix = api.InboxPrefix(id)
		}
		return nil
	}
}

// ConnectAndRun connects to the broker at url, which may be several URLs separated by
// commas, with [ConnectionOptions], and runs an agent like [Run] does. options are
// added, for example for credentials. ConnectAndRun waits for a broker that is
// unavailable. It returns an error if the broker refuses the agent when it first
// connects, and the errors of Run.
func ConnectAndRun(ctx context.Context, url string, cfg Config, options ...nats.Option) error {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return err
	}
	var lastError atomic.Value // a broker that refuses the sign-in says so at every attempt
	log := cfg.Logger.With("agent", cfg.ID)
	all := append(ConnectionOptions(cfg.ID),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("the broker is unavailable; waiting for it", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { lastError.Store(""); log.Info("the broker is back") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if lastError.Swap(err.Error()) != err.Error() {
				log.Warn("error on the connection to the broker", "error", err)
			}
		}))
	all = append(all, options...)
	nc, err := nats.Connect(url, all...)
	if errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) {
		log.Warn("the broker is unavailable; waiting for it", "error", err)
		nc, err = nats.Connect(url, append(all, nats.RetryOnFailedConnect(true))...)
	}
	if err != nil {
		return fmt.Errorf("connect to the broker: %w", err)
	}
	defer nc.Close()
	return Run(ctx, nc, cfg)
}

// warnOfSettings says which settings of a connection will leave the agent deaf one day.
func warnOfSettings(log *slog.Logger, id string, o *nats.Options) {
	if !o.AllowReconnect || o.MaxReconnect >= 0 {
		log.Warn("the agent's connection gives up if the broker is unavailable for long, and the agent then stops; set nats.MaxReconnects(-1), or use agent.ConnectAndRun")
	}
	if !o.IgnoreAuthErrorAbort {
		log.Warn("the agent's connection gives up if the broker rejects the credentials twice, and the agent then stops; set nats.IgnoreAuthErrorAbort(), or use agent.ConnectAndRun")
	}
	if o.Name != api.ConnectionName(id) {
		log.Info("if the agent dies, the supervisor notices only when the leases expire, because the connection is not named "+api.ConnectionName(id)+"; use agent.ConnectAndRun", "name", o.Name) //nolint:sloglint // one of few
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
