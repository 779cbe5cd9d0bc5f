// Package serve runs a supervisor as a process: its broker, its store and its front ends,
// from start to stop.
package serve

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/sqlitestore"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/natsapi"
	"missioncontrol/supervisor/web"
)

// Info says where everything is, one line each.
type Info struct{ Broker, Store, Events, HTTP, Version string }

// stopTimeout is how long requests in progress may take when the supervisor stops.
const stopTimeout = 10 * time.Second

// instance is a running supervisor: its parts, in the order in which they start. They
// stop in the opposite order, so that each part still has what it depends on.
type instance struct {
	cfg config.Config
	log *slog.Logger

	broker      *embedded.Server
	id          string // of this supervisor
	store       missions.Store
	redis       *redisstore.Store                  // the store, if it is in Redis
	forwarding  atomic.Pointer[natsapi.Forwarding] // nil while there is no connection to the broker
	overHTTP    *web.Forwarder
	sharedStore bool          // whether other supervisors may use the same store
	http        *web.Listener // opened, until web serves on it; nil for none
	stream      *eventstream.Stream
	nc          *nats.Conn
	system      *nats.Conn // in the broker's system account; nil without credentials
	service     *supervisor.Service
	stopRun     func() // ends the service, which answers parked requests
	endpoints   *natsapi.Endpoints
	web         *web.Server
	local       embedded.User // the admin of commands on this machine
	localSeed   string        // of its key; "" if nobody has to sign in
	brokerTLS   *liveTLS
	httpTLS     *liveTLS
	stops       []func(context.Context) error
	started     []func()   // log lines for when everything has started
	closed      chan error // a connection was closed for good
}

// Run runs the supervisor until ctx ends and then stops it cleanly. An error at the
// start is one sentence for the user.
func Run(ctx context.Context, cfg config.Config, log *slog.Logger, ready func(Info)) error {
	h := &instance{cfg: cfg, log: log, closed: make(chan error, 1), id: supervisor.NewID(), overHTTP: web.NewForwarder()}
	err := h.start(ctx)
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		err = nil // told to stop while starting, which is a clean stop, too
	case err == nil:
		ready(h.info())
		select {
		case <-ctx.Done():
			log.Info("stopping: finishing requests in progress")
		case err = <-h.web.Failed():
		case err = <-h.closed:
		}
	}
	if err = errors.Join(err, h.stop()); err == nil {
		log.Info("stopped")
	}
	return err
}

func (h *instance) start(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		h.followTLS, h.checkDataDir, h.stopTracing, h.takeHTTP, h.startBroker, h.startStore, h.startStream, h.connect, h.connectSystem, h.startService, h.startWeb, h.watchAccess,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	h.awaitStream(ctx)
	h.warnOfExposure()
	h.logStarted()
	return nil
}

// onStop registers a function that stops a part.
func (h *instance) onStop(stop func(context.Context) error) { h.stops = append(h.stops, stop) }

// onStarted notes what to log once everything has started.
func (h *instance) onStarted(log func()) { h.started = append(h.started, log) }

func (h *instance) logStarted() {
	for _, log := range h.started {
		log()
	}
}

func (h *instance) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	for i := len(h.stops) - 1; i >= 0; i-- {
		errs = append(errs, h.stops[i](ctx))
	}
	return errors.Join(errs...)
}

// stopTracing sends the last spans after everything else has stopped.
func (h *instance) stopTracing(context.Context) error {
	h.onStop(func(ctx context.Context) error {
		if err := h.cfg.Tracer.Stop(ctx); err != nil {
			h.log.Warn("unsent traces are lost", "error", err)
		}
		return nil
	})
	return nil
}

func (h *instance) startStore(ctx context.Context) error {
	store, err := h.openStore(ctx)
	if err != nil {
		return err
	}
	h.store, h.sharedStore = store, h.storeIn().Shared()
	h.onStop(func(context.Context) error { return store.Close() })
	return nil
}

func (h *instance) openStore(ctx context.Context) (missions.Store, error) {
	log := h.log.With("part", "store")
	if path, ok := h.storeIn().Path(); ok {
		return sqlitestore.Open(sqlitestore.Config{Path: path, OutboxLimit: h.cfg.OutboxLimit, Logger: log})
	}
	var err error
	h.redis, err = redisstore.Open(ctx, redisstore.Config{
		URL: h.cfg.Store, OutboxLimit: h.cfg.OutboxLimit, Self: h.id, Address: h.advertised(), Send: h.forward, Logger: log,
	})
	return h.redis, err
}

func (h *instance) storeIn() config.StoreLocation {
	return config.StoreLocation{Text: h.cfg.Store, DataDir: h.cfg.DataDir}
}

func (h *instance) startService(ctx context.Context) error {
	leave, err := natsapi.Announce(ctx, h.nc, h.store.Identity, h.log)
	if err != nil {
		return err
	}
	h.onStop(func(context.Context) error { leave(); return nil })
	peers, err := h.peers()
	if err != nil {
		return err
	}
	if err := h.startForwarding(); err != nil {
		return err
	}
	service, err := supervisor.New(supervisor.Config{
		ID: h.id, Store: h.store, Stream: h.stream, Version: h.cfg.Version, Peers: peers,
		Lease: h.cfg.Lease, Heartbeat: h.cfg.Heartbeat, Retention: h.cfg.Retention,
		Connections: h.connections(), Grace: h.cfg.Grace, SyncInterval: h.syncInterval(),
		Alerts: h.cfg.Alerts, AlertInterval: h.cfg.AlertInterval, Webhook: h.cfg.Webhook,
		Commands:      natsapi.NewCommands(h.nc, h.log),
		BrokerRefused: h.brokerRefused(),
		Tracer:        h.cfg.Tracer,
		ReplyLimit:    func() int { return int(h.nc.MaxPayload()) },
		Logger:        h.log,
	})
	if err != nil {
		return err
	}
	h.service = service
	run, stopRun := context.WithCancel(context.WithoutCancel(ctx))
	h.stopRun = stopRun
	var loops sync.WaitGroup
	loops.Go(func() { service.Run(run) })
	h.onStop(func(context.Context) error {
		stopRun()
		loops.Wait()
		return nil
	})
	if h.endpoints, err = natsapi.Listen(h.nc, service, h.log); err != nil {
		return err
	}
	h.onStop(func(ctx context.Context) error {
		stopRun() // answers parked requests while those in progress finish
		return h.endpoints.Stop(ctx)
	})
	h.warnOfForeignStreams()
	return nil
}

// peers returns the other supervisors on the store; nil if there can be none.
func (h *instance) peers() (supervisor.Peers, error) {
	if !h.sharedStore {
		return nil, nil
	}
	return natsapi.NewPeers(h.nc, h.store.Identity(), h.log.With("part", "peers"))
}

// takeHTTP opens the HTTP address before anything else starts, so that an address in use
// leaves nothing behind.
func (h *instance) takeHTTP(context.Context) error {
	if h.cfg.HTTP == "off" {
		return nil
	}
	listener, err := web.Listen(h.cfg.HTTP)
	if err != nil {
		return err
	}
	h.http = listener
	h.onStop(func(context.Context) error {
		_ = listener.Close() // already closed by the server that served on it
		return nil
	})
	return nil
}

func (h *instance) startWeb(context.Context) error {
	if h.http == nil {
		h.web = web.Off()
		return nil
	}
	guard := h.cfg.Guard
	if h.redis != nil {
		guard.Peers = &web.Peers{Answer: h.redis.Answer, Pass: h.redis.Pass}
	}
	h.web = web.Serve(h.http, h.service, guard, h.log.With("part", "http"))
	if h.cfg.FirstCommands != nil {
		h.web.SetFirstCommands(h.cfg.FirstCommands(h.brokerInfo()))
	}
	h.onStop(func(ctx context.Context) error {
		h.stopRun() // answers parked requests, so that the server need not wait for them
		return h.web.Stop(ctx)
	})
	return nil
}

func (h *instance) info() Info {
	info := Info{Version: h.cfg.Version, Store: h.storeIn().String(), HTTP: "off", Broker: h.brokerInfo()}
	if h.web.Addr() != "" {
		info.HTTP = "http://" + h.web.Addr()
		if h.cfg.Guard.TLS != nil {
			info.HTTP = "https://" + h.web.Addr()
		}
	}
	status := h.stream.Status()
	info.Events = "JetStream stream EVENTS, " + string(status.State)
	if status.Reason != "" {
		info.Events += ": " + status.Reason
	}
	return info
}

func (h *instance) brokerInfo() string {
	broker := eventstream.RedactURL(h.cfg.Server)
	if h.broker == nil {
		return broker
	}
	if h.cfg.ListenTLS != nil {
		broker = strings.Replace(broker, "nats://", "tls://", 1)
	}
	return broker + " (embedded, JetStream in " + filepath.Join(h.cfg.DataDir, config.JetStreamName) + ")"
}
