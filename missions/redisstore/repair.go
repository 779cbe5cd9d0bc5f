package redisstore

import (
	"context"
	"slices"
	"strings"
	"sync"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// tokensAfterLoss is by how much fencing tokens are increased once commits are lost: nobody knows
// which ones were given out.
const tokensAfterLoss = 1 << 20

// repair makes what partition 0 says of missions agree with the other partitions again, after one
// of them has lost commits: how many missions there are, and who holds which. All partitions can
// be reached.
func (b *Backend) repair(ctx context.Context) error {
	var lost []*partition
	for _, p := range b.others {
		if p.outage.lacksCommits() {
			p.outage.note(nil) // so that it can be read
			lost = append(lost, p)
		}
	}
	err := b.agree(ctx)
	for _, p := range lost {
		if err != nil {
			p.outage.note(errLostCommits)
		}
	}
	return err
}

func (b *Backend) agree(ctx context.Context) error {
	from, meta, err := b.snapshot(ctx, 0)
	if err != nil {
		return err
	}
	counts, running, err := b.recount(ctx)
	if err != nil {
		return err
	}
	held, err := b.Records(ctx, running)
	if err != nil {
		return err
	}
	c := &engine.Changes{Marks: from.Marks, Totals: recounted(from.Totals, counts)}
	c.Marks.Token += tokensAfterLoss
	for _, r := range held {
		c.Marks.Token = max(c.Marks.Token, r.Token)
		c.Marks.Seq = max(c.Marks.Seq, r.Seq)
	}
	c.Released, c.Leases = leasesFor(from.Leases, held)
	b.log.Error("Redis has lost commits of a part of the data set; what is left is counted anew",
		"leases_dropped", len(c.Released), "missions_without_lease", len(c.Leases))
	b.journal.begin(meta, b.partitions)
	b.mu.Lock()
	epoch := b.term.epoch
	b.mu.Unlock()
	if err := b.Commit(ctx, epoch, c); err != nil {
		return err
	}
	for _, p := range b.others {
		if err := b.connection.client.HSet(ctx, p.meta, "applied", decimal(b.journal.sent[p.number])).Err(); err != nil {
			return p.refused(ctx, "repair", err)
		}
	}
	return nil
}

// recount counts the missions of all partitions by STATUS:TYPE, and returns the ids of those that
// are RUNNING.
func (b *Backend) recount(ctx context.Context) (counts map[string]int64, running []string, err error) {
	types := map[string]bool{}
	for _, p := range b.all() {
		fields, err := b.connection.client.HKeys(ctx, p.key("counts")).Result()
		if err != nil {
			return nil, nil, p.refused(ctx, "recount", err)
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
	var mu sync.Mutex
	var all sync.WaitGroup
	errs := make([]error, 1+len(b.others))
	for i, p := range b.all() {
		all.Go(func() {
			for some := range slices.Chunk(args, missions.MaxBatch) {
				answer, err := p.eval(ctx, scripts.recount, some)
				if err != nil {
					errs[i] = p.refused(ctx, "recount", err)
					return
				}
				said := items(answer)
				mu.Lock()
				for field, n := range hash(said[0]) {
					counts[field] += number(n)
				}
				running = append(running, texts(said[1])...)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, nil, err
		}
	}
	return counts, running, nil
}

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
