package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// journal is what the leader knows of the journal for partitions other than the first.
type journal struct {
	latest  int64       // the number given last
	sent    []int64     // by partition: the latest entry that concerns it
	kept    []journaled // entries that are still there, in order
	bytes   int         // theirs
	trimmed time.Time
}

// journaled is an entry of the journal.
type journaled struct {
	number int64
	at     time.Time
	bytes  int
}

// How long entries are kept after they were applied, unless they are too many. A Redis that fails
// over loses about as much as its replica is behind.
const (
	journalKept  = 10 * time.Second
	journalBytes = 16 << 20
	trimPause    = time.Second // between two trims, while they are not too many
)

// begin begins a term with what the meta hash of partition 0 says.
func (j *journal) begin(meta fields, partitions int) {
	now := time.Now()
	*j = journal{latest: number(meta["journal"]), sent: make([]int64, partitions), trimmed: now}
	for k := 1; k < partitions; k++ {
		j.sent[k] = number(meta[sentField(k)])
	}
	if j.latest > 0 { // those of earlier terms are older, but nobody knows by how much
		j.kept = append(j.kept, journaled{number: j.latest, at: now})
	}
}

func sentField(partition int) string { return "sent:" + decimal(int64(partition)) }

// expired returns the latest entry that is no longer needed; 0 if it is not time to trim.
func (j *journal) expired(now time.Time) (latest int64) {
	if j.bytes <= journalBytes && now.Sub(j.trimmed) < trimPause {
		return 0
	}
	for len(j.kept) > 0 && (now.Sub(j.kept[0].at) >= journalKept || j.bytes > journalBytes) {
		latest = j.kept[0].number
		j.bytes -= j.kept[0].bytes
		j.kept, j.trimmed = j.kept[1:], now
	}
	return latest
}

// encodeWords returns words as an entry of the journal has them: each behind its length.
func encodeWords(words []string) string {
	size := 0
	for _, word := range words {
		size += len(word) + binary.MaxVarintLen32
	}
	entry := make([]byte, 0, size)
	for _, word := range words {
		entry = append(binary.AppendUvarint(entry, uint64(len(word))), word...)
	}
	return string(entry)
}

var errEntry = errors.New("an entry of the journal is damaged")

func decodeWords(entry string) (words []string, err error) {
	for len(entry) > 0 {
		size, n := binary.Uvarint([]byte(entry[:min(len(entry), binary.MaxVarintLen64)]))
		if n <= 0 || size > uint64(len(entry)-n) {
			return nil, errEntry
		}
		end := n + int(size) //nolint:gosec // at most the length of the entry
		words, entry = append(words, entry[n:end]), entry[end:]
	}
	return words, nil
}

// look makes a partition where there is none, tries whether it can be written, and returns the
// number of the entry that was applied last. The error is the client's own.
func (p *partition) look(ctx context.Context) (applied int64, err error) {
	identity, err := uuid.NewV7()
	if err != nil {
		return 0, err
	}
	answer, err := p.eval(ctx, scripts.look, []any{engineSchema, identity.String(), p.number, p.partitions})
	if err != nil {
		return 0, err
	}
	said := texts(answer)
	if err := p.check(said, true, said[4]); err != nil {
		return 0, err
	}
	p.outage.full.Store(said[5] != "")
	return number(said[4]), nil
}

// apply applies an entry, unless that was done. Its first word is the number of the entry before
// it that concerns the partition. The error is the client's own.
func (p *partition) apply(ctx context.Context, entry int64, words []string) error {
	args := make([]any, 0, 2+len(words))
	args = append(args, p.Identity(), entry)
	for i := range words {
		args = append(args, &words[i])
	}
	answer, err := p.eval(ctx, scripts.apply, args)
	if err == nil {
		p.outage.full.Store(text(answer) != "")
	}
	return err
}

// errLostCommits says that a partition lacks entries that are no longer in the journal, or has
// some that partition 0 has lost.
var errLostCommits = errors.New("Redis has lost commits")

// entriesAtOnce is how many entries of the journal are read at once; each is a batch's changes.
const entriesAtOnce = 4

// catchUp applies what a partition lacks. The error is the client's own, or errLostCommits.
func (b *Backend) catchUp(ctx context.Context, p *partition) error {
	if err := p.allowedAgain(ctx); err != nil {
		return err
	}
	applied, err := p.look(ctx)
	if err != nil {
		return err
	}
	client := b.connection.client
	for from := applied + 1; ; {
		said, err := client.HGet(ctx, b.meta, sentField(p.number)).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		sent := number(said)
		if applied == sent {
			return nil
		}
		entries, err := client.XRangeN(ctx, b.key("j"), decimal(from)+"-0", "+", entriesAtOnce).Result()
		if err != nil {
			return err
		}
		if applied > sent || len(entries) == 0 {
			return fmt.Errorf("%w: partition %d has entry %d of the journal, of %d", errLostCommits, p.number, applied, sent)
		}
		for _, entry := range entries {
			if from, err = b.reapply(ctx, p, entry, &applied); err != nil {
				return err
			}
		}
	}
}

// reapply applies an entry as it was stored, if it concerns the partition, and returns the number
// of the next one.
func (b *Backend) reapply(ctx context.Context, p *partition, entry redis.XMessage, applied *int64) (next int64, err error) {
	id, _, _ := strings.Cut(entry.ID, "-")
	n := number(id)
	encoded, concerned := entry.Values[decimal(int64(p.number))].(string)
	if !concerned {
		return n + 1, nil
	}
	words, err := decodeWords(encoded)
	switch {
	case err != nil || len(words) == 0:
		return 0, fmt.Errorf("%w: number %d", errEntry, n)
	case number(words[0]) != *applied:
		return 0, fmt.Errorf("%w: partition %d has entry %d of the journal, and entry %d follows %s", errLostCommits, p.number, *applied, n, words[0])
	}
	if err := p.apply(ctx, n, words); err != nil {
		return 0, err
	}
	*applied = n
	return n + 1, nil
}

// gather begins a term in the other partitions: those that can be reached are brought up to
// date, the others are left out until they can be.
func (b *Backend) gather(ctx context.Context) error {
	b.stale.Store(false)
	errs := make([]error, len(b.others))
	var all sync.WaitGroup
	for i, p := range b.others {
		if p.outage.err() == nil || p.outage.lacksCommits() {
			all.Go(func() { errs[i] = b.catchUp(ctx, p) })
		}
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	lost := false
	for i, p := range b.others {
		if errs[i] != nil || p.outage.lacksCommits() {
			p.outage.note(p.explain(ctx, errs[i]))
		}
		lost = lost || errors.Is(errs[i], errLostCommits)
	}
	if !lost {
		return nil
	}
	for _, p := range b.others {
		if p.outage.err() != nil && !p.outage.lacksCommits() {
			return nil // what is left can be counted once all partitions are there
		}
	}
	return b.repair(ctx)
}

// applyAll applies the latest entries of the journal to their partitions.
func (b *Backend) applyAll(ctx context.Context, entries []*commandList) error {
	errs := make([]error, len(entries))
	var all sync.WaitGroup
	for i, c := range entries {
		all.Go(func() {
			if errs[i] = c.p.outage.err(); errs[i] == nil {
				errs[i] = c.p.apply(ctx, b.journal.latest, c.words)
			}
		})
	}
	all.Wait()
	for i, c := range entries {
		if errs[i] != nil {
			c.p.outage.note(c.p.explain(ctx, errs[i]))
			return missions.Unavailable(toldUnknown, errs[i]) // the next term applies it
		}
	}
	return nil
}

// hasRoom returns an error if a partition that is to have new missions has no memory for them.
func (b *Backend) hasRoom(ctx context.Context, c *engine.Changes) error {
	for i := range c.Missions {
		if c.Missions[i].Before != nil {
			continue
		}
		p := b.home(c.Missions[i].After.ID)
		if p.outage == nil || !p.outage.full.Load() {
			continue
		}
		if _, err := p.look(ctx); err != nil {
			return p.refused(ctx, "look", err)
		}
		if p.outage.full.Load() {
			return missions.Refused(toldFull, fmt.Errorf("partition %d", p.number))
		}
	}
	return nil
}
