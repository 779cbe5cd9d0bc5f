package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// asynqPool is how many servers of asynq work in the process, and the workers of each. A
// server takes one task at a time from Redis, whatever its workers do.
type asynqPool struct{ servers, workers int }

// asynqBest is what asynq does best with on two cores, see `bench peers`.
var asynqBest = asynqPool{servers: 4, workers: 32}

// resultKept is how long asynq keeps a finished task with its result.
const resultKept = 24 * time.Hour

// asynqFlow is tasks on their whole way on asynq: enqueued one by one by 32 callers, done
// by servers in the same process, and acknowledged in Redis.
type asynqFlow struct {
	addr   string
	tasks  int
	pool   asynqPool
	events *publishers // nil: neither results nor events
}

// asynqOn is the flow on a Redis of its own.
func asynqOn(fsync string, tasks int, pool asynqPool) side {
	return func(_ context.Context, at *site) (load, error) {
		addr, err := at.redis(fsync)
		return func(ctx context.Context, part float64) (figure, error) {
			return asynqFlow{addr: addr, tasks: partOf(tasks, part, 1), pool: pool}.run(ctx)
		}, err
	}
}

// asynqWithEvents is the same with results kept and three events published.
func asynqWithEvents(fsync string, tasks int, pool asynqPool) side {
	return func(_ context.Context, at *site) (load, error) {
		addr, err := at.redis(fsync)
		if err != nil {
			return nil, err
		}
		events, err := at.published()
		return func(ctx context.Context, part float64) (figure, error) {
			return asynqFlow{addr: addr, tasks: partOf(tasks, part, 1), pool: pool, events: events}.run(ctx)
		}, err
	}
}

// run returns tasks per second, from the first one enqueued until the last one is
// acknowledged, with its events.
func (f asynqFlow) run(ctx context.Context) (figure, error) {
	opt := asynq.RedisClientOpt{Addr: f.addr}
	client := asynq.NewClient(opt)
	defer func() { _ = client.Close() }() // nothing is under way
	var finished atomic.Int64
	all := make(chan struct{})
	handler := asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		if err := f.handle(task); err != nil {
			return err
		}
		if finished.Add(1) == int64(f.tasks) {
			close(all)
		}
		return nil
	})
	for range f.pool.servers {
		server := asynq.NewServer(opt, asynq.Config{Concurrency: f.pool.workers, LogLevel: asynq.FatalLevel, Logger: quiet{}})
		if err := server.Start(handler); err != nil {
			return figure{}, err
		}
		defer server.Shutdown()
	}
	began := time.Now()
	if err := f.enqueue(client); err != nil {
		return figure{}, err
	}
	if f.events != nil {
		if err := f.events.acknowledged(ctx); err != nil {
			return figure{}, err
		}
	}
	select {
	case <-all:
	case <-ctx.Done():
		return figure{}, ctx.Err()
	}
	if err := asynqAcknowledged(ctx, f.addr); err != nil {
		return figure{}, err
	}
	return perSecond(f.tasks, time.Since(began)), nil
}

func (f asynqFlow) handle(task *asynq.Task) error {
	if f.events == nil {
		return nil
	}
	running, err := f.events.started()
	if err != nil {
		return err
	}
	if _, err := task.ResultWriter().Write([]byte(`{"ok":true}`)); err != nil {
		return err
	}
	return f.events.done(running)
}

func (f asynqFlow) enqueue(client *asynq.Client) error {
	var options []asynq.Option
	if f.events != nil {
		options = append(options, asynq.Retention(resultKept))
	}
	var left atomic.Int64
	left.Store(int64(f.tasks))
	errs := make(chan error, callers)
	var creators sync.WaitGroup
	for range callers {
		creators.Go(func() {
			for left.Add(-1) >= 0 {
				_, err := client.Enqueue(asynq.NewTask("bench", []byte(`{"n":1}`)), options...)
				if err == nil && f.events != nil {
					err = f.events.enqueued(1)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	creators.Wait()
	close(errs)
	var failures []error
	for err := range errs {
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// asynqAcknowledged waits until Redis has no task that is being worked on: a handler
// returns before its task is acknowledged.
func asynqAcknowledged(ctx context.Context, addr string) error {
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = client.Close() }() // nothing is under way
	for {
		active, err := client.LLen(ctx, "asynq:{default}:active").Result()
		if err != nil || active == 0 {
			return err
		}
		time.Sleep(poll)
	}
}

// quiet says nothing.
type quiet struct{}

func (quiet) Debug(...any) {}
func (quiet) Info(...any)  {}
func (quiet) Warn(...any)  {}
func (quiet) Error(...any) {}
func (quiet) Fatal(v ...any) {
	panic(v)
}
