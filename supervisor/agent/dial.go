package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Reconnecting takes at most 250 ms from one attempt to the next, so that an agent is back
// within the grace period after which the supervisor gives its missions to others.
const (
	reconnectWait   = 150 * time.Millisecond
	reconnectJitter = 100 * time.Millisecond
)

// ConnectionOptions returns what the connection of the agent with this id needs: the name
// by which the supervisor notices at once that the agent died, the agent's own inbox, and
// reconnecting soon and forever, even if the broker refuses the sign-in for a while.
// Options that follow these replace them. [Dial] uses them.
func ConnectionOptions(id string) []nats.Option {
	return append(required(id),
		// A ping waits behind a large report, and over a slow link that takes long. The
		// connection of the heartbeats notices sooner that the broker is gone.
		nats.PingInterval(20*time.Second), nats.MaxPingsOutstanding(3),
	)
}

// required returns the options without which an agent would one day be deaf, or its death
// be noticed late.
func required(id string) []nats.Option {
	return []nats.Option{
		nats.Name(api.ConnectionName(id)), ownInbox(id),
		reconnecting, nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectJitter, reconnectJitter),
	}
}

// reconnecting takes back [nats.NoReconnect], and a delay of the caller's own.
func reconnecting(o *nats.Options) error {
	o.AllowReconnect, o.CustomReconnectDelayCB = true, nil
	return nil
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

// Dial returns a connection for the agent with this id, to be used with [Run] or with a
// client of package client. url may be several URLs of brokers, separated by commas.
// options are added, for example for credentials, but cannot take away what an agent needs:
// the name agent:ID, by which the supervisor notices at once that the agent died; and
// reconnecting forever, with at most 250 ms between attempts, even if the broker refuses the
// sign-in for a while. Its inbox is the agent's own, _INBOX.ID, unless options set another.
// It logs to slog.Default what happens to the connection, unless options have handlers.
//
// Dial waits for no broker: if none can be reached, it returns a connection that keeps
// trying. The error is about id or url, or the broker's refusal of the sign-in. The caller
// closes the connection.
func Dial(url, id string, options ...nats.Option) (*nats.Conn, error) {
	if err := missions.CheckToken("agent id", id); err != nil {
		return nil, err
	}
	return dial(url, id, slog.Default(), options)
}

func dial(url, id string, log *slog.Logger, options []nats.Option) (*nats.Conn, error) {
	if err := checkURLs(url); err != nil {
		return nil, err
	}
	all := slices.Concat(ConnectionOptions(id), tellingOf(log.With("agent", id)), options, required(id))
	nc, err := nats.Connect(url, all...)
	if unreachable(err) {
		log.Warn("the broker is unavailable; waiting for it", "agent", id, "error", err)
		nc, err = nats.Connect(url, append(all, nats.RetryOnFailedConnect(true))...)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the broker: %w", err)
	}
	return nc, nil
}

// unreachable returns whether an error of connecting means that no broker is there, rather
// than that one refuses the agent. What stands before a broker that is down accepts a
// connection and closes it.
func unreachable(err error) bool {
	var network *net.OpError
	broken := errors.As(err, &network) && (network.Op == "read" || network.Op == "write") // else it is of TLS
	return broken || errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, io.EOF)
}

// checkURLs refuses what the client of NATS would take for the address of a broker that is
// never there. The error does not quote passwords.
func checkURLs(list string) error {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		scheme, _, found := strings.Cut(one, "://")
		switch {
		case one == "":
			return errors.New("url: the URL of a broker is missing; write it like nats://127.0.0.1:4222")
		case found && !slices.Contains([]string{"nats", "tls", "ws", "wss"}, scheme):
			return fmt.Errorf("url: %q is not a scheme of a broker's URL; write it like nats://127.0.0.1:4222", scheme)
		}
	}
	return nil
}

// tellingOf returns options that log what happens to a connection.
func tellingOf(log *slog.Logger) []nats.Option {
	var lastError atomic.Value // a broker that refuses the sign-in says so at every attempt
	return []nats.Option{
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
		}),
	}
}

// ConnectAndRun runs an agent like [Run] does, on a connection like that of [Dial], which it
// closes at the end. It waits for a broker that is unavailable. It returns an error if the
// broker refuses the agent when it first connects, and the errors of Dial and of Run.
func ConnectAndRun(ctx context.Context, url string, cfg Config, options ...nats.Option) error {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return err
	}
	nc, err := dial(url, cfg.ID, cfg.Logger, options)
	if err != nil {
		return err
	}
	defer nc.Close()
	return Run(ctx, nc, cfg)
}
