package redisstore

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync/atomic"

	"github.com/google/uuid"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// partition is a part of a data set whose keys share a hash tag.
type partition struct {
	*connection
	permissions
	number     int
	partitions int    // of the data set
	prefix     string // of all keys
	identity   atomic.Pointer[string]
	fixed      bool    // it is known how many partitions there are
	outage     *outage // nil for partition 0, without which there is nothing

	acked atomic.Int64          // it has confirmed this entry of the journal to this process
	seen  atomic.Pointer[sight] // the latest
}

func newPartition(c *connection, number int) *partition {
	prefix := fmt.Sprintf("{%s:%d}:", c.where.prefix, number)
	keys := map[string][]string{"HGET": {"meta", "counts"}, "LRANGE": {"g:"}, "STRLEN": {"m:", "d:", "r:"}, "ZRANGE": {"q:", "i:", "ia:", "ig:", "w", "f"}}
	if number == 0 {
		keys["HGET"] = append(keys["HGET"], "leases", "agents", "alerts", "totals", "p:", "notices", "receipts", "leader")
		keys["XRANGE"], keys["ZRANGE"] = []string{"o", "j"}, append(keys["ZRANGE"], "slots:")
	}
	p := &partition{
		connection: c, number: number, partitions: 1, prefix: prefix,
		permissions: permissions{where: &c.where, client: c.client, meta: prefix + "meta", keys: keys},
	}
	p.identity.Store(new(string))
	return p
}

// Identity returns the name of the partition.
func (p *partition) Identity() string { return *p.identity.Load() }

// called notes the name of the partition. It has another one once it is begun anew.
func (p *partition) called(identity string) {
	if identity == "" || identity == p.Identity() {
		return
	}
	if was := p.identity.Swap(&identity); *was != "" {
		p.log.Error("the data set is gone from Redis; creating an empty one", "partition", p.number)
	}
}

func (p *partition) key(parts ...string) string {
	key := p.prefix
	for _, part := range parts {
		key += part
	}
	return key
}

// check checks what lua/begin_term.lua or look.lua says of a partition. A hash that is not
// ours, or damaged, is an [ErrForeign].
func (p *partition) check(said []string, whole bool, counter string) error {
	schema, err := strconv.Atoi(said[0])
	if err != nil {
		return foreign(p.meta, "is not the head of a data set")
	}
	if err := ofSchema(schema); err != nil {
		return err
	}
	partitions, err := strconv.Atoi(said[3])
	_, notUUID := uuid.Parse(said[1])
	n, notNumber := strconv.ParseInt(counter, 10, 64)
	if err != nil || notUUID != nil || partitions < 1 || partitions > MaxPartitions || said[2] != strconv.Itoa(p.number) || !whole || notNumber != nil || n < 0 {
		return foreign(p.meta, "is the damaged head of a data set")
	}
	if p.fixed && partitions != p.partitions {
		return foreign(p.meta, "is of a data set with another number of partitions")
	}
	if !p.fixed {
		p.partitions = partitions
	}
	p.called(said[1])
	return nil
}

// ofSchema returns an error if a data set has another schema than this version keeps.
func ofSchema(schema int) error {
	switch {
	case schema > engineSchema:
		return fmt.Errorf("%w: it has schema %d, but this version knows schema %d; upgrade the supervisor, or choose another prefix",
			ErrNewerSchema, schema, engineSchema)
	case schema == migratable:
		return fmt.Errorf("%w: it has schema %d, and this version keeps schema %d; stop every supervisor of the data set, back it up, and run: supervisor migrate",
			ErrOlderSchema, schema, engineSchema)
	case schema < migratable:
		return fmt.Errorf("%w: it has schema %d, but this version knows schema %d; choose another prefix, and let the earlier version finish its missions",
			ErrOlderSchema, schema, engineSchema)
	}
	return nil
}

// isOurs reports whether an error of opening a data set is our own finding.
func isOurs(err error) bool {
	for _, ours := range []error{ErrNewerSchema, ErrOlderSchema, ErrForbidden, ErrForeign, ErrUnsuitable, ErrPartitions} {
		if errors.Is(err, ours) {
			return true
		}
	}
	return false
}

// run runs a script, and returns what a caller may know of an error.
func (p *partition) run(ctx context.Context, s script, args ...any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := p.outage.err(); err != nil {
		return nil, err
	}
	if err := p.allowedAgain(ctx); err != nil {
		return nil, p.failed(ctx, s.name, err)
	}
	if p.outage != nil {
		s, args = s.checked(), append(args, p.acked.Load())
	}
	answer, err := p.eval(ctx, s, args)
	if err != nil {
		return nil, p.refused(ctx, s.name, err)
	}
	p.works()
	return answer, nil
}

// eval runs a script. The error is the client's own.
func (p *partition) eval(ctx context.Context, s script, args []any) (any, error) {
	return eval(ctx, p.connection.client, p.meta, s, args)
}

// refused returns what a caller may know of the error of a command.
func (p *partition) refused(ctx context.Context, what string, err error) error {
	return p.failed(ctx, what, p.explain(ctx, err))
}

// failed returns what a caller may know of an error, and notes the failure.
func (p *partition) failed(ctx context.Context, what string, err error) error {
	if p.outage != nil {
		return p.outage.failed(ctx, err)
	}
	return p.connection.failed(ctx, what, err)
}

// works notes that Redis does what it should.
func (p *partition) works() {
	if p.outage == nil {
		p.connection.works()
	}
}

// damaged is the error of what cannot be understood.
func (p *partition) damaged(err error) error {
	p.log.Error("the store has data that it cannot read", "partition", p.number, "error", err)
	return missions.Unavailable(toldBroken, fmt.Errorf("%w, or is damaged: %w", ErrForeign, err))
}

// home returns the partition of a mission.
func (b *Backend) home(id string) *partition {
	if len(b.others) == 0 {
		return b.partition
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(id))                           // never fails
	if n := hash.Sum32() % uint32(1+len(b.others)); n > 0 { //nolint:gosec // at most MaxPartitions
		return b.others[n-1]
	}
	return b.partition
}

var _ engine.SharedBackend = (*Backend)(nil)

// openError says what is wrong of what is not our own finding.
func openError(where *Location, err error) error {
	if err = where.explain(err); isOurs(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}
