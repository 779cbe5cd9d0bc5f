package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// Backend is a partition of a data set, as an [engine.Backend].
//
// All its keys begin with {PREFIX:PARTITION}:, whose braces keep them in one slot of a Redis
// Cluster.
//
//	meta            hash: schema, identity, partition, partitions; epoch, which each term
//	                increases; and the marks of engine.Marks
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
// A commit is one script: lua/commit.lua.
type Backend struct {
	client     redis.UniversalClient
	log        *slog.Logger
	prefix     string // of all keys
	number     int    // of the partition
	partitions int
	clock      *Clock

	identity atomic.Pointer[string]
	failing  atomic.Bool // Redis does not do what it should, and the log says so
}

var _ engine.Backend = (*Backend)(nil)

// NewBackend returns the backend of a partition of the data set under a prefix. The partition is
// created when the first term begins. clock is set by what Redis says; it may be nil.
func NewBackend(client redis.UniversalClient, prefix string, number, partitions int, clock *Clock, log *slog.Logger) *Backend {
	if clock == nil {
		clock = NewClock(nil)
	}
	b := &Backend{
		client: client, log: log, prefix: fmt.Sprintf("{%s:%d}:", prefix, number), number: number, partitions: partitions, clock: clock,
	}
	b.identity.Store(new(string))
	return b
}

// Identity returns the name of the partition, "" before the first term.
func (b *Backend) Identity() string { return *b.identity.Load() }

func (b *Backend) key(parts ...string) string {
	key := b.prefix
	for _, part := range parts {
		key += part
	}
	return key
}

// backendSchema is the version of what the comment on Backend describes.
const backendSchema = 4

// Begin implements [engine.Backend].
func (b *Backend) Begin(ctx context.Context) (epoch int64, from *engine.Snapshot, err error) {
	mint, err := uuid.NewV7()
	if err != nil {
		return 0, nil, err
	}
	answer, err := b.run(ctx, backendScripts.begin, backendSchema, mint.String(), b.number, b.partitions)
	if err != nil {
		return 0, nil, err
	}
	said := texts(answer)
	was := b.identity.Swap(&said[0])
	if *was != "" && *was != said[0] {
		b.log.Error("the data set is gone from Redis; creating an empty one", "partition", b.number)
	}
	from, err = b.snapshot(ctx)
	return number(said[1]), from, err
}

// Scripts of backends.
var backendScripts = struct{ begin, commit, records, find, queue, fronts, oldest, log, outbox, points script }{
	begin: bare("begin_term"), commit: bare("commit"), records: withStored("records"), find: withStored("find"),
	queue: withStored("queue"), fronts: bare("fronts"), oldest: bare("oldest"), log: bare("entries"), outbox: bare("outbox"), points: bare("points"),
}

// withStored puts a script behind what reads missions.
func withStored(name string) script { return newScript(name, read("lib/stored.lua")+read(name+".lua")) }

// run runs a script, and returns what a caller may know of an error.
func (b *Backend) run(ctx context.Context, s script, args ...any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answer, err := b.eval(ctx, s, args)
	if err != nil {
		return nil, b.failed(ctx, s.name, err)
	}
	b.works()
	return answer, nil
}

// eval runs a script. Redis forgets scripts when it restarts; then the source is sent.
func (b *Backend) eval(ctx context.Context, s script, args []any) (any, error) {
	send := func(command, what string) (any, error) {
		words := make([]any, 0, 4+len(args))
		words = append(append(words, command, what, 1, b.prefix+"meta"), args...)
		cmd := once{redis.NewCmd(ctx, words...)}
		if err := b.client.Process(ctx, cmd); err != nil {
			return nil, err
		}
		return cmd.Result()
	}
	answer, err := send("EVALSHA", s.sha)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		answer, err = send("EVAL", s.source)
	}
	return answer, err
}

// failed logs the first of a row of failures and returns what a caller may know.
func (b *Backend) failed(ctx context.Context, what string, err error) error {
	switch {
	case ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return ctx.Err() // it was waiting for a connection: nothing was sent
	case errors.Is(err, redis.ErrClosed):
		return errClosed
	case redis.HasErrorPrefix(err, "NOTLEADER"), redis.HasErrorPrefix(err, "NODATASET"):
		return engine.ErrNotLeader
	}
	if !b.failing.Swap(true) {
		b.log.Error("the store failed", "doing", what, "error", err)
	}
	told := missions.Unavailable(tell(err), err)
	switch told.Message {
	case toldUnreachable, toldRefused, toldFull, toldForbidden:
		told.NothingDone = true
	}
	return told
}

// works ends a row of failures.
func (b *Backend) works() {
	if b.failing.Load() && b.failing.Swap(false) {
		b.log.Info("the store works again")
	}
}

// damaged is the error of what cannot be understood.
func (b *Backend) damaged(err error) error {
	b.log.Error("the store has data that it cannot read", "partition", b.number, "error", err)
	return missions.Unavailable(toldBroken, err)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
