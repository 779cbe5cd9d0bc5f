package serve

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/fileperm"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/roles"
)

func (h *instance) startBroker(ctx context.Context) error {
	if h.cfg.Server != "" {
		return nil
	}
	host, portText, err := net.SplitHostPort(h.cfg.Listen)
	if err != nil {
		return fmt.Errorf("--listen %s is not an address like 127.0.0.1:4222", h.cfg.Listen)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return fmt.Errorf("--listen %s is not an address like 127.0.0.1:4222", h.cfg.Listen)
	}
	if err := h.admitLocal(); err != nil {
		return err
	}
	h.broker, err = embedded.Start(ctx, embedded.Config{
		Host: host, Port: port, StoreDir: filepath.Join(h.cfg.DataDir, config.JetStreamName), Logger: h.log.With("part", "broker"),
		Access: h.cfg.Access, TLS: h.cfg.ListenTLS,
	})
	if err != nil {
		return err
	}
	h.cfg.Server = h.broker.ClientURL()
	h.onStop(h.broker.Shutdown)
	return h.leaveLocalBroker()
}

// admitLocal adds an admin for commands of the same user on this machine, such as backup.
func (h *instance) admitLocal() error {
	if h.cfg.Access == nil {
		return nil
	}
	key, err := nkeys.CreateUser()
	if err != nil {
		return err
	}
	public, err := key.PublicKey()
	if err != nil {
		return err
	}
	seed, err := key.Seed()
	h.localSeed = string(seed)
	h.local = embedded.User{NKey: public, Permissions: embedded.Permissions(roles.Admin.Permissions(""))}
	access := *h.cfg.Access
	access.Users = append(slices.Clone(access.Users), h.local)
	h.cfg.Access = &access
	return err
}

// leaveLocalBroker leaves in the data directory how such commands reach the broker.
func (h *instance) leaveLocalBroker() error {
	if err := h.writeLocalBroker(); err != nil {
		return err
	}
	h.onStop(func(context.Context) error {
		_ = config.RemoveLocalBroker(h.cfg.DataDir) // it is of no use any more, and does no harm
		return nil
	})
	return nil
}

func (h *instance) writeLocalBroker() error {
	local := config.LocalBroker{URL: h.broker.ClientURL(), Seed: h.localSeed}
	if secure := h.brokerTLS.current.Load(); secure != nil {
		local.Certificate = secure.Certificates[0].Certificate[0]
	}
	if err := local.Write(h.cfg.DataDir); err != nil {
		return fmt.Errorf("%s cannot be written in %s: %w", config.LocalBrokerName, h.cfg.DataDir, fileperm.Cause(err))
	}
	return nil
}

// brokerRefused returns a function that counts what the embedded broker refuses; nil
// without one.
func (h *instance) brokerRefused() func() map[string]uint64 {
	if h.broker == nil {
		return nil
	}
	return h.broker.Refused
}

func (h *instance) startStream(ctx context.Context) error {
	stream, err := eventstream.Open(eventstream.Config{
		URL: h.cfg.Server, Options: h.signIn(), Replicas: h.cfg.Replicas,
		MaxAge: h.cfg.EventRetention, Uncompressed: h.cfg.EventCompression == "none", Logger: h.log.With("part", "events"),
	})
	if err != nil {
		return err
	}
	h.stream = stream
	h.onStop(func(ctx context.Context) error {
		if err := stream.Close(ctx); err != nil {
			h.log.Warn("unsent telemetry is lost", "error", err)
		}
		return nil
	})
	return nil
}

// streamTimeout is how long the start waits for the event stream, so that the banner
// shows its settled state rather than that of the first millisecond.
const streamTimeout = 2 * time.Second

func (h *instance) awaitStream(ctx context.Context) {
	timer := time.NewTimer(streamTimeout)
	defer timer.Stop()
	for {
		changed := h.stream.Changed()
		if h.stream.Status().State == eventstream.Connected {
			return
		}
		select {
		case <-changed:
		case <-timer.C: // the supervisor can run degraded
			return
		case <-ctx.Done():
			return
		}
	}
}

// connect opens the connection that receives requests. It is separate from the event
// stream's, so that neither can slow down or disconnect the other.
func (h *instance) connect(ctx context.Context) error {
	var away atomic.Bool
	var lastError atomic.Value // a broker that refuses the sign-in says so at every attempt
	joined := func(nc *nats.Conn) {
		lastError.Store("")
		if away.Swap(false) {
			h.log.Info("the broker is back", "url", nc.ConnectedUrlRedacted())
			h.warnOfForeignStreams()
			h.warnOfDegradation(ctx)
		}
	}
	options := append([]nats.Option{}, h.signIn()...)
	options = append(options,
		nats.Name("supervisor"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1),
		nats.ReconnectWait(100*time.Millisecond), nats.ReconnectJitter(50*time.Millisecond, 200*time.Millisecond),
		nats.IgnoreAuthErrorAbort(), nats.PingInterval(5*time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				away.Store(true)
				h.log.Warn("lost the connection to the broker: requests over NATS cannot reach this supervisor until it is back", "error", err)
			}
		}),
		nats.ConnectHandler(joined), nats.ReconnectHandler(joined),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if lastError.Swap(err.Error()) != err.Error() {
				h.log.Warn("error on the broker connection", "error", err)
			}
		}),
		nats.ClosedHandler(h.lost("the connection to the broker")),
	)
	nc, err := nats.Connect(h.cfg.Server, options...)
	if err != nil {
		return fmt.Errorf("--server %s cannot be used: %w", eventstream.RedactURL(h.cfg.Server), err)
	}
	if !nc.IsConnected() {
		away.Store(true)
		h.log.Warn("cannot reach the broker yet; connecting when it is available", "server", eventstream.RedactURL(h.cfg.Server))
	}
	h.nc = nc
	h.onStop(func(context.Context) error { nc.SetClosedHandler(nil); nc.Close(); return nil })
	return nil
}

// lost returns a handler that ends the supervisor when a connection is closed for good:
// nobody could reach it any more.
func (h *instance) lost(what string) nats.ConnHandler {
	return func(nc *nats.Conn) {
		err := fmt.Errorf("%s is closed for good: %w", what, cmp.Or(nc.LastError(), nats.ErrConnectionClosed))
		select {
		case h.closed <- err:
		default: // another one was first
		}
	}
}

// warnOfForeignStreams looks for streams that cover the supervisor's request subjects.
// Such a stream answers requests with its own acknowledgements.
func (h *instance) warnOfForeignStreams() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	names, err := h.stream.ForeignStreams(ctx, api.SubjectAll)
	if err != nil {
		h.log.Debug("cannot check the streams", "error", err)
		return
	}
	if len(names) > 0 {
		h.log.Error("a stream covers supervisor.> and will answer requests with its own acknowledgements; remove that subject from it",
			"streams", names)
	}
}

// warnOfDegradation warns if a broker that is back does not accept events. The event
// stream logged only the beginning, which had another reason.
func (h *instance) warnOfDegradation(ctx context.Context) {
	h.awaitStream(ctx)
	if status := h.stream.Status(); status.State != eventstream.Connected && ctx.Err() == nil {
		h.log.Warn("the broker is back, but the event stream is still degraded", "reason", status.Reason)
	}
}
