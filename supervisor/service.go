// Package supervisor is the service: what Mission Control can do, as Go methods,
// and its NATS endpoints. The methods take and return the types of package api
// and know nothing of the door a request came through; the HTTP gateway in web/
// is a second door to the same methods.
//
// # What runs
//
// [Service.Run] owns what runs in every supervisor: the dispatcher, which parks
// claims and wakes them when missions arrive; the exchange of hints with the other
// supervisors on the same store, if there can be any ([Peers]); the watch over agents'
// connections, where the broker tells of them ([Connections]); the readers of the event
// stream, which rest while nobody watches; and the candidacy for the leadership of the
// store. The leader, one at a time, also runs the reaper,
// which does what has become due; the retention; the samples of the statistics; the looks
// at the alert rules, and who is told of alerts; and the relay, which carries the outboxes
// to the event stream. When the leader stops it resigns, and another one
// takes over at once; when it dies or loses the store, another one does when its
// leadership has run out, and by then it has stopped ([Config] Leadership).
//
// When Run's context ends, parked requests are answered, the loops end, the relay
// sends what is left, and Run returns.
//
// Any supervisor answers any request. Nothing is kept in one that another would
// have to know: they agree through the store, and hints only spare the others a
// look at it.
//
// # What waits for what
//
// Requests wait for the store. Nothing but the relay, and who watches events, waits for
// the event stream: telemetry is dropped while it is away, and durable events are in the outbox
// before a request that caused them is answered.
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
	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/supervisor/alerts"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/tracing"
)

// Stream is what the service needs of the event stream. *eventstream.Stream is
// the implementation.
type Stream interface {
	Emit(e charter.Event)
	PublishBatchWhile(ctx context.Context, changed <-chan struct{}, events []charter.Event) (stored int, err error)
	Last(ctx context.Context, eventType string) (charter.Event, uint64, error)
	Status() eventstream.Status
	Changed() <-chan struct{}
	Follow(ctx context.Context, f eventstream.Follower) error
	End(ctx context.Context) (uint64, error)
	Consume(ctx context.Context, cfg eventstream.ConsumerConfig, handler eventstream.Handler) error
	Read(ctx context.Context, filter []string, after, until uint64, handle func(eventstream.Stored) error) error
}

// Config says what a service is made of and how it behaves.
type Config struct {
	Store   missions.Store // required
	Stream  Stream         // required
	Version string         // SemVer; default 0.0.0

	// ID names this supervisor among those that share the store, at most one at a
	// time; default: host, process and a random number.
	ID string

	// Peers are the other supervisors that may share the store; default: there
	// are none.
	Peers Peers

	// Connections tell whose connection to the broker has ended, so that an agent's
	// death is noticed after Grace; default: it is noticed when its lease ends.
	Connections Connections
	Grace       time.Duration // how long an agent may be without a connection; default 500 ms

	Leadership time.Duration // how long a leadership lasts unless renewed; default 3 s

	// SyncInterval is how often the broker writes what it has acknowledged to its disk,
	// so that a crash of its machine takes no more than that; default 2 min, as is
	// nats-server's. The outbox keeps events for a little longer than that.
	SyncInterval time.Duration

	Lease     time.Duration // how long a lease lasts unless renewed; default 10 s
	Heartbeat time.Duration // how often agents are told to beat; default 3 s
	Retention time.Duration // how long terminal missions are kept; default 7 days

	Alerts        []alerts.Rule   // what to raise alerts for; default: nothing
	AlertInterval time.Duration   // between two looks at the rules, 10 ms to 20 s; default 5 s
	Webhook       *alerts.Webhook // is told of alerts; default: nobody is

	// Push sends a command to an agent, best effort: the same stands in the
	// agent's next heartbeat. Default: nothing is pushed.
	Push func(agentID string, command api.Command)

	// ReplyLimit returns how many bytes a reply may have, at present; default 8 MiB.
	ReplyLimit func() int

	// BrokerRefused returns how often an embedded broker has refused its clients
	// something, by kind, for the metrics. The kinds are few and fixed. Default: there is
	// no such broker.
	BrokerRefused func() map[string]uint64

	Tracer *tracing.Tracer // default: nothing is traced
	Logger *slog.Logger    // default slog.Default
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
	if cfg.ID == "" {
		cfg.ID = newID()
	}
	if cfg.Push == nil {
		cfg.Push = func(string, api.Command) {}
	}
	if cfg.ReplyLimit == nil {
		cfg.ReplyLimit = func() int { return api.MaxBody }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return cfg
}

// newID returns an id that no other supervisor has.
func newID() string {
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
		return fmt.Errorf("a sync interval of %s is none", cfg.SyncInterval)
	case cfg.Grace < time.Millisecond:
		return fmt.Errorf("a grace time of %s is too short", cfg.Grace)
	case cfg.Heartbeat < 10*time.Millisecond:
		return fmt.Errorf("a heartbeat every %s is too often", cfg.Heartbeat)
	case cfg.Lease < 2*cfg.Heartbeat:
		return fmt.Errorf("a lease of %s does not outlast two heartbeats of %s", cfg.Lease, cfg.Heartbeat)
	case cfg.Retention < time.Second:
		return fmt.Errorf("a retention of %s is too short", cfg.Retention)
	}
	return cfg.checkAlerts()
}

// Service answers every request of the protocol. Its methods may be called
// concurrently, from New on; claims wait, and events go out, only while Run runs.
// The errors of its methods go through [api.FromError] before anybody sees them.
type Service struct {
	cfg     Config
	log     *slog.Logger
	started time.Time
	metrics *Metrics

	counts  sharedRead[missions.Counts]
	waiting sharedRead[int64]
	ping    sharedRead[struct{}]
	alerts  sharedRead[api.Alerts]

	dispatch *dispatcher
	waits    *waiters
	leader   *leader
	reaper   *timer
	relay    *relay
	notify   *notifier
	liveness *liveness // nil without Connections
	peers    Peers

	changes, everything *hub // see feedFor
	queries             *queries

	lookAgain time.Duration // see the constant
}

// New returns a service that has not begun to run. The error is a Config's.
func New(cfg Config) (*Service, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	metrics := newMetrics(cfg.Version)
	metrics.brokerRefused = cfg.BrokerRefused
	cfg.Store = measuredStore{cfg.Store, metrics, cfg.Tracer}
	s := &Service{cfg: cfg, log: cfg.Logger, started: time.Now(), metrics: metrics, lookAgain: lookAgain}
	s.counts.read = cfg.Store.Counts
	s.waiting.read = cfg.Store.Waiting
	s.ping.read = func(ctx context.Context) (struct{}, error) { return struct{}{}, cfg.Store.Ping(ctx) }
	s.alerts.read = s.readAlerts
	s.dispatch = newDispatcher(cfg.Store.Claim)
	s.waits = newWaiters()
	s.reaper = newAlarm()
	s.leader = newLeader(cfg.Store, cfg.ID, cfg.Leadership, cfg.Logger)
	s.relay = newRelay(cfg.Store.Outboxes(), cfg.Stream, cfg.SyncInterval, cfg.Logger)
	s.relay.stored = func(origins []origin, since time.Time) {
		metrics.relayed(origins)
		traceRelay(cfg.Tracer, origins, since)
	}
	metrics.measure(endpoints(s))
	s.notify = newNotifier(cfg.Store, cfg.Webhook, cfg.Logger)
	if cfg.Connections != nil {
		s.liveness = newLiveness(&cfg, s.markLost)
	}
	s.changes, s.everything = newHub(cfg.Stream, changeTypes), newHub(cfg.Stream, nil)
	s.queries = newQueries(cfg.Stream, cfg.ID, cfg.Logger)
	s.peers = noPeers{}
	if cfg.Peers != nil {
		s.peers, s.dispatch.probes, s.leader.level = cfg.Peers, s.lookAgain, slog.LevelInfo
	}
	return s, nil
}

// Run runs the service's loops until ctx ends, and waits for them. Parked
// requests are answered before it returns. It must be called once.
func (s *Service) Run(ctx context.Context) {
	talk, stopTalking := context.WithCancel(context.WithoutCancel(ctx))
	var loops, talks sync.WaitGroup
	talks.Go(func() { s.peers.Run(talk, s.onHint) })
	loops.Go(func() { s.dispatch.run(ctx) })
	loops.Go(func() { s.changes.run(ctx) })
	loops.Go(func() { s.everything.run(ctx) })
	loops.Go(func() { s.queries.run(ctx) })
	loops.Go(func() { s.leader.run(ctx, s.lead) })
	if s.liveness != nil {
		loops.Go(func() { s.liveness.run(ctx) })
		loops.Go(func() { s.cfg.Connections.Run(ctx, s.liveness.ended) })
	}
	<-ctx.Done()
	close(s.waits.ended)
	loops.Wait()
	s.peers.Send(Hint{Kind: HintResigned})
	stopTalking()
	talks.Wait()
}

// lead does what only the leader does, until its term ends.
func (s *Service) lead(t *term) {
	s.dispatch.probeNow() // what the term before made claimable it may not have lived to tell
	var loops sync.WaitGroup
	loops.Go(func() { s.runReaper(t.ctx) })
	loops.Go(func() { s.runRetention(t.ctx) })
	loops.Go(func() { s.runSampler(t.ctx) })
	loops.Go(func() { s.runAlerts(t.ctx) })
	loops.Go(func() { s.notify.run(t.ctx) })
	loops.Go(func() { s.relay.run(t) })
	loops.Wait()
}

// Metrics returns what the service counts and measures.
func (s *Service) Metrics() *Metrics { return s.metrics }

// Tracer returns what traces requests; nil for nothing.
func (s *Service) Tracer() *tracing.Tracer { return s.cfg.Tracer }

// Leads reports whether this supervisor is the one of its store that relays events
// and does what is due. It does no I/O.
func (s *Service) Leads() bool { return s.leader.leads() }
