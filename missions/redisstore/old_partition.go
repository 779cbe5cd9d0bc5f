package redisstore

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"missioncontrol/missions"
)

// schemaVersion is the version of what lua/lib describes.
const schemaVersion = scriptsSchema

// oldPartition is a part of a data set of schema 3 whose keys share a hash tag.
type oldPartition struct {
	store  *scripted
	number int
	permissions
	identity atomic.Pointer[string]
	sums     missions.WindowCache // of its samples
}

// openDataSet finds or creates the data set under a prefix.
func (s *scripted) openDataSet(ctx context.Context, prefix string) error {
	first := s.newPartition(prefix, 0)
	wanted := max(s.cfg.Partitions, 1)
	has, err := first.open(ctx, wanted)
	if err != nil {
		return s.openError(err)
	}
	if s.cfg.Partitions != 0 && has != s.cfg.Partitions {
		return fmt.Errorf("%w: it was created with %d, not %d; omit partitions, or choose another prefix",
			ErrPartitions, has, s.cfg.Partitions)
	}
	s.partitions = []*oldPartition{first}
	for number := 1; number < has; number++ {
		p := s.newPartition(prefix, number)
		if _, err := p.open(ctx, has); err != nil {
			return s.openError(err)
		}
		s.partitions = append(s.partitions, p)
	}
	return nil
}

func (s *scripted) openError(err error) error { return openError(&s.where, err) }

// openError says what is wrong of what is not our own finding.
func openError(where *Location, err error) error {
	err = where.explain(err)
	for _, ours := range []error{ErrNewerSchema, ErrOlderSchema, ErrForbidden, ErrForeign, ErrUnsuitable, ErrPartitions} {
		if errors.Is(err, ours) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func (s *scripted) newPartition(prefix string, number int) *oldPartition {
	return &oldPartition{store: s, number: number, permissions: permissions{
		where: &s.where, client: s.client, meta: fmt.Sprintf("{%s:%d}:meta", prefix, number), keys: map[string][]string{
			"HLEN": {"meta", "a:", "alerts", "ct", "h:", "hs", "leader", "n:", "s:"},
			"LLEN": {"g:"}, "SCARD": {"ah:"}, "STRLEN": {"d:", "m:", "r:"}, "XRANGE": {"notices", "o"},
			"ZRANGE": {"ad", "ao", "as", "f", "i:", "ia:", "ig:", "l", "q:", "w"},
		}}}
}

// open is init, once all that the scripts need has been tried.
func (p *oldPartition) open(ctx context.Context, partitions int) (int, error) {
	if err := p.usable(ctx); err != nil {
		return 0, err
	}
	return p.init(ctx, partitions)
}

// init creates the partition where there is none, learns its identity, and returns
// how many partitions the data set has.
func (p *oldPartition) init(ctx context.Context, partitions int) (int, error) {
	mint, err := uuid.NewV7()
	if err != nil {
		return 0, err
	}
	answer, err := p.do(ctx, scripts.init, schemaVersion, mint.String(), p.number, partitions)
	if err != nil {
		return 0, err
	}
	identity, has, err := readMeta(p, texts(answer))
	if err != nil {
		return 0, err
	}
	p.identity.Store(&identity)
	return has, nil
}

// stateBytes is how long the meta hash's state is: lua/lib/begin.lua.
const stateBytes = 14 * 8

// readMeta reads what init.lua says of a partition. A hash that is not ours, or damaged,
// is an [ErrForeign].
func readMeta(p *oldPartition, said []string) (identity string, partitions int, err error) {
	schema, err := strconv.Atoi(said[0])
	switch {
	case err != nil:
		return "", 0, foreign(p.meta, "is not the head of a data set")
	case schema > schemaVersion:
		return "", 0, fmt.Errorf("%w: it has schema %d, but this version knows schema %d; upgrade the supervisor, or choose another prefix",
			ErrNewerSchema, schema, schemaVersion)
	case schema < schemaVersion:
		return "", 0, fmt.Errorf("%w: it has schema %d, but this version knows schema %d; choose another prefix, and let the earlier version finish its missions",
			ErrOlderSchema, schema, schemaVersion)
	}
	partitions, err = strconv.Atoi(said[3])
	_, notUUID := uuid.Parse(said[1])
	if err != nil || notUUID != nil || partitions < 1 || partitions > MaxPartitions ||
		said[2] != strconv.Itoa(p.number) || said[4] != strconv.Itoa(stateBytes) {
		return "", 0, foreign(p.meta, "is the damaged head of a data set")
	}
	return said[1], partitions, nil
}

// begunAnew makes the data set's partition again after it is gone from Redis, or
// finds what another supervisor has made. Its positions start again too, which is
// why it has another identity.
func (p *oldPartition) begunAnew(ctx context.Context) error {
	was := p.Identity()
	if _, err := p.init(ctx, len(p.store.partitions)); err != nil {
		return err
	}
	if p.Identity() != was {
		p.store.log.Error("the data set is gone from Redis; creating an empty one", "partition", p.number)
	}
	return nil
}

// Identity implements [missions.Outbox].
func (p *oldPartition) Identity() string { return *p.identity.Load() }

// home returns the partition of a mission.
func (s *scripted) home(missionID string) *oldPartition {
	if len(s.partitions) == 1 {
		return s.partitions[0]
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(missionID)) // never fails
	return s.partitions[hash.Sum32()%uint32(len(s.partitions))]
}

// everywhere does something in each partition, all at once, and returns the first
// error.
func (s *scripted) everywhere(ctx context.Context, do func(context.Context, *oldPartition) error) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.calls.Done()
	if len(s.partitions) == 1 {
		return do(ctx, s.partitions[0])
	}
	errs := make([]error, len(s.partitions))
	var all sync.WaitGroup
	for i, p := range s.partitions {
		all.Go(func() { errs[i] = do(ctx, p) })
	}
	all.Wait()
	return errors.Join(errs...)
}

// scatter does a batch's items in the partitions of their missions. A partition's
// failure is its items' error while another partition did its part, and the whole
// batch's otherwise.
func scatter[Item, Result any](ctx context.Context, s *scripted, batch []Item, id func(*Item) string,
	do func(context.Context, *oldPartition, []Item) ([]Result, error), failed func(error) Result) ([]Result, error) {
	if len(s.partitions) == 1 {
		return do(ctx, s.partitions[0], batch)
	}
	places := make([][]int, len(s.partitions))
	for i := range batch {
		number := s.home(id(&batch[i])).number
		places[number] = append(places[number], i)
	}
	results := make([]Result, len(batch))
	errs := make([]error, len(s.partitions))
	var all sync.WaitGroup
	for number, mine := range places {
		if len(mine) == 0 {
			continue
		}
		all.Go(func() {
			part := make([]Item, len(mine))
			for i, place := range mine {
				part[i] = batch[place]
			}
			some, err := do(ctx, s.partitions[number], part)
			errs[number] = err
			for i, place := range mine {
				if err != nil {
					results[place] = failed(err)
				} else {
					results[place] = some[i]
				}
			}
		})
	}
	all.Wait()
	return results, unlessSome(errs, places)
}

// unlessSome returns an error when every partition that was asked has failed.
func unlessSome(errs []error, places [][]int) error {
	for number := range places {
		if len(places[number]) > 0 && errs[number] == nil {
			return nil
		}
	}
	i := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if i < 0 {
		return nil
	}
	return errs[i]
}

// resultOf makes a Result of an error.
func resultOf(err error) missions.Result { return missions.Result{Err: err} }

func itself[T any](item T) T { return item }
