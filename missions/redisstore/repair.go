package redisstore

import (
	"context"
	"iter"
	"slices"
	"strings"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// tokensAfterLoss is by how much fencing tokens are increased once commits are lost: nobody knows
// which ones were given out.
const tokensAfterLoss = 1 << 20

// repair makes what partition 0 says of missions agree with the other partitions again, after some
// have lost commits: how many missions there are, and who holds which. All partitions can be
// reached. If it fails, those that have lost commits stay left out.
func (b *Backend) repair(ctx context.Context, lost []*partition) {
	if err := b.reconcile(ctx, lost); err != nil {
		b.log.Error("Redis has lost commits of a part of the data set, and what is left cannot be counted", "error", err)
		return
	}
	for _, p := range lost {
		p.acked.Store(b.journal.sent[p.number])
		p.outage.note(nil)
	}
}

func (b *Backend) reconcile(ctx context.Context, lost []*partition) error {
	from, meta, err := b.snapshot(ctx, 0)
	if err != nil {
		return err
	}
	b.journal.begin(meta, b.others)
	b.journal.mended = map[int]int64{}
	for _, p := range lost {
		applied, err := p.look(ctx)
		if err != nil {
			return err
		}
		b.journal.mended[p.number] = applied
		b.journal.latest = max(b.journal.latest, applied)
	}
	counts, held, err := b.recount(ctx)
	if err != nil {
		return err
	}
	c := &engine.Changes{Marks: from.Marks, Totals: recounted(from.Totals, counts), Docs: []engine.Doc{engine.RecountDoc()}}
	c.Marks.Token += tokensAfterLoss
	for _, r := range held {
		c.Marks.Token = max(c.Marks.Token, r.Token)
		c.Marks.Seq = max(c.Marks.Seq, r.Seq)
	}
	c.Released, c.Leases = leasesFor(from.Leases, held)
	b.log.Error("Redis has lost commits of a part of the data set; what is left is counted anew",
		"leases_dropped", len(c.Released), "missions_without_lease", len(c.Leases))
	b.mu.Lock()
	epoch := b.term.epoch
	b.mu.Unlock()
	b.stale.Store(false)
	return b.Commit(ctx, epoch, c)
}

// recountWaits has who waits for what agree with the missions again, after a repair: it has stored the document that
// says that this is to be done. All partitions can be used.
func (b *Backend) recountWaits(ctx context.Context, epoch int64) error {
	from, meta, err := b.snapshot(ctx, 0)
	if err != nil {
		return err
	}
	b.journal.begin(meta, b.others)
	unready, err := b.unready(ctx, from.Totals)
	if err != nil {
		return err
	}
	err = engine.Recount(ctx, b, from, missions.At(b.clock.Now()), b.flows(ctx, from.Totals), unready, func(c *engine.Changes) error { return b.Commit(ctx, epoch, c) })
	if err == nil {
		b.log.Warn("what missions wait for, and what batches have, is counted anew")
	}
	return err
}

// flowsAtOnce is at how many missions a script looks for such as have a flow.
const flowsAtOnce = 256

// flows returns all missions of some types that have a flow, without data and results.
func (b *Backend) flows(ctx context.Context, totals map[string]*engine.Totals) iter.Seq2[*engine.Record, error] {
	return func(yield func(*engine.Record, error) bool) {
		for _, p := range b.all() {
			for name := range totals {
				if name == "" {
					continue
				}
				for _, set := range setsOfType(name) {
					if !p.flows(ctx, set, yield) {
						return
					}
				}
			}
		}
	}
}

// setsOfType returns the sets in which each mission of a type stands once.
func setsOfType(name string) (sets []string) {
	for _, status := range statuses {
		sets = append(sets, "i:"+string(status)+":"+name)
	}
	for rank := range priorities {
		sets = append(sets, "q:"+decimal(int64(rank))+":"+name)
	}
	return sets
}

// flows yields the missions of a set that have a flow, and reports whether to go on.
func (p *partition) flows(ctx context.Context, set string, yield func(*engine.Record, error) bool) bool {
	for from := 0; ; from += flowsAtOnce {
		answer, err := p.run(ctx, scripts.flows, set, from, from+flowsAtOnce-1)
		if err != nil {
			return yield(nil, err)
		}
		said := texts(answer)
		for some := range slices.Chunk(said[1:], 3) {
			s, err := readHead(some[0], some[1])
			if err != nil {
				return yield(nil, p.damaged(err))
			}
			r := s.record(some[0])
			if r.Flow, err = readFlow(s.Flow, some[2], ""); err != nil {
				return yield(nil, p.damaged(err))
			}
			if !yield(r, nil) {
				return false
			}
		}
		if number(said[0]) < flowsAtOnce {
			return true
		}
	}
}

// recount counts the missions of all partitions by STATUS:TYPE, and returns those that are RUNNING,
// without data and results.
func (b *Backend) recount(ctx context.Context) (counts map[string]int64, running []*engine.Record, err error) {
	types := map[string]bool{}
	for _, p := range b.all() {
		fields, err := b.connection.client.HKeys(ctx, p.key("counts")).Result()
		if err != nil {
			return nil, nil, err
		}
		for _, field := range fields {
			_, missionType, _ := strings.Cut(field, ":")
			types[missionType] = true
		}
	}
	args := make([]any, 0, len(types))
	for missionType := range types {
		args = append(args, missionType)
	}
	counts = map[string]int64{}
	for _, p := range b.all() {
		for some := range slices.Chunk(args, recountAtOnce) {
			answer, err := p.eval(ctx, scripts.recount, some)
			if err != nil {
				return nil, nil, err
			}
			said := items(answer)
			for field, n := range hash(said[0]) {
				counts[field] += number(n)
			}
			for id, head := range hash(said[1]) {
				r, err := readHeadOf(id, head)
				if err != nil {
					return nil, nil, err
				}
				running = append(running, r)
			}
		}
	}
	return counts, running, nil
}

// recountAtOnce is the missions of how many types a script counts.
const recountAtOnce = 100

// recounted returns totals with other counts of missions.
func recounted(totals map[string]*engine.Totals, counts map[string]int64) map[string]*engine.Totals {
	fresh := map[string]*engine.Totals{"": {}}
	for name, was := range totals {
		t := *was
		clear(t.ByStatus[:])
		fresh[name] = &t
	}
	for field, n := range counts {
		status, missionType, _ := strings.Cut(field, ":")
		if fresh[missionType] == nil {
			fresh[missionType] = &engine.Totals{}
		}
		i := missions.Status(status).Index()
		fresh[missionType].ByStatus[i] += n
		fresh[""].ByStatus[i] += n
	}
	return fresh
}

// leasesFor returns the leases that are of no RUNNING mission, and leases that have ended for
// RUNNING missions that have none: their attempts end, as if their agents had been silent.
func leasesFor(leases []engine.Lease, running []*engine.Record) (dropped, missing []engine.Lease) {
	held := map[string]int64{}
	for i := range leases {
		held[leases[i].MissionID] = leases[i].Token
	}
	for _, r := range running {
		if token, there := held[r.ID]; there && token == r.Token {
			delete(held, r.ID)
			continue
		}
		missing = append(missing, engine.Lease{Seq: r.Seq, MissionID: r.ID, Type: r.Type, AgentID: string(r.AgentID), Token: r.Token, ExpiresAt: r.StartedAt})
	}
	for i := range leases {
		if _, left := held[leases[i].MissionID]; left {
			dropped = append(dropped, leases[i])
		}
	}
	return dropped, missing
}
