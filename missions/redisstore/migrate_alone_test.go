package redisstore

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/redis/go-redis/v9"
)

// TestMigrateChecksEveryHeadFirst: where one is damaged, no partition is fenced.
func TestMigrateChecksEveryHeadFirst(t *testing.T) {
	t.Parallel()
	m := newToMigrate(t, 3)
	client, ctx, meta := m.server.Client(), t.Context(), "{mc:2}:meta"
	for name, damage := range map[string]func() error{
		"no head":           func() error { return client.Del(ctx, meta).Err() },
		"no state":          func() error { return client.HDel(ctx, meta, "state").Err() },
		"half a state":      func() error { return client.HSet(ctx, meta, "state", "half").Err() },
		"another schema":    func() error { return client.HSet(ctx, meta, "schema", 2).Err() },
		"complete already":  func() error { return client.HSet(ctx, meta, "schema", 4).Err() },
		"another partition": func() error { return client.HSet(ctx, meta, "partition", 1).Err() },
		"no identity":       func() error { return client.HDel(ctx, meta, "identity").Err() },
		"of another type": func() error {
			return errors.Join(client.Del(ctx, meta).Err(), client.Set(ctx, meta, "x", 0).Err())
		},
	} {
		m.restore(t, client)
		must(t, client.Del(ctx, "{mc:0}:leader").Err()) // the last one's time is over
		must(t, damage())
		before := contents(t, client)
		if _, err := m.migrate(t); !errors.Is(err, ErrForeign) || strings.Contains(err.Error(), "not complete") {
			t.Errorf("%s: error is %v, want %v", name, err, ErrForeign)
		}
		if after := contents(t, client); !reflect.DeepEqual(after, before) {
			t.Errorf("%s: a migration that was refused has changed %v", name, differing(after, before))
		}
	}
}

// TestASuspendedMigrationChangesNothingLater suspends a migration before its commands, until
// another one has migrated the data set, or has died before its last step.
func TestASuspendedMigrationChangesNothingLater(t *testing.T) {
	t.Parallel()
	for _, of := range []struct {
		partitions int
		last       string // what the other one does last
	}{{1, ""}, {3, ""}, {3, toSwitch}} {
		m := newToMigrate(t, of.partitions)
		_, err := m.migrate(t) // Redis knows the scripts from then on
		must(t, err)
		m.restore(t, m.server.Client())
		count := &nth{}
		_, err = m.migrate(t, count)
		must(t, err)
		refused, suspended := 0, interrupted(t, count.seen)
		for _, at := range suspended {
			if m.suspended(t, at, of.last) {
				refused++
			}
		}
		if refused < len(suspended)/2 {
			t.Errorf("of %d migrations that were suspended, %d ended as such", len(suspended), refused)
		}
	}
}

// suspended suspends a migration before a command, and reports whether it has noticed that.
func (m *toMigrate) suspended(t *testing.T, before int, last string) bool {
	t.Helper()
	client := m.server.Client()
	m.restore(t, client)
	m.cfg.Ahead = m.ahead(0)
	var done map[string]any
	other := &nth{at: before + 1, do: func() {
		m.cfg.Ahead = aheadBy(m.cfg.Ahead, heldFor+time.Second)
		if _, err := m.migrate(t, &diesAfter{word: last}); err != nil && last == "" {
			t.Errorf("the other migration: %v", err)
		}
		done = contents(t, client)
	}}
	_, err := m.migrate(t, other)
	if last == "" && before > 5 && err != nil && !errors.Is(err, ErrInUse) {
		t.Errorf("suspended before command %d: error is %v, want %v", before, err, ErrInUse)
	}
	after := contents(t, client)
	delete(done, "{mc:0}:leader")
	delete(after, "{mc:0}:leader")
	if last != "" && m.migrators(after) != m.migrators(done) {
		return false // it has begun after the other one
	}
	if done != nil && !reflect.DeepEqual(after, done) {
		t.Errorf("suspended before command %d, a migration changes %v later: %v", before, differing(after, done), err)
	}
	return errors.Is(err, ErrInUse)
}

// migrators returns whose writes are accepted, by partition.
func (m *toMigrate) migrators(all map[string]any) (names [3]string) {
	for partition := range m.Partitions {
		meta, _ := all["{mc:"+decimal(int64(partition))+"}:meta"].(map[string]string)
		names[partition] = meta["migrator"]
	}
	return names
}

// diesAfter is a client whose process dies after a command with a word.
type diesAfter struct {
	dies
	word string
	dead bool
}

func (d *diesAfter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if d.dead {
			return errDead
		}
		err := next(ctx, cmd)
		d.dead = d.word != "" && slices.Contains(cmd.Args(), any(d.word))
		return err
	}
}

// nth does something before the n-th command that is not sent with others.
type nth struct {
	dies
	at, seen int
	do       func()
}

func (n *nth) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if n.seen++; n.seen == n.at {
			n.do()
		}
		return next(ctx, cmd)
	}
}

// TestAMigrationThatWasAsleepHoldsTheDataSetAnew: while a machine sleeps, only one of its clocks goes on.
func TestAMigrationThatWasAsleepHoldsTheDataSetAnew(t *testing.T) {
	t.Parallel()
	m := newToMigrate(t, 1)
	cfg := m.cfg.WithDefaults()
	where, err := ParseURL(cfg.URL)
	must(t, err)
	client := m.server.Client()
	is := &migration{connection: &connection{client: client, where: where, log: cfg.Logger}, cfg: cfg, name: migrating + "1"}
	for asleep, held := range map[time.Duration]int64{0: 0, heldFor: 1} {
		is.held = time.Now().Add(-asleep)
		// A time has the wall clock, the monotonic one, and where it is.
		(*struct{ wall, monotonic int64 })(unsafe.Pointer(&is.held)).monotonic += int64(asleep) //nolint:gosec // there is no other way
		if passed := time.Since(is.held); passed > time.Second {
			t.Fatalf("by the monotonic clock, %s have passed", passed)
		}
		must(t, client.Del(t.Context(), "{mc:0}:leader").Err())
		must(t, is.hold(t.Context()))
		if n := client.Exists(t.Context(), "{mc:0}:leader").Val(); n != held {
			t.Errorf("after %s of sleep, it has held the data set anew %d times, want %d", asleep, n, held)
		}
	}
}
