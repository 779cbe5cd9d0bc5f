package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"

	"missioncontrol/charter"
	"missioncontrol/missions"
	"missioncontrol/supervisor/activity"
	"missioncontrol/supervisor/alerts"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/coalesce"
	"missioncontrol/supervisor/dispatch"
	"missioncontrol/supervisor/election"
	"missioncontrol/supervisor/live"
	"missioncontrol/supervisor/relay"
	"missioncontrol/supervisor/tracing"
)

// Stream is what the service and its parts need from the event stream.
// *eventstream.Stream implements it.
type Stream interface {
	Emit(e charter.Event) // telemetry; never waits
	relay.Stream
	live.Stream
	queryStream
}

// Config says what a service consists of and how it behaves.
type Config struct {
	Store   missions.Store // required
	Stream  Stream         // required
	Version string         // SemVer; default 0.0.0

	// ID names this supervisor among those that share the store. No two may have the
	// same ID at the same time. Default: host, process and a random number.
	ID string

	// Peers are the other supervisors that may share the store; default: none.
	Peers Peers

	// Connections report whose connection to the broker has ended, so that an agent is
	// marked lost after Grace; default: it is marked lost when its lease ends.
	Connections Connections
	Grace       time.Duration // how long an agent may be without a connection; default 500 ms

	Leadership time.Duration // how long a leadership lasts unless renewed; default 3 s

	// SyncInterval is how often the broker syncs acknowledged messages to its disk. A
	// crash of its machine loses no more than that. Default 2 min, as in nats-server.
	// The outbox keeps events for a little longer than that.
	SyncInterval time.Duration

	Lease     time.Duration // how long a lease lasts unless renewed; default 10 s
	Heartbeat time.Duration // how often agents must send heartbeats; default 3 s
	Retention time.Duration // how long terminal missions are kept; default 7 days

	Alerts        []alerts.Rule   // default: none
	AlertInterval time.Duration   // between two checks of the rules, 10 ms to 20 s; default 5 s
	Webhook       *alerts.Webhook // receives alerts; default: none

	// Commands carry commands to agents over the broker; default: only agents that are
	// connected to this supervisor itself get commands.
	Commands Commands

	// ReplyLimit returns how many bytes a reply may have at present; default 8 MiB.
	ReplyLimit func() int

	// BrokerRefused returns how often an embedded broker has refused something to its
	// clients, by kind, for the metrics. The kinds are few and fixed. Default: there is
	// no such broker.
	BrokerRefused func() map[string]uint64

	Tracer *tracing.Tracer // default: nothing is traced
	Logger *slog.Logger    // default slog.Default

	lookAgain time.Duration // see the constant lookAgain
}

// WithDefaults returns cfg with its zero fields filled in.
func (cfg Config) WithDefaults() Config {
	setDefault(&cfg.Version, "0.0.0")
	setDefault(&cfg.Leadership, 3*time.Second)
	setDefault(&cfg.SyncInterval, 2*time.Minute)
	setDefault(&cfg.Grace, 500*time.Millisecond)
	setDefault(&cfg.Lease, 10*time.Second)
	setDefault(&cfg.Heartbeat, 3*time.Second)
	setDefault(&cfg.Retention, 7*24*time.Hour)
	setDefault(&cfg.AlertInterval, 5*time.Second)
	setDefault(&cfg.lookAgain, lookAgain)
	if cfg.ID == "" {
		cfg.ID = NewID()
	}
	if cfg.Commands == nil {
		cfg.Commands = noCommands{}
	}
	if cfg.ReplyLimit == nil {
		cfg.ReplyLimit = func() int { return api.MaxBody }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return cfg
}

// NewID returns an id that no other supervisor has.
func NewID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), uuid.NewString()[:8])
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate returns the first rule that cfg, with defaults, breaks.
func (cfg Config) Validate() error {
	switch {
	case cfg.Store == nil || cfg.Stream == nil:
		return errors.New("a service needs a store and an event stream")
	case cfg.Leadership < 10*time.Millisecond:
		return fmt.Errorf("a leadership of %s is too short", cfg.Leadership)
	case cfg.SyncInterval < 0:
		return fmt.Errorf("a sync interval of %s is not valid", cfg.SyncInterval)
	case cfg.Grace < time.Millisecond:
		return fmt.Errorf("a grace period of %s is too short", cfg.Grace)
	case cfg.Heartbeat < 10*time.Millisecond:
		return fmt.Errorf("a heartbeat interval of %s is too short", cfg.Heartbeat)
	case cfg.Lease < 2*cfg.Heartbeat:
		return fmt.Errorf("a lease of %s does not outlast two heartbeats of %s", cfg.Lease, cfg.Heartbeat)
	case cfg.Retention < time.Second:
		return fmt.Errorf("a retention of %s is too short", cfg.Retention)
	}
	return cfg.checkAlerts()
}

// ErrStopping is the error of requests that arrive or wait while the supervisor stops.
var ErrStopping = dispatch.ErrStopping

// readTimeout bounds a read that several requests share.
const readTimeout = 5 * time.Second

// Service answers every request of the protocol. Its methods may be called concurrently
// after New. Claims wait, and events are sent, only while Run runs. The errors of its
// methods go through [api.FromError] before a client sees them.
type Service struct {
	cfg     Config
	log     *slog.Logger
	started time.Time
	metrics *Metrics
	writes  *storeWrites

	counts  *coalesce.Read[missions.Counts]
	waiting *coalesce.Read[int64]
	ping    *coalesce.Read[struct{}]
	alerts  *coalesce.Read[api.Alerts]
	queues  *coalesce.Read[missions.Queues]

	dispatch  *dispatch.Dispatcher
	waits     *waiters
	leader    *election.Candidate
	reaper    *timer
	relay     *relay.Relay
	notify    *notifier
	connected *connectedAgents
	liveness  *liveness
	sharing   *sharedIDs // nil without Connections
	peers     Peers
	clock     *clockWatch

	collecting chan struct{} // a value for each reply of WaitMany that is being collected

	live     *live.Events
	queries  *queries
	activity *activity.Activity
	slow     slowTypes
}

// New returns a service that is not running yet. An error means that cfg is invalid.
func New(cfg Config) (*Service, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	metrics := newMetrics(cfg.Version)
	metrics.brokerRefused = cfg.BrokerRefused
	writes := newStoreWrites(&cfg)
	cfg.Store = measuredStore{cfg.Store, metrics, cfg.Tracer, writes}
	s := &Service{cfg: cfg, writes: writes, log: cfg.Logger, started: time.Now(), metrics: metrics}
	s.counts = coalesce.NewRead(cfg.Store.Counts, readTimeout)
	s.queues = coalesce.NewRead(cfg.Store.Queues, readTimeout)
	s.waiting = coalesce.NewRead(cfg.Store.Waiting, readTimeout)
	s.ping = coalesce.NewRead(func(ctx context.Context) (struct{}, error) { return struct{}{}, cfg.Store.Ping(ctx) }, readTimeout)
	s.alerts = coalesce.NewRead(s.readAlerts, readTimeout)
	s.waits, s.collecting = newWaiters(), make(chan struct{}, waitedAtOnce)
	s.reaper = newAlarm()
	probes, level := time.Duration(0), slog.LevelDebug // no other supervisor creates missions, or could lead
	s.peers = noPeers{}
	if cfg.Peers != nil {
		s.peers, probes, level = cfg.Peers, cfg.lookAgain, slog.LevelInfo
	}
	s.dispatch = dispatch.New(cfg.Store.Claim, probes)
	s.leader = election.New(cfg.Store, cfg.ID, cfg.Leadership, cfg.Logger, level)
	s.relay = relay.New(relay.Config{
		Outboxes: cfg.Store.Outboxes(), Stream: cfg.Stream, SyncInterval: cfg.SyncInterval, CheckInterval: cfg.lookAgain, Logger: cfg.Logger,
		Stored: func(origins []relay.Origin, since time.Time) {
			metrics.relayed(origins)
			traceRelay(cfg.Tracer, origins, since)
		},
	})
	s.notify = newNotifier(cfg.Store, cfg.Store.Outboxes()[0].Identity(), cfg.Webhook, cfg.Logger)
	s.connected = newConnectedAgents()
	s.liveness = newLiveness(&cfg, s.connected, s.markLost)
	if cfg.Connections != nil {
		s.sharing = newSharedIDs(&cfg)
	}
	s.clock = newClockWatch(cfg.Store, cfg.Logger)
	s.live = live.NewEvents(cfg.Stream, cfg.Logger)
	s.queries = newQueries(cfg.Stream, cfg.ID, cfg.Logger)
	s.activity = activity.New(cfg.Stream, cfg.Store.Get)
	return s, nil
}

// Run runs the service's loops until ctx ends, and waits for them. Parked requests are
// answered before it returns. It must be called once.
func (s *Service) Run(ctx context.Context) {
	talk, stopTalking := context.WithCancel(context.WithoutCancel(ctx))
	var loops, talks sync.WaitGroup
	talks.Go(func() { s.peers.Run(talk, s.onHint) })
	loops.Go(func() { s.dispatch.Run(ctx) })
	loops.Go(func() { s.live.Run(ctx) })
	loops.Go(func() { s.queries.run(ctx) })
	loops.Go(func() { s.writes.run(ctx) })
	loops.Go(func() { s.clock.run(ctx) })
	loops.Go(func() { s.leader.Run(ctx, s.lead) })
	loops.Go(func() { s.liveness.run(ctx) })
	if s.cfg.Connections != nil {
		loops.Go(func() { s.sharing.run(ctx) })
		loops.Go(func() { s.cfg.Connections.Run(ctx, s.liveness.ended) })
	}
	<-ctx.Done()
	close(s.waits.ended)
	loops.Wait()
	s.connected.end()
	s.peers.Send(Hint{Kind: HintResigned})
	stopTalking()
	talks.Wait()
}

// lead runs what only the leader runs, until ctx ends with its term.
func (s *Service) lead(ctx context.Context, t *election.Term) {
	s.dispatch.ProbeNow() // the previous leader may not have reported what it made claimable
	var loops sync.WaitGroup
	loops.Go(func() { s.runReaper(ctx) })
	loops.Go(func() { s.runDueNow(ctx) })
	loops.Go(func() { s.runRetention(ctx) })
	loops.Go(func() { s.runSampler(ctx) })
	loops.Go(func() { s.runAlerts(ctx) })
	loops.Go(func() { s.notify.run(ctx) })
	loops.Go(func() { s.relay.Run(ctx, t) })
	loops.Wait()
}

// Metrics returns what the service counts and measures.
func (s *Service) Metrics() *Metrics { return s.metrics }

// Version returns the version of the supervisor.
func (s *Service) Version() string { return s.cfg.Version }

// Tracer returns what traces requests, or nil if nothing is traced.
func (s *Service) Tracer() *tracing.Tracer { return s.cfg.Tracer }

// Leads reports whether this supervisor is the one that relays events and handles due
// items for its store. It does no I/O.
func (s *Service) Leads() bool { return s.leader.Leads() }
