package redisstore

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// dies is a client whose process dies with a command: after Redis has it, or, of several commands,
// the first half. Later commands are not sent.
type dies struct {
	at      int // counted from 1; 0 for never
	halfway bool
	sent    []int // how many commands that may be done in part were sent at once, of each
}

var errDead = errors.New("the process is dead")

func (d *dies) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (d *dies) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		d.sent = append(d.sent, 1)
		if d.at == 0 || len(d.sent) <= d.at {
			if err := next(ctx, cmd); d.at == 0 || len(d.sent) < d.at {
				return err
			}
		}
		return errDead
	}
}

func (d *dies) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if d.sent = append(d.sent, len(cmds)); cmds[0].Name() == "multi" {
			d.sent[len(d.sent)-1] = 1
		}
		switch {
		case d.at == 0 || len(d.sent) < d.at:
			return next(ctx, cmds)
		case len(d.sent) == d.at && d.halfway:
			if half := cmds[:len(cmds)/2]; len(half) > 0 { // not as many as another time, maybe
				_ = next(ctx, half)
			}
		case len(d.sent) == d.at:
			_ = next(ctx, cmds)
		}
		for _, cmd := range cmds {
			cmd.SetErr(errDead)
		}
		return errDead
	}
}

// everyCommand has tests interrupt a migration at each of its commands, as `make migrations` does.
const everyCommand = "MIGRATION_EVERY_COMMAND"

// interrupted returns at which of n commands a test interrupts a migration: some of them, others in each run.
func interrupted(t *testing.T, n int) (at []int) {
	t.Helper()
	step := 12
	if os.Getenv(everyCommand) != "" {
		step = 1
	}
	first := rand.IntN(step) //nolint:gosec // any will do
	t.Logf("of %d commands, every %d. is interrupted, from number %d", n, step, first)
	for i := first; i < n; i += step {
		at = append(at, i)
	}
	return at
}

// TestAMigrationThatDiesGoesOn lets a migration die with its commands. Another one brings
// the data set to the same end.
func TestAMigrationThatDiesGoesOn(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 3} {
		m := newToMigrate(t, partitions)
		client := m.server.Client()
		_, err := m.migrate(t) // Redis knows the scripts from then on
		must(t, err)
		m.restore(t, client)
		alive := &dies{}
		_, err = m.migrate(t, alive)
		must(t, err)
		want := anew(t, contents(t, client))
		for _, i := range interrupted(t, len(alive.sent)) {
			commands := alive.sent[i]
			for _, death := range []*dies{{at: i + 1}, {at: i + 1, halfway: true}} {
				if death.halfway && commands == 1 {
					continue // as with the one before
				}
				m.restore(t, client)
				m.cfg.Ahead = m.ahead(0)
				if _, err := m.migrate(t, death); err == nil && death.at < len(alive.sent) {
					t.Errorf("a migration ends well that died with command %d", death.at)
				}
				m.cfg.Ahead = aheadBy(m.cfg.Ahead, heldFor+time.Second)
				if _, err := m.migrate(t); err != nil {
					t.Fatalf("after one that died with command %d, halfway: %t: %v", death.at, death.halfway, err)
				}
				if got := anew(t, contents(t, client)); !reflect.DeepEqual(got, want) {
					t.Fatalf("after a migration that died with command %d, halfway: %t, the keys %v differ", death.at, death.halfway, differing(got, want))
				}
			}
		}
	}
}

func differing(a, b map[string]any) (keys []string) {
	all := maps.Clone(a)
	maps.Copy(all, b)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if !reflect.DeepEqual(a[key], b[key]) {
			keys = append(keys, key)
		}
	}
	return keys
}

// TestMigrateRefuses refuses, and changes nothing.
func TestMigrateRefuses(t *testing.T) {
	t.Parallel()
	m := newToMigrate(t, 1)
	client, ctx := m.server.Client(), t.Context()
	for name, refused := range map[string]struct {
		change func() error
		want   error
		words  string
	}{
		"led": {func() error {
			return client.HSet(ctx, "{mc:0}:leader", "holder", "supervisor-7", "until", int64(m.At)+60e6).Err()
		}, ErrInUse, "supervisor supervisor-7 is running; stop every supervisor of this data set first"},
		"migrated by another": {func() error {
			return client.HSet(ctx, "{mc:0}:leader", "holder", migrating+"1", "until", int64(m.At)+60e6).Err()
		}, ErrInUse, "another migration is running"},
		"no data set": {func() error { return client.FlushAll(ctx).Err() }, ErrNoDataSet, "{mc:0}:meta"},
		"older":       {func() error { return client.HSet(ctx, "{mc:0}:meta", "schema", 2).Err() }, ErrOlderSchema, "schema 2"},
		"newer":       {func() error { return client.HSet(ctx, "{mc:0}:meta", "schema", 5).Err() }, ErrNewerSchema, "schema 5"},
		"partitions":  {func() error { return client.HSet(ctx, "{mc:0}:meta", "partitions", 0).Err() }, ErrForeign, "damaged"},
		"no number":   {func() error { return client.HSet(ctx, "{mc:0}:meta", "schema", "x").Err() }, ErrForeign, "is not the head"},
		"foreign":     {func() error { return client.Set(ctx, "{mc:0}:meta", "x", 0).Err() }, ErrForeign, "another type"},
	} {
		m.restore(t, client)
		must(t, refused.change())
		before := contents(t, client)
		if _, err := m.migrate(t); !errors.Is(err, refused.want) || !strings.Contains(err.Error(), refused.words) || strings.Contains(err.Error(), "not complete") {
			t.Errorf("%s: error is %v, want %v with %q", name, err, refused.want, refused.words)
		}
		if after := contents(t, client); !reflect.DeepEqual(after, before) {
			t.Errorf("%s: a migration that was refused has changed %v", name, differing(after, before))
		}
	}
	m.restore(t, client)
	before := contents(t, client)
	m.cfg.Partitions = 2
	if _, err := m.migrate(t); !errors.Is(err, ErrPartitions) || !reflect.DeepEqual(contents(t, client), before) {
		t.Errorf("of another number of partitions: %v", err)
	}
	m.cfg.Partitions = 1
	if _, err := m.migrate(t); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestAMigrationNamesWhatIsDamaged does not end well, and does when the key is gone.
func TestAMigrationNamesWhatIsDamaged(t *testing.T) {
	t.Parallel()
	m := newToMigrate(t, 3)
	client, ctx := m.server.Client(), t.Context()
	b := m.partitionOf("b-01")
	must(t, client.Set(ctx, b.key("m:", "b-01"), "\x02damaged", 0).Err())
	_, err := m.migrate(t)
	if !errors.Is(err, errOldDamaged) || !strings.Contains(err.Error(), `mission "b-01"`) || !strings.Contains(err.Error(), "run again") {
		t.Errorf("the error is %v", err)
	}
	if _, err := Open(ctx, m.cfg); err == nil {
		t.Error("a data set is opened that is half migrated")
	}
	must(t, client.Del(ctx, b.key("m:", "b-01")).Err())
	_, err = m.migrate(t)
	must(t, err)
}

// TestAnIndexThatFailsIsMadeUpFor: while missions are written, a key appears that is not ours.
func TestAnIndexThatFailsIsMadeUpFor(t *testing.T) {
	t.Parallel()
	m := newToMigrate(t, 1)
	client, ctx := m.server.Client(), t.Context()
	_, err := m.migrate(t)
	must(t, err)
	want := anew(t, contents(t, client))
	m.restore(t, client)
	converts := &watch{command: "hset", key: "{mc:0}:leases", do: func() { must(t, client.Set(ctx, "{mc:0}:f", "x", 0).Err()) }}
	if _, err := m.migrate(t, converts); !errors.Is(err, ErrForeign) {
		t.Errorf("error is %v, want %v", err, ErrForeign)
	}
	must(t, client.Del(ctx, "{mc:0}:f").Err())
	_, err = m.migrate(t)
	must(t, err)
	if got := anew(t, contents(t, client)); !reflect.DeepEqual(got, want) {
		t.Errorf("the keys %v differ", differing(got, want))
	}
}

// TestAMigrationEndsWhenAnotherHasTheDataSet: it does not put in place what it may not have written
// alone.
func TestAMigrationEndsWhenAnotherHasTheDataSet(t *testing.T) {
	t.Parallel()
	m := newToMigrate(t, 1)
	client, ctx := m.server.Client(), t.Context()
	converts := &watch{command: "hset", key: "{mc:0}:leases", do: func() {
		must(t, client.HSet(ctx, "{mc:0}:leader", "holder", migrating+"other", "until", int64(m.At)+60e6).Err())
	}}
	_, err := m.migrate(t, converts)
	if schema := client.HGet(ctx, "{mc:0}:meta", "schema").Val(); !errors.Is(err, ErrInUse) || schema != "3" {
		t.Errorf("error is %v, want %v; the schema is %s", err, ErrInUse, schema)
	}
}

// TestAMigrationNoticesAnotherRedis: a cursor of one Redis means nothing to another, which has
// taken its place.
func TestAMigrationNoticesAnotherRedis(t *testing.T) {
	t.Parallel()
	m := newToMigrate(t, 1)
	another := &promoted{}
	if _, err := m.migrate(t, another); !errors.Is(err, errRestarted) {
		t.Errorf("error is %v, want %v", err, errRestarted)
	}
	_, err := m.migrate(t)
	must(t, err)
}

// promoted is a client that another Redis answers once keys have been read.
type promoted struct {
	dies
	scanned bool
}

func (p *promoted) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		_, is := cmd.(*redis.ScanCmd)
		p.scanned = p.scanned || is && cmd.Args()[3] != "{mc:0}:migrating:none"
		if info, asked := cmd.(*redis.StringCmd); asked && p.scanned && cmd.Name() == "info" {
			info.SetVal("run_id:0123\r\n")
		}
		return err
	}
}

// formerScript is what every script of schema 3 began with, and a change.
const formerScript = `
local meta = redis.call('HMGET', KEYS[1], 'identity', 'partition', 'partitions', 'state')
local seq = struct.unpack('<i8i8i8i8i8i8i8i8i8i8i8i8i8i8', meta[4])
return redis.call('SET', string.sub(KEYS[1], 1, -5) .. 'm:new', seq)`

// TestAMigrationFencesEarlierSupervisors: as soon as it has begun, their scripts do nothing.
func TestAMigrationFencesEarlierSupervisors(t *testing.T) {
	t.Parallel()
	m := newToMigrate(t, 3)
	client, ctx := m.server.Client(), t.Context()
	former := func(partition int) error {
		return client.Eval(ctx, formerScript, []string{"{mc:" + decimal(int64(partition)) + "}:meta"}).Err()
	}
	must(t, former(1))
	must(t, client.Del(ctx, "{mc:1}:m:new").Err())
	shares := &watch{command: "unlink", key: "{mc:0}:leases", do: func() {
		for partition := range m.Partitions {
			if err := former(partition); err == nil || client.Exists(ctx, "{mc:"+decimal(int64(partition))+"}:m:new").Val() != 0 {
				t.Errorf("a script of schema 3 runs in partition %d: %v", partition, err)
			}
		}
	}}
	_, err := m.migrate(t, shares)
	must(t, err)
	if shares.seen == 0 {
		t.Error("the migration has not cleared the leases")
	}
	shares.do()
}

// watch does something before the first command with a name that names a key, or the first script
// that is sent one.
type watch struct {
	dies
	command, key string
	do           func()
	seen         int
}

func (w *watch) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		args := cmd.Args()
		if w.seen == 0 && slices.Contains(args, any(w.command)) && slices.Contains(args, any(w.key)) {
			w.seen++
			w.do()
		}
		return next(ctx, cmd)
	}
}
