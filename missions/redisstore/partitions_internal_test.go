package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore/redistest"
)

// parted is a store with three partitions, and the Redis behind it.
type parted struct {
	*Store
	t       *testing.T
	backend *Backend
	client  *redis.Client
	made    int
}

func openParted(t *testing.T, log slog.Handler) *parted {
	t.Helper()
	server := redistest.Start(t, "--appendfsync", "no")
	s, err := Open(t.Context(), Config{URL: server.URL(), Partitions: 3, Logger: slog.New(log)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &parted{Store: s, t: t, backend: s.Store.(closing).backend, client: server.Client()}
}

// in returns a new id of a partition.
func (p *parted) in(partition int) string {
	for {
		p.made++
		if id := fmt.Sprint("m-", p.made); p.backend.home(id).number == partition {
			return id
		}
	}
}

func (p *parted) add(id string) error {
	m := missions.Mission{ID: id, Name: id, Type: "t"}
	m.Normalize()
	r, err := p.Create(context.Background(), []missions.Mission{m})
	if err == nil {
		err = r[0].Err
	}
	return err
}

func (p *parted) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// until does something until the store can do it.
func (p *parted) until(do func() error) {
	p.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := do()
		if !errors.Is(err, missions.ErrUnavailable) {
			p.must(err)
			return
		}
		select {
		case <-tick.C:
		case <-p.t.Context().Done():
			p.t.Fatal(err)
		}
	}
}

// refusing has partition 1 refuse entries of the journal until accept is called.
func (p *parted) refusing() (accept func()) {
	p.t.Helper()
	ctx := p.t.Context()
	p.must(p.client.Rename(ctx, "{mc:1}:counts", "{mc:1}:kept").Err())
	p.must(p.client.Set(ctx, "{mc:1}:counts", "not ours", 0).Err())
	return func() { p.must(p.client.Rename(ctx, "{mc:1}:kept", "{mc:1}:counts").Err()) }
}

// dump returns what partition 1 has, and back makes it so again.
func (p *parted) dump() (back func()) {
	p.t.Helper()
	ctx := p.t.Context()
	keys, err := p.client.Keys(ctx, "{mc:1}:*").Result()
	p.must(err)
	values := map[string]string{}
	for _, key := range keys {
		values[key] = p.client.Dump(ctx, key).Val()
	}
	return func() {
		keys, err := p.client.Keys(ctx, "{mc:1}:*").Result()
		p.must(err)
		p.must(p.client.Del(ctx, keys...).Err())
		for key, value := range values {
			p.must(p.client.Restore(ctx, key, 0, value).Err())
		}
	}
}

// there checks that missions are stored.
func (p *parted) there(ids ...string) {
	p.t.Helper()
	for _, id := range ids {
		p.until(func() error {
			_, err := p.Get(context.Background(), id)
			return err
		})
	}
}

// TestTheJournalKeepsWhatAPartitionNeeds: entries are kept while a partition that they concern
// cannot be used, and for as long as it takes to know that it has them. The others go.
func TestTheJournalKeepsWhatAPartitionNeeds(t *testing.T) {
	t.Parallel()
	p := openParted(t, slog.DiscardHandler)
	p.backend.journal.keep = 0
	p.must(p.add(p.in(1)))
	accept := p.refusing()
	late := p.in(1)
	if err := p.add(late); err == nil {
		t.Fatal("a mission was created in a partition that refuses it")
	}
	concerning := func(partition string) (n int) {
		entries, err := p.client.XRange(t.Context(), "{mc:0}:j", "-", "+").Result()
		p.must(err)
		for _, e := range entries {
			if _, there := e.Values[partition]; there {
				n++
			}
		}
		return n
	}
	const most = 200
	for range most {
		p.must(p.add(p.in(2)))
	}
	p.until(func() error { // entries of partition 2 are trimmed meanwhile
		p.must(p.add(p.in(2)))
		if n := concerning("2"); n > most/2 {
			return missions.Unavailable(fmt.Sprint(n, " entries are left"), nil)
		}
		return nil
	})
	if concerning("1") == 0 {
		t.Error("the entry that the partition lacks is gone from the journal")
	}
	accept()
	p.there(late)
}

// TestANewLeaderTrimsTheJournal: entries of earlier terms stay while a partition is away, and do not
// keep later ones.
func TestANewLeaderTrimsTheJournal(t *testing.T) {
	t.Parallel()
	b := &Backend{}
	seen := func(number int) *partition {
		p := &partition{number: number}
		p.outage = &outage{of: p}
		p.seen.Store(&sight{entry: 100, at: time.Now().Add(time.Hour)})
		return p
	}
	here, away := seen(1), seen(2)
	away.outage.cause = errLostCommits
	b.journal = journal{
		sent: map[int]int64{1: 7, 2: 3}, older: journaled{number: 5, concerns: []*partition{here, away}},
		kept: []journaled{{number: 6, concerns: []*partition{here}}, {number: 7, concerns: []*partition{here}}},
	}
	if upTo, some := b.journal.expired(time.Now()); upTo != 0 || len(some) != 2 {
		t.Errorf("trimmed are all up to %d, and %v, want 6 and 7 alone", upTo, some)
	}
	away.outage.cause = nil
	b.journal.trimmed = time.Time{}
	if upTo, some := b.journal.expired(time.Now()); upTo != 5 || len(some) != 0 {
		t.Errorf("trimmed are all up to %d, and %v, want all up to 5", upTo, some)
	}
}

// TestNumbersOfThePastAreNotGivenAgain: a partition that has an entry of the journal which partition
// 0 has lost gets the next ones all the same, whatever the clocks say.
func TestNumbersOfThePastAreNotGivenAgain(t *testing.T) {
	t.Parallel()
	p := openParted(t, slog.DiscardHandler)
	p.must(p.add(p.in(1)))
	ahead := time.Now().Add(time.Hour).UnixMicro()
	p.must(p.client.HSet(t.Context(), "{mc:1}:meta", "applied", ahead).Err())
	p.must(p.client.HSet(t.Context(), "{mc:0}:meta", "epoch", 7, "term", "another").Err()) // begins another term
	for range 3 {
		id := p.in(1)
		p.until(func() error { return p.add(id) })
		p.there(id)
	}
}

// TestAFullPartitionIsVerified: it may have lost commits, too.
func TestAFullPartitionIsVerified(t *testing.T) {
	t.Parallel()
	p := openParted(t, slog.DiscardHandler)
	p.must(p.add(p.in(1)))
	of := p.backend.others[0]
	of.outage.full.Store(true)
	p.must(p.client.HSet(t.Context(), "{mc:1}:meta", "applied", 7).Err())
	of.verify(t.Context())
	if !of.outage.lacksCommits() {
		t.Error("a full partition that has lost commits is taken for one that has them")
	}
}

// TestAfterARepairEntriesAreApplied: what the journal has of before a repair stops nothing.
func TestAfterARepairEntriesAreApplied(t *testing.T) {
	t.Parallel()
	p := openParted(t, slog.DiscardHandler)
	ids := []string{p.in(1), p.in(1), p.in(1)}
	p.must(p.add(ids[0]))
	back := p.dump()
	p.must(p.add(ids[1]))
	lost := p.client.HGet(t.Context(), "{mc:0}:meta", "journal").Val()
	p.must(p.add(ids[2]))
	p.must(p.client.XDel(t.Context(), "{mc:0}:j", lost+"-0").Err())
	back()
	p.until(func() error { // until the partition is repaired
		p.must(p.CheckWrite(t.Context()))
		_, err := p.Get(t.Context(), ids[0])
		return err
	})
	accept := p.refusing()
	late := p.in(1)
	if err := p.add(late); err == nil {
		t.Fatal("a mission was created in a partition that refuses it")
	}
	accept()
	p.there(ids[0], late)
}

// failures counts what is logged of repairs that fail.
type failures struct {
	slog.Handler
	n atomic.Int64
}

func (f *failures) Enabled(context.Context, slog.Level) bool { return true }

func (f *failures) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "cannot be counted") {
		f.n.Add(1)
	}
	return nil
}

// TestARepairIsTriedAgain for as long as it fails.
func TestARepairIsTriedAgain(t *testing.T) {
	t.Parallel()
	failed := &failures{Handler: slog.DiscardHandler}
	p := openParted(t, failed)
	p.must(p.add(p.in(1)))
	p.must(p.add(p.in(2)))
	back := p.dump()
	p.must(p.add(p.in(1)))
	p.must(p.client.Del(t.Context(), "{mc:0}:j").Err())
	p.must(p.client.Rename(t.Context(), "{mc:2}:counts", "{mc:2}:kept").Err())
	p.must(p.client.Set(t.Context(), "{mc:2}:counts", "not ours", 0).Err())
	back()
	id := p.in(1)
	p.until(func() error {
		if err := p.add(id); err == nil || failed.n.Load() < 4 {
			return missions.Unavailable("it has not failed often enough", err)
		}
		return nil
	})
	p.must(p.client.Rename(t.Context(), "{mc:2}:kept", "{mc:2}:counts").Err())
	p.until(func() error { return p.add(id) })
	p.there(id)
}
