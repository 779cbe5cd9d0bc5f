package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
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

	name string    // as which it holds the data set
	held time.Time // when that was last renewed

	partitions []*oldPart
	next       string // what is to be done next: the name of a step

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
	outbox     uuid.UUID
	state      oldState
}

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
		return Migrated{}, fmt.Errorf("%w: Redis has no key %s", ErrNoDataSet, m.metaKey(0))
	case schema == engineSchema:
		return Migrated{Already: true}, nil
	case schema > engineSchema:
		return Migrated{}, fmt.Errorf("%w: it has schema %d, but this version knows schema %d; upgrade the supervisor", ErrNewerSchema, schema, engineSchema)
	case schema < migratable:
		return Migrated{}, fmt.Errorf("%w: it has schema %d, but this version migrates schema %d", ErrOlderSchema, schema, migratable)
	}
	if err := m.count(ctx); err != nil {
		return Migrated{}, m.failure(err)
	}
	if err := m.permitted(ctx); err != nil {
		return Migrated{}, m.failure(err)
	}
	if err := m.hold(ctx); err != nil {
		return Migrated{}, m.failure(err)
	}
	defer m.release(ctx)
	done, err := m.steps(ctx)
	if err != nil {
		return Migrated{}, fmt.Errorf("the migration is not complete; no supervisor can use the data set until supervisor migrate is run again: %w", m.failure(err))
	}
	return done, nil
}

// steps does what is left to do.
func (m *migration) steps(ctx context.Context) (done Migrated, err error) {
	if err := m.fence(ctx); err != nil {
		return done, err
	}
	for _, step := range []struct {
		name, then string
		do         func(context.Context) error
	}{{toShare, toDrop, m.share}, {toDrop, toConvert, m.drop}, {toConvert, toSwitch, m.convert}} {
		if step.name != m.next {
			continue
		}
		if err := step.do(ctx); err != nil {
			return done, err
		}
		if err := m.write(ctx, func(p redis.Pipeliner) { p.HSet(ctx, m.metaKey(0), "migration", step.then) }); err != nil {
			return done, err
		}
		m.next = step.then
	}
	if m.next != toSwitch {
		return done, foreign(m.metaKey(0), "is the damaged head of a data set")
	}
	if done, err = m.summary(ctx); err != nil {
		return done, err
	}
	return done, m.complete(ctx)
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

// permitted tries the commands that supervisors do not use, before any change is made.
func (m *migration) permitted(ctx context.Context) error {
	none := m.prefix(0) + "migrating:none"
	if err := m.client.Scan(ctx, 0, none, 1).Err(); err != nil {
		return err
	}
	if err := m.client.Rename(ctx, none, none).Err(); err != nil && !strings.Contains(err.Error(), "no such key") {
		return err
	}
	if err := m.client.Unlink(ctx, none).Err(); err != nil {
		return err
	}
	if err := m.client.HLen(ctx, none).Err(); err != nil {
		return err
	}
	err := m.write(ctx, func(p redis.Pipeliner) { p.Exists(ctx, none) })
	if err != nil && strings.HasPrefix(err.Error(), "EXECABORT") {
		if name := deniedCommand.FindStringSubmatch(err.Error()); name != nil {
			return m.where.denies(name[1])
		}
	}
	return err
}

// write sends commands of one partition, all or nothing.
func (m *migration) write(ctx context.Context, commands func(redis.Pipeliner)) error {
	_, err := m.client.TxPipelined(ctx, func(p redis.Pipeliner) error { commands(p); return nil })
	return err
}

// ask sends commands at once, and returns the first error that is not a missing key.
func (m *migration) ask(ctx context.Context, commands func(redis.Pipeliner)) error {
	sent, err := m.client.Pipelined(ctx, func(p redis.Pipeliner) error { commands(p); return nil })
	if !errors.Is(err, redis.Nil) {
		return err
	}
	for _, command := range sent {
		if err := command.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}

// hold keeps supervisors and other migrations from leading, and is called again and again. The
// error is an [ErrInUse] if somebody else leads.
func (m *migration) hold(ctx context.Context) error {
	if time.Since(m.held) < heldFor/4 {
		return nil
	}
	held := time.Now()
	answer, err := eval(ctx, m.client, m.metaKey(0), scripts.elect, []any{m.name, heldFor.Microseconds(), m.cfg.Ahead().Microseconds(), ""})
	if err != nil {
		return err
	}
	switch holder := texts(answer)[0]; {
	case holder == m.name:
		m.held = held
		return nil
	case strings.HasPrefix(holder, migrating):
		return fmt.Errorf("%w: another migration is running, or was interrupted less than %s ago; wait for it", ErrInUse, heldFor)
	default:
		return fmt.Errorf("%w: supervisor %s is running; stop every supervisor of this data set first", ErrInUse, holder)
	}
}

// release lets others have the data set at once. Whatever becomes of it, they have it soon.
func (m *migration) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.cfg.Timeout)
	defer cancel()
	_, _ = eval(ctx, m.client, m.metaKey(0), scripts.stepDown, []any{m.name})
}

// fenceScript is in no list of scripts: supervisors do not run it.
var fenceScript = bare("fence")

// fence keeps supervisors of earlier versions from every partition, and reads the heads of all.
func (m *migration) fence(ctx context.Context) error {
	for number := range m.partitions {
		if err := m.hold(ctx); err != nil {
			return err
		}
		answer, err := eval(ctx, m.client, m.metaKey(number), fenceScript, nil)
		if err != nil {
			return err
		}
		said := texts(answer)
		if number == 0 {
			m.next = said[5]
		}
		if m.partitions[number], err = m.head(number, said); err != nil {
			return err
		}
	}
	return nil
}

// head reads the head of a partition, as fence.lua answers it.
func (m *migration) head(number int, said []string) (part *oldPart, err error) {
	partitions := len(m.partitions)
	part = &oldPart{partition: newPartition(m.connection, number)}
	part.outbox, err = uuid.Parse(said[1])
	if err == nil && m.next == toShare {
		part.state, err = readOldState(said[4])
	}
	if err != nil || said[2] != strconv.Itoa(number) || said[3] != strconv.Itoa(partitions) {
		return nil, foreign(m.metaKey(number), "is the damaged head of a data set")
	}
	return part, nil
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
