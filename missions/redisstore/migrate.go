package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// Schema is the schema of data sets that this version migrates others to.
const Schema = engineSchema

// Errors of Migrate, beside those of Open, to be matched with errors.Is.
var (
	ErrNoDataSet = errors.New("there is no data set")
	ErrInUse     = errors.New("the data set is in use")
)

// Migrated says what a migration has made of a data set.
type Migrated struct {
	Already  bool // there was nothing to do; the rest is zero then
	Missions int64
	Leases   int64
	Agents   int64
	Events   int64 // that wait for the event stream
}

// MigrationProgress says how far a migration is.
type MigrationProgress struct {
	Doing string // such as "converting missions"
	Done  int64  // so far, of Doing
	Of    int64  // 0 if that is not known
}

// Migrate brings a data set of schema 3 to the schema of this version. Of cfg, it uses URL,
// Partitions, Timeout, Ahead and Logger. report is called often, by one goroutine, and may be nil.
//
// While Migrate runs, and after it has failed, no supervisor works on the data set, of this
// version or an earlier one. A migration that failed, or was killed, goes on when Migrate is called
// again.
//
// Errors: those of [Open]; [ErrNoDataSet]; and [ErrInUse] if a supervisor leads, or another
// migration runs.
func Migrate(ctx context.Context, cfg Config, report func(MigrationProgress)) (Migrated, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return Migrated{}, err
	}
	where, err := ParseURL(cfg.URL)
	if err != nil {
		return Migrated{}, err
	}
	if cfg.Partitions == 0 {
		cfg.Partitions = where.Partitions
	}
	client, err := where.connect(ctx, cfg.Timeout)
	if err != nil {
		return Migrated{}, err
	}
	c := &connection{client: client, where: where, log: cfg.Logger}
	done, err := migrate(ctx, cfg, c, usualBounds, report)
	return done, errors.Join(err, c.close())
}

// migration is a migration under way. It keeps nothing that grows with the number of missions.
type migration struct {
	*connection
	cfg    Config
	most   migrationBounds
	report func(MigrationProgress)

	name string    // as which it holds the data set, and writes
	held time.Time // when that was last renewed

	partitions []*oldPart
	next       string // what is to be done next: the name of a step
	masters    string // that have what was written since the first step

	blank []byte // stands for data and results that are not read
}

// migrationBounds are how many of something are looked at, at once.
type migrationBounds struct {
	keys    int64 // a record has up to some 40 KiB
	lines   int64 // of a log; one has up to some 72 KiB
	entries int64 // of an outbox; one has up to some 300 KiB
	slots   int64 // of the statistics, each of one partition
}

var usualBounds = migrationBounds{keys: 256, lines: 64, entries: 16, slots: 256}

// oldPart is a partition that is migrated.
type oldPart struct {
	*partition // of which only the names of keys are used
	schema     string
	outbox     uuid.UUID
	state      oldState
}

// switched reports whether a partition is complete. Every earlier write to it is there then, too:
// Redis loses none but the latest.
func (p *oldPart) switched() bool { return p.schema != oldSchema }

// heldFor is how long a migration that has died keeps others from the data set.
const heldFor = 15 * time.Second

// migrating begins the names of migrations, as which they hold a data set.
const migrating = "migration-"

// The steps of a migration. The field migration of partition 0's meta hash names the next one.
// What a step needs is there until it is done, so that it can be repeated.
const (
	toShare   = ""         // write what partition 0 has of all, beside what is there
	toDrop    = "drop"     // delete what nothing needs any more, and all indexes
	toConvert = "convert"  // convert missions, and index them
	toSwitch  = "complete" // put all in place
)

// migrate migrates the data set of a connection.
func migrate(ctx context.Context, cfg Config, c *connection, most migrationBounds, report func(MigrationProgress)) (Migrated, error) {
	if report == nil {
		report = func(MigrationProgress) {}
	}
	m := &migration{connection: c, cfg: cfg, most: most, report: report, name: migrating + uuid.NewString()}
	if err := suits(ctx, c.client, c.log); err != nil {
		return Migrated{}, c.where.explain(err)
	}
	schema, err := c.schema(ctx)
	switch {
	case err != nil:
		return Migrated{}, err
	case schema == 0:
		return Migrated{}, m.noDataSet(ctx)
	case schema == engineSchema:
		return Migrated{Already: true}, nil
	case schema > engineSchema:
		return Migrated{}, fmt.Errorf("%w: it has schema %d, but this version knows schema %d; upgrade the supervisor", ErrNewerSchema, schema, engineSchema)
	case schema < migratable:
		return Migrated{}, fmt.Errorf("%w: it has schema %d, but this version migrates schema %d", ErrOlderSchema, schema, migratable)
	}
	for _, check := range []func(context.Context) error{m.count, m.permitted, m.hold} {
		if err := check(ctx); err != nil {
			return Migrated{}, m.failure(err)
		}
	}
	defer m.release(ctx)
	if err := m.look(ctx); err != nil {
		return Migrated{}, m.failure(err)
	}
	done, err := m.steps(ctx)
	switch {
	case errors.Is(err, ErrInUse):
		return Migrated{}, fmt.Errorf("this migration was suspended for too long; run supervisor migrate again, to complete it or to see that it is complete: %w", err)
	case err != nil:
		return Migrated{}, fmt.Errorf("the migration is not complete; no supervisor can use the data set until supervisor migrate is run again: %w", m.failure(err))
	}
	return done, nil
}

// steps does what is left to do.
func (m *migration) steps(ctx context.Context) (done Migrated, err error) {
	if err := m.fence(ctx); err != nil {
		return done, err
	}
	if err = m.prepare(ctx); err == nil {
		done, err = m.summary(ctx)
	}
	if err == nil {
		err = m.complete(ctx)
	}
	return done, m.because(ctx, err)
}

// because says that another migration has begun, if so: it may be the reason for any failure, since
// what it has written is not what is read here.
func (m *migration) because(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if now := m.write(ctx, 0, func(redis.Pipeliner) {}); errors.Is(now, ErrInUse) {
		return now
	}
	return err
}

// prepare does the steps before the last one.
func (m *migration) prepare(ctx context.Context) error {
	for {
		if err := m.compareMasters(ctx); err != nil || m.next == toSwitch {
			return err
		}
		if err := m.step(ctx); err != nil {
			return err
		}
	}
}

// step does the next step.
func (m *migration) step(ctx context.Context) error {
	switch m.next {
	case toShare:
		if err := m.share(ctx); err != nil {
			return err
		}
		// What was read is there until the next step, and can be shared again.
		if masters, err := m.runIDs(ctx); err != nil || masters != m.masters {
			return errors.Join(err, errRestarted)
		}
		return m.goOn(ctx, toDrop)
	case toDrop:
		if err := m.drop(ctx); err != nil {
			return err
		}
		return m.goOn(ctx, toConvert)
	case toConvert:
		if err := m.convert(ctx); err != nil {
			return err
		}
		return m.goOn(ctx, toSwitch)
	}
	return foreign(m.metaKey(0), "is the damaged head of a data set")
}

// goOn notes what is to be done next.
func (m *migration) goOn(ctx context.Context, next string) error {
	m.next = next
	return m.write(ctx, 0, func(p redis.Pipeliner) { p.HSet(ctx, m.metaKey(0), "migration", next, "masters", m.masters) })
}

// compareMasters goes back if a Redis has restarted, or another node has taken its place, since the
// first step: it may lack the latest of what was deleted and converted.
func (m *migration) compareMasters(ctx context.Context) error {
	masters, err := m.runIDs(ctx)
	if err != nil || masters == m.masters {
		return err
	}
	m.masters = masters
	if m.next == toShare {
		return nil
	}
	if err := m.shareLost(ctx); err != nil {
		return err
	}
	return m.goOn(ctx, toDrop)
}

func (m *migration) metaKey(partition int) string { return m.prefix(partition) + "meta" }

// count learns how many partitions there are.
func (m *migration) count(ctx context.Context) error {
	text, err := m.client.HGet(ctx, m.metaKey(0), "partitions").Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	partitions, err := strconv.Atoi(text)
	if err != nil || partitions < 1 || partitions > MaxPartitions {
		return foreign(m.metaKey(0), "is the damaged head of a data set")
	}
	if m.cfg.Partitions != 0 && m.cfg.Partitions != partitions {
		return fmt.Errorf("%w: it was created with %d, not %d; omit partitions", ErrPartitions, partitions, m.cfg.Partitions)
	}
	m.partitions = make([]*oldPart, partitions)
	return nil
}

// prefix begins the keys of a partition.
func (m *migration) prefix(partition int) string {
	return fmt.Sprintf("{%s:%d}:", m.where.prefix, partition)
}

// failure says what is wrong of what is not our own finding.
func (m *migration) failure(err error) error {
	err = m.where.explain(err)
	for _, ours := range []error{ErrForbidden, ErrForeign, ErrUnsuitable, ErrInUse, ErrPartitions, context.Canceled, errOldDamaged} {
		if errors.Is(err, ours) {
			return err
		}
	}
	if redis.HasErrorPrefix(err, "WRONGTYPE") {
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	var reply redis.Error
	if errors.As(err, &reply) && !redis.HasErrorPrefix(err, "NOAUTH") && !redis.HasErrorPrefix(err, "WRONGPASS") {
		return fmt.Errorf("a command was refused: %w", err)
	}
	return unreachable(err)
}
