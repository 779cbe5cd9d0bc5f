package main

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"
)

// pending is how many missions and tasks wait when Redis' memory is read.
const pending = 100_000

// missionMemory measures what a mission needs in Redis while it waits.
func missionMemory(_ context.Context, at *site) (load, error) {
	p, err := at.supervised("Redis", "no")
	if err != nil {
		return nil, err
	}
	nc, err := at.connect(p.url)
	return func(ctx context.Context, _ float64) (figure, error) {
		before, err := usedMemory(ctx, p.redis)
		if err != nil {
			return figure{}, err
		}
		if err := fill(nc, pending); err != nil {
			return figure{}, err
		}
		after, err := settledMemory(ctx, nc, p.redis)
		return figure{value: (after - before) / pending}, err
	}, err
}

// taskMemory measures the same of a task of asynq's.
func taskMemory(_ context.Context, at *site) (load, error) {
	addr, err := at.redis("no")
	return func(ctx context.Context, _ float64) (figure, error) {
		before, err := usedMemory(ctx, addr)
		if err != nil {
			return figure{}, err
		}
		if err := enqueuePending(addr); err != nil {
			return figure{}, err
		}
		after, err := usedMemory(ctx, addr)
		return figure{value: (after - before) / pending}, err
	}, err
}

func enqueuePending(addr string) error {
	client := asynq.NewClient(asynq.RedisClientOpt{Addr: addr})
	defer func() { _ = client.Close() }() // nothing is under way
	var left atomic.Int64
	left.Store(pending)
	var failure atomic.Pointer[error]
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := client.Enqueue(asynq.NewTask("stored", nil)); err != nil {
					failure.Store(&err)
					return
				}
			}
		})
	}
	all.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	return nil
}

// settledMemory waits until the outbox is empty, with what is kept behind the relay.
func settledMemory(ctx context.Context, nc *nats.Conn, addr string) (float64, error) {
	if err := drained(nc); err != nil {
		return 0, err
	}
	least := -1.0
	for quiet := 0; quiet < 15; quiet++ { // what is acknowledged is kept for longer than the broker's sync interval
		used, err := usedMemory(ctx, addr)
		if err != nil {
			return 0, err
		}
		if least < 0 || used < least-1000 {
			least, quiet = used, 0
		}
		time.Sleep(time.Second)
	}
	return least, nil
}

func usedMemory(ctx context.Context, addr string) (float64, error) {
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = client.Close() }() // nothing is under way
	info, err := client.InfoMap(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(info["Memory"]["used_memory"], 64)
}
