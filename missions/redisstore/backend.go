package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// Backend is a partition of a data set, as an [engine.Backend].
//
// All its keys begin with {PREFIX:PARTITION}:, whose braces keep them in one slot of a Redis
// Cluster.
//
//	meta            hash: schema, identity, partition, partitions; secret, with which its
//	                supervisors mark messages to each other; epoch, which each term
//	                increases; term, its name; commits, how many it has made; and the
//	                marks of engine.Marks
//	leader          hash: who leads, until when, and where it is reached
//	m:ID            a mission, JSON
//	d:ID, r:ID      its data and its result, if they are larger than 512 bytes
//	g:ID            list: its log after the creation, JSON
//	leases          hash: the leases of RUNNING missions by id, JSON
//	agents          hash: the registry by id, JSON
//	alerts          hash: alerts by rule, JSON
//	counts          hash: how many missions there are, by STATUS:TYPE
//	totals          hash: counters and histograms by type, as engine.Totals.Encode writes them
//	p:SERIES:SLOT   hash: the points of a slot by type, as engine.Point.Encode writes them
//	slots:SERIES    sorted set: the slots of a series that have points
//	o               stream: the outbox. An entry holds the events of a commit, as
//	                engine.EncodeEvents writes them; its id is the position of its last event
//	notices         hash: events by position, as engine.EncodeEvents writes them
//	receipts        hash: replies to forwarded requests by id, behind their time and a colon
//
// Sorted sets of missions, by their age if nothing else is said:
//
//	q:PRIORITY:TYPE the claimable ones, PRIORITY from 0 for LOW to 3
//	i:STATUS:TYPE   those of a status; of the PENDING ones, those that wait for a time
//	ia:AGENT        those of an agent, now or lately
//	ig:TAG          those with a tag
//	w               the PENDING ones with something due, by its time; members are AGE:ID
//	f               the terminal ones, by the time of their end
//
// A commit is one script: lua/engine/commit.lua.
type Backend struct {
	*connection
	permissions
	seal       seal
	prefix     string // of all keys
	number     int    // of the partition
	partitions int
	self       string // who begins terms; "" for whoever is alone
	address    string
	ahead      func() time.Duration
	clock      *Clock

	identity atomic.Pointer[string]
	leads    atomic.Pointer[leads]

	mu   sync.Mutex
	term backendTerm // the latest that was begun here
}

// backendTerm is a term. Its name is unique, also where Redis has lost an epoch.
type backendTerm struct {
	epoch   int64
	name    string
	commits int64
}

var _ engine.SharedBackend = (*Backend)(nil)

// newBackend returns the backend of a data set of one partition.
func newBackend(c *connection, cfg Config) *Backend {
	prefix := "{" + c.where.prefix + ":0}:"
	b := &Backend{
		connection: c, prefix: prefix, partitions: 1, ahead: cfg.Ahead, clock: NewClock(nil), address: cfg.Address,
		permissions: permissions{where: &c.where, client: c.client, meta: prefix + "meta", keys: map[string][]string{
			"HLEN": {"meta", "leases", "agents", "alerts", "counts", "totals", "p:", "notices", "receipts", "leader"},
			"LLEN": {"g:"}, "STRLEN": {"m:", "d:", "r:"}, "XRANGE": {"o"}, "ZRANGE": {"slots:", "q:", "i:", "ia:", "ig:", "w", "f"},
		}},
	}
	if cfg.Send != nil {
		b.self = cfg.Self
	}
	b.identity.Store(new(string))
	b.seal.secret.Store(new(string))
	b.seal.now = b.clock.Now
	return b
}

// Identity returns the name of the partition.
func (b *Backend) Identity() string { return *b.identity.Load() }

// called notes the name of the partition. It has another one once it is begun anew.
func (b *Backend) called(identity string) {
	if identity == "" || identity == b.Identity() {
		return
	}
	if was := b.identity.Swap(&identity); *was != "" {
		b.log.Error("the data set is gone from Redis; creating an empty one", "partition", b.number)
	}
}

func (b *Backend) key(parts ...string) string {
	key := b.prefix
	for _, part := range parts {
		key += part
	}
	return key
}

// The schemas: that of the scripts, and what the comment on Backend describes.
const (
	scriptsSchema = 3
	engineSchema  = 4
)

// open finds or creates the partition, once all that is done with it has been tried.
func (b *Backend) open(ctx context.Context) error {
	if err := b.usable(ctx); err != nil {
		return err
	}
	_, err := b.head(ctx, "look", "")
	return err
}

// head makes the partition where there is none, learns what its head says, and begins a term
// if who is somebody who may.
func (b *Backend) head(ctx context.Context, who, term string) (epoch int64, err error) {
	identity, err := uuid.NewV7()
	if err != nil {
		return 0, err
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	sent := b.clock.Steady()
	answer, err := b.eval(ctx, backendScripts.begin, []any{engineSchema, identity.String(), b.number, b.partitions, hex.EncodeToString(secret),
		who, b.ahead().Microseconds(), term})
	if err != nil {
		return 0, err
	}
	said := texts(answer)
	b.clock.observe(sent, time.Unix(number(said[6]), 1000*number(said[7])))
	if err := b.check(said); err != nil {
		return 0, err
	}
	b.called(said[1])
	b.seal.secret.Store(&said[4])
	return number(said[5]), nil
}

// check checks what lua/engine/begin_term.lua says of a partition. A hash that is not ours, or
// damaged, is an [ErrForeign].
func (b *Backend) check(said []string) error {
	schema, err := strconv.Atoi(said[0])
	switch {
	case err != nil:
		return foreign(b.meta, "is not the head of a data set")
	case schema > engineSchema:
		return fmt.Errorf("%w: it has schema %d, but this version knows schema %d; upgrade the supervisor, or choose another prefix",
			ErrNewerSchema, schema, engineSchema)
	case schema < engineSchema:
		return fmt.Errorf("%w: it has schema %d, but this version knows schema %d; choose another prefix, and let the earlier version finish its missions",
			ErrOlderSchema, schema, engineSchema)
	}
	partitions, err := strconv.Atoi(said[3])
	_, notUUID := uuid.Parse(said[1])
	epoch, notEpoch := strconv.ParseInt(said[5], 10, 64)
	if err != nil || notUUID != nil || partitions != b.partitions || said[2] != strconv.Itoa(b.number) || said[4] == "" || notEpoch != nil || epoch < 0 {
		return foreign(b.meta, "is the damaged head of a data set")
	}
	return nil
}

// Begin implements [engine.Backend].
func (b *Backend) Begin(ctx context.Context) (epoch int64, from *engine.Snapshot, err error) {
	name := uuid.NewString()
	if err = b.allowedAgain(ctx); err == nil {
		epoch, err = b.head(ctx, b.self, name)
	}
	if err != nil {
		return 0, nil, b.refused(ctx, "begin", err)
	}
	b.mu.Lock()
	b.term = backendTerm{epoch: epoch, name: name}
	b.mu.Unlock()
	from, err = b.snapshot(ctx, 1)
	return epoch, from, err
}

// Scripts of backends.
var backendScripts = struct{ begin, elect, stepDown, snapshot, overview, commit, records, find, queue, fronts, oldest, log, outbox, points script }{
	begin: bare("engine/begin_term"), elect: bare("engine/elect"), stepDown: bare("engine/step_down"), snapshot: bare("engine/snapshot"),
	overview: bare("engine/overview"), commit: bare("engine/commit"),
	records: withStored("engine/records"), find: withStored("engine/find"), queue: withStored("engine/queue"), fronts: bare("engine/fronts"), oldest: bare("engine/oldest"),
	log: bare("engine/entries"), outbox: bare("engine/outbox"), points: bare("engine/points"),
}

// withStored puts a script behind what reads missions.
func withStored(name string) script {
	return newScript(name, read("engine/stored.lua")+read(name+".lua"))
}

// run runs a script, and returns what a caller may know of an error.
func (b *Backend) run(ctx context.Context, s script, args ...any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := b.allowedAgain(ctx); err != nil {
		return nil, b.failed(ctx, s.name, err)
	}
	answer, err := b.eval(ctx, s, args)
	if err != nil {
		return nil, b.refused(ctx, s.name, err)
	}
	b.works()
	return answer, nil
}

// eval runs a script. The error is the client's own.
func (b *Backend) eval(ctx context.Context, s script, args []any) (any, error) {
	return eval(ctx, b.connection.client, b.meta, s, args)
}

// refused returns what a caller may know of the error of a command.
func (b *Backend) refused(ctx context.Context, what string, err error) error {
	return b.failed(ctx, what, b.explain(ctx, err))
}

// damaged is the error of what cannot be understood.
func (b *Backend) damaged(err error) error {
	b.log.Error("the store has data that it cannot read", "partition", b.number, "error", err)
	return missions.Unavailable(toldBroken, fmt.Errorf("%w, or is damaged: %w", ErrForeign, err))
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
