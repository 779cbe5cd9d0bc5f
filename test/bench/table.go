package main

import (
	"context"

	"github.com/nats-io/nats.go"
)

// table is section 7 of the design, row by row.
func table() []row {
	return []row{
		{name: "status, 64 in flight, many missions, SQLite", goal: 0.8, unit: "requests/s",
			yardside: "a bare micro endpoint that answers the same bytes", prepare: statusBesideEcho("sqlite")},
		{name: "status, 64 in flight, many missions, Redis", goal: 0.8, unit: "requests/s",
			yardside: "a bare micro endpoint that answers the same bytes", prepare: statusBesideEcho("redis")},
		{name: "one by one, 32 callers, Redis", goal: 2, unit: "missions/s", yardside: "asynq on the same Redis, without events",
			durable: "appendfsync everysec on both sides", prepare: flowBesideAsynq("redis", "everysec")},
		{name: "one by one, 32 callers, SQLite", goal: 2, unit: "missions/s", yardside: "asynq on Redis",
			durable: "every commit flushed to disk; asynq: appendfsync always", prepare: flowBesideAsynq("sqlite", "always")},
		{name: "in batches of 1000, Redis", goal: 1.5, unit: "missions/s", yardside: "River, InsertManyFast and work, on PostgreSQL",
			durable: "flushed once a second; PostgreSQL: fsync off", prepare: batchesBesideRiver("redis", "off")},
		{name: "in batches of 1000, SQLite", goal: 1.5, unit: "missions/s", yardside: "River, InsertManyFast and work, on PostgreSQL",
			durable: "every commit flushed to disk on both sides", prepare: batchesBesideRiver("sqlite", "on")},
	}
}

// inAFlow is how many missions one measurement of a flow takes.
const inAFlow = 20_000

func flowBesideAsynq(kind, fsync string) func(context.Context, *workplace) (side, side, error) {
	return func(_ context.Context, w *workplace) (side, side, error) {
		addr, err := w.redis(fsync)
		if err != nil {
			return nil, nil, err
		}
		var args []string
		if kind == "redis" {
			args = []string{"--store", "redis://" + addr}
		}
		url, _, err := w.supervisor(w.path("data"), args...)
		return flow{url: url, missions: inAFlow, batch: 1}.run, asynqFlow(addr, inAFlow), err
	}
}

func batchesBesideRiver(kind, fsync string) func(context.Context, *workplace) (side, side, error) {
	return func(ctx context.Context, w *workplace) (side, side, error) {
		args, err := w.store(kind)
		if err != nil {
			return nil, nil, err
		}
		url, _, err := w.supervisor(w.path("data"), args...)
		if err != nil {
			return nil, nil, err
		}
		postgres, err := w.postgres(ctx, fsync)
		if err != nil {
			return nil, nil, err
		}
		theirs, err := riverFlow(ctx, postgres, 2*inAFlow, 1000)
		return flow{url: url, missions: 2 * inAFlow, batch: 1000}.run, theirs, err
	}
}

// store starts what a kind of store needs and returns serve's flags for it.
func (w *workplace) store(kind string) ([]string, error) {
	if kind == "sqlite" {
		return nil, nil
	}
	addr, err := w.redis("everysec")
	return []string{"--store", "redis://" + addr}, err
}

func statusBesideEcho(kind string) func(context.Context, *workplace) (side, side, error) {
	return func(_ context.Context, w *workplace) (side, side, error) {
		args, err := w.store(kind)
		if err != nil {
			return nil, nil, err
		}
		url, _, err := w.supervisor(w.path("data"), args...)
		if err != nil {
			return nil, nil, err
		}
		nc, err := w.connect(url)
		if err != nil {
			return nil, nil, err
		}
		if err := fill(nc, w.stored); err != nil {
			return nil, nil, err
		}
		body, err := ask(nc, "supervisor.status", nil)
		if err != nil {
			return nil, nil, err
		}
		echo, err := w.echo(string(body))
		if err != nil {
			return nil, nil, err
		}
		return w.requests(url, "supervisor.status"), w.requests(echo, echoSubject), nil
	}
}

// requests is a side: empty requests, 64 in flight.
func (w *workplace) requests(url, subject string) side {
	return func(ctx context.Context) (figure, error) {
		return w.inFlight(ctx, url, 64, func(nc *nats.Conn, _, _ int) error {
			_, err := ask(nc, subject, nil)
			return err
		})
	}
}
