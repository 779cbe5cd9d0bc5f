package serve

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/natsapi"
)

// connectSystem opens a connection to the broker's system account, which reports agents'
// connections. It always does so for the embedded broker, and for an external one if
// credentials are set. Only the detection of lost agents depends on it.
func (h *instance) connectSystem(context.Context) error {
	var err error
	switch {
	case h.broker != nil:
		h.system, err = h.broker.SystemConn(h.systemOptions()...)
	case h.cfg.SystemSignIn != nil:
		options := slices.Concat(h.cfg.NATS, h.cfg.SystemSignIn, h.systemOptions())
		if h.system, err = nats.Connect(withoutUsers(h.cfg.Server), options...); err != nil {
			err = fmt.Errorf("--server %s cannot be used for the system account: %w", eventstream.RedactURLs(h.cfg.Server), err)
		}
	default:
		h.log.Info("dead agents are detected only when their leases expire; to detect them at once, give --system-creds, or --system-user and --system-password")
	}
	if h.system != nil {
		h.onStop(func(context.Context) error { h.system.SetClosedHandler(nil); h.system.Close(); return nil })
	}
	return err
}

func (h *instance) systemOptions() []nats.Option {
	return []nats.Option{
		nats.Name("supervisor:system"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(100 * time.Millisecond), nats.ReconnectJitter(50*time.Millisecond, 200*time.Millisecond),
		nats.IgnoreAuthErrorAbort(), nats.PingInterval(5 * time.Second),
		nats.ClosedHandler(h.lost("the connection to the broker's system account")),
	}
}

// withoutUsers removes the users from URLs: they do not belong to the system account.
func withoutUsers(list string) string {
	urls := strings.Split(list, ",")
	for i, raw := range urls {
		if u, err := url.Parse(strings.TrimSpace(raw)); err == nil && u.User != nil {
			u.User = nil
			urls[i] = u.String()
		}
	}
	return strings.Join(urls, ",")
}

// connections returns the source of agents' connections; nil if there is none.
func (h *instance) connections() supervisor.Connections {
	if h.system == nil {
		return nil
	}
	return natsapi.NewAgentConnections(h.system, h.nc, h.log.With("part", "deaths"))
}

// syncInterval is how often the broker syncs acknowledged data to disk.
func (h *instance) syncInterval() time.Duration {
	if h.broker != nil {
		return embedded.DefaultSyncInterval
	}
	return h.cfg.BrokerSync
}
