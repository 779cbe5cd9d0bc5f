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
)

// journal is what the leader knows of the journal for partitions other than the first.
type journal struct {
	latest int64         // no number up to this one is given again
	stored int64         // the number given last, as partition 0 has it
	sent   map[int]int64 // by partition: the latest entry that concerns it
	mended map[int]int64 // what sent becomes with the next commit: see repair.go

	older   journaled   // the latest entry of earlier terms; none once they are gone
	kept    []journaled // later entries that are still there, in order
	bytes   int         // theirs
	trimmed time.Time
	keep    time.Duration // journalKept but in tests
}

// journaled is an entry of the journal. Numbers are never given twice, also where Redis has lost
// some: they are the time in µs since 1970, or a little more.
type journaled struct {
	number   int64
	at       time.Time
	concerns []*partition
	bytes    int
}

// How long entries are kept. A Redis that fails over loses about as much as its replica is behind,
// so an entry goes once its partitions are seen to have it some time after it was applied. If there are
// too many bytes, it goes once they are seen to have it.
const (
	journalKept  = 10 * time.Second
	journalBytes = 16 << 20
	trimPause    = time.Second
)

// begin begins a term with what the meta hash of partition 0 says.
func (j *journal) begin(meta fields, others []*partition) {
	if latest := number(meta["journal"]); latest != j.stored {
		*j = journal{keep: j.keep, latest: latest, stored: latest, older: journaled{number: latest, at: time.Now(), concerns: others}}
	}
	j.mended, j.sent = nil, make(map[int]int64, len(others))
	for _, p := range others {
		j.sent[p.number] = number(meta[sentField(p.number)])
		j.latest = max(j.latest, j.sent[p.number]) // partition 0 may have lost the entry
		if p.outage.err() == nil {
			p.acked.Store(j.sent[p.number])
		}
	}
}

func sentField(partition int) string { return "sent:" + decimal(int64(partition)) }

// expired takes entries that are no longer needed: all up to a number, and some after it.
func (j *journal) expired(now time.Time) (upTo int64, some []string) {
	if j.bytes <= journalBytes && now.Sub(j.trimmed) < trimPause {
		return 0, nil
	}
	j.trimmed = now
	left, first := j.kept[:0], true
	if j.older.number > 0 {
		if first = !j.needed(&j.older); first {
			upTo, j.older = j.older.number, journaled{}
		}
	}
	for i := range j.kept {
		entry := j.kept[i]
		if j.needed(&entry) {
			left, first = append(left, entry), false
			continue
		}
		j.bytes -= entry.bytes
		if first {
			upTo = entry.number
		} else {
			some = append(some, decimal(entry.number)+"-0")
		}
	}
	clear(j.kept[len(left):])
	j.kept = left
	return upTo, some
}

// needed reports whether a partition may need an entry again. If there are too many bytes, that is
// looked at more often.
func (j *journal) needed(entry *journaled) (needed bool) {
	until := entry.at.Add(j.keep)
	if j.bytes > journalBytes {
		until = entry.at
	}
	for _, p := range entry.concerns {
		if last := min(entry.number, j.sent[p.number]); last > 0 && !p.had(last, until) {
			needed = true
			if j.bytes > journalBytes {
				p.outage.look.Send()
			}
		}
	}
	return needed
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
var errLostCommits = errors.New("commits were lost in Redis")

// lostCommits is an errLostCommits.
type lostCommits struct {
	partition     int
	applied, sent int64 // entries
}

func (l *lostCommits) Error() string {
	return fmt.Sprintf("%v: partition %d has entry %d of the journal, and should have %d", errLostCommits, l.partition, l.applied, l.sent)
}

// Is says that it is an errLostCommits.
func (l *lostCommits) Is(target error) bool { return target == errLostCommits }

// homeError is an error of partition 0, which says nothing of the others.
type homeError struct{ error }

func (h *homeError) Unwrap() error { return h.error }

// entriesAtOnce is how many entries of the journal are read at once; each is a batch's changes.
const entriesAtOnce = 4

// catchUp applies what a partition lacks. The error is the client's own, or errLostCommits.
func (b *Backend) catchUp(ctx context.Context, p *partition) (err error) {
	if err := p.allowedAgain(ctx); err != nil {
		return err
	}
	for range 3 { // others may apply the same entries, or the partition be begun anew
		if err = b.applyMissing(ctx, p); !redis.HasErrorPrefix(err, "NODATASET") {
			return err
		}
	}
	return err
}

func (b *Backend) applyMissing(ctx context.Context, p *partition) error {
	applied, err := p.look(ctx)
	if err != nil {
		return err
	}
	client := b.connection.client
	for from := applied + 1; ; {
		said, err := client.HGet(ctx, b.meta, sentField(p.number)).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return &homeError{err}
		}
		sent := number(said)
		if applied == sent {
			p.acked.Store(applied)
			return nil
		}
		entries, err := client.XRangeN(ctx, b.key("j"), decimal(from)+"-0", "+", entriesAtOnce).Result()
		if err != nil {
			return &homeError{err}
		}
		if applied > sent || len(entries) == 0 {
			return &lostCommits{p.number, applied, sent}
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
	case number(words[0]) != *applied: // of before a repair, or one before it is lost
		return n + 1, nil
	}
	if err := p.apply(ctx, n, words); err != nil {
		return 0, err
	}
	*applied = n
	return n + 1, nil
}

// catchUpAll begins a term in the other partitions: those that can be used are brought up to date,
// the others are left out until they can be.
func (b *Backend) catchUpAll(ctx context.Context) error {
	b.stale.Store(false)
	errs := make([]error, len(b.others))
	tried := make([]bool, len(b.others))
	var all sync.WaitGroup
	for i, p := range b.others {
		if tried[i] = p.outage.err() == nil || p.outage.lacksCommits(); tried[i] {
			all.Go(func() { errs[i] = b.catchUp(ctx, p) })
		}
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, err := range errs {
		if home := (*homeError)(nil); errors.As(err, &home) {
			return b.refused(ctx, "begin", home.error)
		}
	}
	var lost []*partition
	whole := true
	for i, p := range b.others {
		if tried[i] {
			p.outage.note(p.explain(ctx, errs[i]))
		}
		if p.outage.lacksCommits() {
			lost = append(lost, p)
		} else {
			whole = whole && p.outage.err() == nil
		}
	}
	if len(lost) > 0 && whole { // otherwise, it cannot be counted what is left
		b.repair(ctx, lost)
	}
	return nil
}

// applyAll applies the latest entry of the journal to its partitions.
func (b *Backend) applyAll(ctx context.Context, parts []*commandList) error {
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() {
			if errs[i] = part.p.outage.err(); errs[i] == nil {
				errs[i] = part.p.apply(ctx, b.journal.latest, part.words)
			}
		})
	}
	all.Wait()
	for i, part := range parts {
		if errs[i] == nil {
			part.p.acked.Store(b.journal.latest)
		} else if part.p.outage.err() == nil {
			part.p.outage.tell(part.p.explain(ctx, errs[i]))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return missions.Unavailable(toldUnknown, err) // it will be applied
	}
	return nil
}
