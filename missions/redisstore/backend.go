package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"missioncontrol/missions/engine"
	"missioncontrol/wakeup"
)

// Backend is a data set, as an [engine.Backend]. It has one partition or several.
//
// All keys of a partition begin with {PREFIX:PARTITION}:, whose braces keep them in one slot of a
// Redis Cluster.
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
// A commit is one script: lua/commit.lua.
//
// # Several partitions
//
// A mission is in the partition that its id hashes to; what is not a mission's is in partition 0,
// and so are all leases. In the other partitions, meta has schema, identity, partition, partitions
// and applied, and counts are of the partition's own missions.
//
// A commit of partition 0 also stores what it changes in other partitions:
//
//	j               stream: the journal. The id of an entry is its number, and its field
//	                PARTITION has the arguments of lua/apply.lua
//
// and the field journal of meta has the number given last, sent:PARTITION that of the latest entry
// that concerns a partition. Only then is the entry applied there, and the partition's field
// applied is set to its number. Entries are kept until the partition was seen to have them some
// seconds later: one that loses its latest commits, in a failover for example, gets them again. See
// journal.go and repair.go.
type Backend struct {
	*partition // 0
	others     []*partition

	seal    seal
	clock   *Clock
	self    string // who begins terms; "" for whoever is alone
	address string
	ahead   func() time.Duration
	leads   atomic.Pointer[leads]
	journal journal
	stale   atomic.Bool // other partitions can be used than when the term began
	stop    context.CancelFunc
	watches sync.WaitGroup

	mu   sync.Mutex
	term backendTerm // the latest that was begun here
}

// backendTerm is a term. Its name is unique, also where Redis has lost an epoch.
type backendTerm struct {
	epoch   int64
	name    string
	commits int64
}

// newBackend returns the backend of a data set. Its partitions are known once it is open.
func newBackend(c *connection, cfg Config) *Backend {
	b := &Backend{partition: newPartition(c, 0), clock: NewClock(nil), ahead: cfg.Ahead, address: cfg.Address, stop: func() {}, journal: journal{keep: journalKept}}
	if cfg.Send != nil {
		b.self = cfg.Self
	}
	b.seal.secret.Store(new(string))
	b.seal.now = b.clock.Now
	return b
}

// setPartitions sets how many partitions there are.
func (b *Backend) setPartitions(partitions int) {
	b.partitions, b.fixed, b.others = partitions, true, nil
	for number := 1; number < partitions; number++ {
		p := newPartition(b.connection, number)
		p.partitions, p.fixed = partitions, true
		p.outage = &outage{of: p, changed: &b.stale, look: wakeup.New()}
		b.others = append(b.others, p)
	}
}

// Close ends what the backend does by itself.
func (b *Backend) Close() {
	b.stop()
	b.watches.Wait()
}

// The schema that the comment on Backend describes, and the one that [Migrate] brings to it.
const (
	migratable   = 3
	engineSchema = 4
)

// open finds the data set, or creates it with so many partitions, once all that is done with it
// has been tried.
func (b *Backend) open(ctx context.Context, partitions int) error {
	if err := b.usable(ctx); err != nil {
		return err
	}
	b.partitions = max(partitions, 1)
	if _, err := b.head(ctx, "look", ""); err != nil {
		return err
	}
	if partitions != 0 && partitions != b.partitions {
		return fmt.Errorf("%w: it was created with %d, not %d; omit partitions, or choose another prefix", ErrPartitions, b.partitions, partitions)
	}
	b.setPartitions(b.partitions)
	if err := b.tryOthers(ctx); err != nil {
		return err
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	for _, p := range b.others {
		b.watches.Go(func() { b.watch(watching, p) })
	}
	return nil
}

// tryOthers tries all that is done with the other partitions. Those that cannot be reached are left
// out for now.
func (b *Backend) tryOthers(ctx context.Context) error {
	errs := make([]error, len(b.others))
	var all sync.WaitGroup
	for i, p := range b.others {
		all.Go(func() {
			err := p.usable(ctx)
			if err == nil {
				_, err = p.look(ctx)
			}
			if err = b.connection.where.explain(err); err != nil && !isOurs(err) {
				p.outage.note(err)
				err = nil
			}
			errs[i] = err
		})
	}
	all.Wait()
	return cmp.Or(errs...)
}

// head makes partition 0 where there is none, learns what its head says, and begins a term
// if who is somebody who may.
func (b *Backend) head(ctx context.Context, who, term string) (epoch int64, err error) {
	identity, err := uuid.NewV7()
	if err != nil {
		return 0, err
	}
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	sent := b.clock.Steady()
	answer, err := b.eval(ctx, scripts.begin, []any{engineSchema, identity.String(), b.number, b.partitions, hex.EncodeToString(secret),
		who, b.ahead().Microseconds(), term})
	if err != nil {
		return 0, err
	}
	said := texts(answer)
	b.clock.observe(sent, time.Unix(number(said[6]), 1000*number(said[7])))
	if err := b.check(said, said[4] != "", said[5]); err != nil {
		return 0, err
	}
	b.seal.secret.Store(&said[4])
	return number(said[5]), nil
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
	if len(b.others) > 0 {
		if err := b.catchUpAll(ctx); err != nil {
			return 0, nil, err
		}
	}
	known, err := b.Docs(ctx, []string{engine.DocCounted, engine.DocRecount})
	if err == nil && known[engine.DocRecount] != nil && b.whole() {
		err = b.recountWaits(ctx, epoch)
	}
	if err != nil {
		return 0, nil, err
	}
	from, meta, err := b.snapshot(ctx, 1)
	if err == nil && len(known) == 0 && b.whole() { // otherwise, a recount or a later term does it
		err = b.countUnready(ctx, from)
	}
	if err == nil && len(b.others) > 0 {
		b.journal.begin(meta, b.others)
	}
	return epoch, from, err
}

// scripts are the scripts of backends.
var scripts = struct {
	usable, begin, elect, stepDown, snapshot, overview, commit, outbox, points, leases script
	look, applied, apply, recount                                                      script
	records, find, queue, fronts, oldest, log, planned, ended                          script
	docs, members, parts, flows                                                        script
}{
	usable: bare("usable"), begin: bare("begin_term"), elect: bare("elect"), stepDown: bare("step_down"), snapshot: bare("snapshot"),
	overview: bare("overview"), commit: performing("commit"), outbox: bare("outbox"), points: bare("points"), leases: bare("leases"),
	look: bare("look"), applied: newScript("applied", read("checked.lua")+"return 'ok'"), apply: performing("apply"), recount: withStored("recount"),
	records: reading(withStored("records")), find: reading(withStored("find")), queue: reading(withStored("queue")),
	fronts: reading(bare("fronts")), oldest: reading(bare("oldest")), log: reading(bare("entries")),
	planned: reading(bare("planned")), ended: reading(bare("ended")),
	docs: bare("docs"), members: bare("members"), parts: reading(bare("parts")), flows: reading(withStored("flows")),
}

// performing puts a script behind what runs commands.
func performing(name string) script {
	return newScript(name, read("perform.lua")+read(name+".lua"))
}

// withStored puts a script behind what reads missions.
func withStored(name string) script {
	return newScript(name, read("stored.lua")+read(name+".lua"))
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
