package main

// flushed and everySecond are what the two sides of a row guarantee for what they accept.
const (
	flushed     = "each commit is flushed to the disk, on both sides"
	everySecond = "Redis flushes once a second, on both sides"
	readOnly    = "nothing is stored but telemetry"
	fsyncOn     = "Redis flushes once a second; PostgreSQL flushes each commit"
)

// The groups of the table.
const (
	besidePeers = "Beside others"
	ofAnySize   = "A large store beside a small one"
	bounds      = "By itself"
	limits      = "What explains the others"
)

// stores are both of ours.
var stores = []string{"SQLite", "Redis"}

// table is the design's list of goals, row by row. Rows that use the same large store are
// together, so that only one is filled at a time.
func table() []row {
	var rows []row
	for _, store := range stores {
		rows = append(rows, storeRows(store)...)
	}
	rows = append(rows, oneByOneRows()...)
	rows = append(rows, batchRows()...)
	rows = append(rows, dispatchRows()...)
	return append(rows,
		row{name: "Emit while the broker hangs", group: bounds, goal: 1, less: true, unit: "µs",
			yardside: "one microsecond", ours: emitHung, theirs: constant(1), cold: true},
		row{name: "bytes per pending mission in Redis", group: besidePeers, goal: 1, less: true, unit: "bytes",
			yardside: "a pending task of asynq", ours: missionMemory, theirs: taskMemory, rounds: 2, cold: true},
	)
}

// storeRows are those that use a store with 1,000,000 missions.
func storeRows(store string) []row {
	rows := []row{
		{name: "status, 64 in flight, 1,000,000 missions, " + store, group: besidePeers, goal: 1.2, unit: "requests/s", durable: readOnly,
			yardside: "a bare micro endpoint that answers the same bytes and publishes an event with each answer",
			ours:     inLarge(store, statusOf), theirs: bareEndpoint("acknowledged"), stock: store},
		{name: "status, as above, without events beside it, " + store, group: besidePeers, goal: 0.65, unit: "requests/s", durable: readOnly,
			yardside: "a bare micro endpoint that answers the same bytes and publishes nothing",
			ours:     inLarge(store, statusOf), theirs: bareEndpoint(""), stock: store},
	}
	if store == "SQLite" {
		rows = append(rows, row{name: "status, as above, beside events without acknowledgement, " + store, group: limits, unit: "requests/s", durable: readOnly,
			yardside: "a bare micro endpoint that publishes an event with each answer, and never learns whether it is stored",
			ours:     inLarge(store, statusOf), theirs: bareEndpoint("sent"), stock: store})
	}
	for _, op := range operations {
		rows = append(rows, row{
			name: op.name + ", 1,000,000 missions stored, " + store, group: ofAnySize, goal: 1 / 1.2, unit: "operations/s",
			yardside: "the same with 1,000 missions stored", durable: durability(op.name, store),
			ours: inLarge(store, op.of), theirs: inSmall(store, op.of), stock: store,
		})
	}
	rows = append(rows, row{name: "start to ready, 1,000,000 missions, " + store, group: bounds, goal: 1, less: true, unit: "s",
		yardside: "one second", ours: start(store), theirs: constant(1), stock: store, cold: true})
	if store == "Redis" {
		rows = append(rows, row{name: "a new leader's first step, 1,000,000 missions, Redis", group: bounds, goal: 1, less: true, unit: "s",
			yardside: "one second", ours: newLeader, theirs: constant(1), stock: store, cold: true})
	}
	return rows
}

func oneByOneRows() []row {
	const unit = "missions/s"
	return []row{
		{name: "one by one, 32 callers, Redis", group: besidePeers, goal: 1.2, unit: unit, durable: everySecond, deferred: true,
			yardside: "asynq on Redis, without results or events", ours: oneByOneOn("Redis", "everysec", inAFlow), theirs: asynqOn("everysec", inAFlow, asynqBest)},
		{name: "one by one, 32 callers, Redis, all with events", group: besidePeers, goal: 2, unit: unit, durable: everySecond, deferred: true,
			yardside: "asynq on Redis, results kept and three events published", ours: oneByOneOn("Redis", "everysec", inAFlow), theirs: asynqWithEvents("everysec", inAFlow, asynqBest)},
		{name: "one by one, 32 callers, SQLite", group: besidePeers, goal: 2, unit: unit, durable: flushed, deferred: true,
			yardside: "asynq on Redis, without results or events", ours: oneByOneOn("SQLite", "", inAFlushedFlow), theirs: asynqOn("always", inAFlushedFlow, asynqBest)},
		{name: "one by one, 32 callers, SQLite, all with events", group: besidePeers, goal: 3, unit: unit, durable: flushed, deferred: true,
			yardside: "asynq on Redis, results kept and three events published", ours: oneByOneOn("SQLite", "", inAFlushedFlow), theirs: asynqWithEvents("always", inAFlushedFlow, asynqBest)},
		{name: "a request and three events a mission, and no store, 32 callers", group: limits, unit: unit, durable: everySecond,
			yardside: "asynq on Redis, without results or events", ours: limitOf(inAFlow, 1, callers), theirs: asynqOn("everysec", inAFlow, asynqBest)},
	}
}

func batchRows() []row {
	const unit = "missions/s"
	const plain, full = "River on PostgreSQL, InsertManyFast and work, without results or events",
		"River on PostgreSQL, InsertManyFast and work, results kept and three events published"
	return []row{
		{name: "in batches of 1000, SQLite", group: besidePeers, goal: 1.2, unit: unit, durable: flushed, deferred: true,
			yardside: plain, ours: batchesOn("SQLite"), theirs: riverOn(riverBest)},
		{name: "in batches of 1000, SQLite, all with events", group: besidePeers, goal: 2.5, unit: unit, durable: flushed, deferred: true,
			yardside: full, ours: batchesOn("SQLite"), theirs: riverWithEvents(riverBest)},
		{name: "in batches of 1000, Redis", group: besidePeers, goal: 1, unit: unit, durable: fsyncOn, deferred: true,
			yardside: plain, ours: batchesOn("Redis"), theirs: riverOn(riverBest)},
		{name: "in batches of 1000, Redis, all with events", group: besidePeers, goal: 2, unit: unit, durable: fsyncOn, deferred: true,
			yardside: full, ours: batchesOn("Redis"), theirs: riverWithEvents(riverBest)},
		{name: "three events a mission in batches of 1000, and no store", group: limits, unit: unit, durable: "PostgreSQL flushes each commit",
			yardside: plain, ours: limitOf(inABatchedFlow, batchSize, batchCallers), theirs: riverOn(riverBest)},
	}
}

func dispatchRows() []row {
	const bare = "one bare request-reply, after the same rest"
	return []row{
		{name: "a mission to a parked agent, median, SQLite", group: besidePeers, goal: 1.3, less: true, unit: "µs", durable: flushed,
			yardside: "one bare request that flushes one page, after the same rest", ours: dispatchOn("SQLite"), theirs: flushingRequest},
		{name: "a mission to a parked agent, median, Redis", group: besidePeers, goal: 3, less: true, unit: "µs", durable: "Redis flushes once a second",
			yardside: bare, ours: dispatchOn("Redis"), theirs: bareRequest},
		{name: "a request that flushes one page, and nothing else", group: limits, less: true, unit: "µs", durable: "flushed to the disk",
			yardside: bare, ours: flushingRequest, theirs: bareRequest},
		{name: "a request that sets one key in Redis, and nothing else", group: limits, less: true, unit: "µs", durable: "Redis flushes once a second",
			yardside: bare, ours: redisRequest, theirs: bareRequest},
	}
}

// durability is what a store guarantees for what an operation changes.
func durability(operation, store string) string {
	switch {
	case operation == "status" || operation == "get":
		return readOnly
	case store == "Redis":
		return everySecond
	}
	return flushed
}
