package main

import (
	"context"
	"strconv"
)

// flushed and everySecond are what the two sides of a row promise of what they accept.
const (
	flushed     = "each commit is flushed to the disk, on both sides"
	everySecond = "flushed once a second, on both sides"
	readOnly    = "nothing is stored but telemetry"
)

// table is section 7 of the design, row by row.
func table() []row {
	rows := []row{}
	for _, store := range []string{"SQLite", "Redis"} {
		rows = append(rows,
			row{name: "status, 64 in flight, 1,000,000 missions, " + store, goal: 0.8, unit: "requests/s", durable: readOnly,
				yardside: "a bare micro endpoint that answers the same bytes", prepare: statusBesideEcho(store, 0)},
			row{name: "status, as above, " + store, unit: "requests/s", durable: readOnly,
				yardside: "the same bare endpoint, publishing as many bytes to JetStream with each answer", prepare: statusBesideEcho(store, 500)})
		for _, op := range operations {
			rows = append(rows, row{name: op.name + ", 1,000,000 missions stored, " + store, goal: 1 / 1.2, unit: "operations/s",
				yardside: "the same with 1,000 missions stored", durable: durability(op.name, store), prepare: largeBesideSmall(store, op.of)})
		}
	}
	return append(rows,
		row{name: "one by one, 32 callers, Redis", goal: 2, unit: "missions/s", durable: everySecond,
			yardside: "asynq on the same Redis, which has no events", prepare: flowBesideAsynq("Redis", "everysec")},
		row{name: "one by one, 32 callers, SQLite", goal: 2, unit: "missions/s", durable: flushed,
			yardside: "asynq on Redis, which has no events", prepare: flowBesideAsynq("SQLite", "always")},
		row{name: "a request and three events a mission, and no store, 32 callers", unit: "missions/s", durable: everySecond,
			yardside: "asynq on Redis", prepare: limitBesideAsynq("everysec")},
		row{name: "in batches of 1000, Redis", goal: 1.5, unit: "missions/s", durable: "flushed once a second; PostgreSQL: not at all",
			yardside: "River on PostgreSQL, InsertManyFast and work", prepare: batchesBesideRiver("Redis", "off")},
		row{name: "in batches of 1000, SQLite", goal: 1.5, unit: "missions/s", durable: flushed,
			yardside: "River on PostgreSQL, InsertManyFast and work", prepare: batchesBesideRiver("SQLite", "on")},
		row{name: "three events a mission in batches of 1000, and no store", unit: "missions/s", durable: "PostgreSQL: not at all",
			yardside: "River on PostgreSQL, InsertManyFast and work", prepare: limitBesideRiver("off")},
		row{name: "a mission to a parked agent, median, SQLite", goal: 3, less: true, unit: "µs", durable: flushed,
			yardside: "one bare request-reply, after the same rest", prepare: dispatchBesideRequest("SQLite")},
		row{name: "a mission to a parked agent, median, Redis", goal: 3, less: true, unit: "µs", durable: everySecond,
			yardside: "one bare request-reply, after the same rest", prepare: dispatchBesideRequest("Redis")},
		row{name: "a request that flushes one page, and nothing else", less: true, unit: "µs", durable: "flushed to the disk",
			yardside: "one bare request-reply, after the same rest", prepare: keptBesideRequest("SQLite")},
		row{name: "a request that sets one key in Redis, and nothing else", less: true, unit: "µs", durable: "flushed once a second",
			yardside: "one bare request-reply, after the same rest", prepare: keptBesideRequest("Redis")},
		row{name: "Emit while the broker hangs", goal: 1, less: true, unit: "µs", yardside: "one microsecond", prepare: emitHung},
		row{name: "bytes per pending mission in Redis", goal: 1, less: true, unit: "bytes", yardside: "a pending task of asynq's",
			prepare: memoryBesideAsynq},
		row{name: "start to ready, 1,000,000 missions, SQLite", goal: 1, less: true, unit: "s", yardside: "one second",
			prepare: startBesideSecond("SQLite")},
		row{name: "start to ready, 1,000,000 missions, Redis", goal: 1, less: true, unit: "s", yardside: "one second",
			prepare: startBesideSecond("Redis")},
	)
}

// durability is what a store promises of what an operation changes.
func durability(operation, store string) string {
	switch {
	case operation == "status" || operation == "get":
		return readOnly
	case store == "Redis":
		return everySecond
	}
	return flushed
}

// small is how many missions a small store has.
const small = 1000

// stocked starts a supervisor, once for all rows, whose store has n missions.
func (w *workplace) stocked(store string, n int) (place, error) {
	return once(w, "stocked "+store+" "+strconv.Itoa(n), func() (place, error) {
		p, err := w.supervised(store, "everysec")
		if err != nil {
			return p, err
		}
		nc, err := w.connect(p.url)
		if err != nil {
			return p, err
		}
		return p, fill(nc, n)
	})
}

func largeBesideSmall(store string, of func(*workplace, place) side) func(context.Context, *workplace) (side, side, error) {
	return func(_ context.Context, w *workplace) (side, side, error) {
		large, err := w.stocked(store, w.stored)
		if err != nil {
			return nil, nil, err
		}
		little, err := w.stocked(store, small)
		return of(w, large), of(w, little), err
	}
}

func statusBesideEcho(store string, emit int) func(context.Context, *workplace) (side, side, error) {
	return func(_ context.Context, w *workplace) (side, side, error) {
		p, err := w.stocked(store, w.stored)
		if err != nil {
			return nil, nil, err
		}
		nc, err := w.connect(p.url)
		if err != nil {
			return nil, nil, err
		}
		body, err := ask(nc, "supervisor.status", nil)
		if err != nil {
			return nil, nil, err
		}
		echo, err := once(w, "echo "+strconv.Itoa(emit), func() (string, error) { return w.echo(string(body), emit) })
		return statusOf(w, p), w.requests(echo, echoSubject, ""), err
	}
}

func flowBesideAsynq(store, fsync string) func(context.Context, *workplace) (side, side, error) {
	return func(_ context.Context, w *workplace) (side, side, error) {
		p, err := w.supervised(store, fsync)
		if err != nil {
			return nil, nil, err
		}
		if p.redis == "" {
			if p.redis, err = w.redis(fsync); err != nil {
				return nil, nil, err
			}
		}
		return oneByOne{p.url, inAFlow}.run, asynqFlow(p.redis, inAFlow), nil
	}
}

func batchesBesideRiver(store, fsync string) func(context.Context, *workplace) (side, side, error) {
	return func(ctx context.Context, w *workplace) (side, side, error) {
		p, err := w.supervised(store, "everysec")
		if err != nil {
			return nil, nil, err
		}
		postgres, err := w.postgres(ctx, fsync)
		if err != nil {
			return nil, nil, err
		}
		theirs, err := w.riverFlow(ctx, postgres, 2*inAFlow, 1000)
		return inBatches{p.url, 2 * inAFlow, 1000}.run, theirs, err
	}
}
