package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// migrateScript is in no list of scripts: supervisors do not run it.
var migrateScript = bare("migrate")

// errReplaced is for a migration that was suspended, while another one began.
var errReplaced = fmt.Errorf("%w: another migration has begun since", ErrInUse)

// write sends commands of one partition, all or nothing. They are not run once another migration
// has begun, however late they arrive.
func (m *migration) write(ctx context.Context, partition int, commands func(redis.Pipeliner)) error {
	if err := m.hold(ctx); err != nil {
		return err
	}
	p := m.client.Pipeline() // which collects them, and is not sent
	commands(p)
	args := []any{m.name}
	for _, cmd := range p.Cmds() {
		args = append(append(args, len(cmd.Args())), cmd.Args()...)
	}
	_, err := eval(ctx, m.client, m.metaKey(partition), migrateScript, args)
	if redis.HasErrorPrefix(err, "NOTMIGRATOR") {
		return errReplaced
	}
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
	held := time.Now()
	if elapsed(m.held, held) < heldFor/4 {
		return nil
	}
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

// elapsed is how much time has passed, by the clock that shows more of it. The monotonic one stands
// still while the machine sleeps.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// release lets others have the data set at once. Whatever becomes of it, they have it soon.
func (m *migration) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.cfg.Timeout)
	defer cancel()
	_, _ = eval(ctx, m.client, m.metaKey(0), scripts.stepDown, []any{m.name})
}
