package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// connection is a connection to Redis and what is known of how it works.
type connection struct {
	client redis.UniversalClient
	where  Location
	log    *slog.Logger

	failing atomic.Bool // Redis does not do what it should, and the log says so
	once    sync.Once
}

// close closes the connection, once.
func (c *connection) close() (err error) {
	c.once.Do(func() { err = c.client.Close() })
	return err
}

// schema returns the schema of the data set, 0 if there is none.
func (c *connection) schema(ctx context.Context) (int, error) {
	meta := "{" + c.where.prefix + ":0}:meta"
	said, err := c.client.HGet(ctx, meta, "schema").Result()
	switch {
	case errors.Is(err, redis.Nil):
		return 0, nil
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return 0, foreign(meta, "holds a value of another type")
	case redis.HasErrorPrefix(err, "NOPERM"):
		return 0, nil // what is opened then says all that is missing
	case err != nil:
		return 0, openError(&c.where, err)
	}
	schema, err := strconv.Atoi(said)
	if err != nil {
		return 0, foreign(meta, "is not the head of a data set")
	}
	return schema, nil
}

// failed logs the first of a row of failures and returns what the caller may know.
func (c *connection) failed(ctx context.Context, what string, err error) error {
	switch {
	case ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return ctx.Err() // it was waiting for a connection: nothing was sent
	case errors.Is(err, redis.ErrClosed):
		return errClosed
	case redis.HasErrorPrefix(err, "NOTLEADER"):
		return engine.ErrNotLeader
	case redis.HasErrorPrefix(err, "NODATASET"):
		return engine.ErrGone
	}
	if !c.failing.Swap(true) {
		c.log.Error("the store failed", "doing", what, "error", err)
	}
	told := missions.Unavailable(tell(err), err)
	if told.Message == toldForeign && !errors.Is(err, ErrForeign) {
		told.Err = fmt.Errorf("%w: %w", ErrForeign, err)
	}
	switch told.Message {
	case toldUnreachable, toldRefused, toldFull, toldForbidden:
		told.NothingDone = true
	}
	return told
}

// works ends a row of failures.
func (c *connection) works() {
	if c.failing.Load() && c.failing.Swap(false) {
		c.log.Info("the store works again")
	}
}
