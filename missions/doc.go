// Package missions is the domain of Mission Control: what a mission is, which
// states it may pass through, who may change it, and what a store must promise.
// It does no I/O and knows neither the wire nor the broker.
//
// # States
//
//	            claim                 complete
//	PENDING ───────────────▶ RUNNING ───────────▶ COMPLETED
//	 ▲ │ ▲                    │ │ │
//	 │ │ └── give back, fail ─┘ │ └── fail (last attempt, or not retryable) ──▶ FAILED
//	 │ │     (attempts left)    │
//	 │ ├──── cancel ────────────┴──▶ CANCELLED
//	 │ └──── deadline ─────────────▶ FAILED
//	 └────── retry (an operator's) ── FAILED, CANCELLED
//
// The table in state.go is the only place where a transition is allowed.
//
// # Leases and fencing
//
// A claim gives an agent a lease on a mission: the right to change it until the
// lease's end, which heartbeats move on. Each lease carries a fencing token, a
// number that grows with every lease a store has ever given. Only the holder of
// a mission's newest token may report progress, finish it or hand it back;
// anybody else is told [ErrLeaseLost] and changes nothing. An agent that was
// thought dead and wakes up therefore cannot overwrite its successor's work.
//
// # The clock
//
// The store owns the clock. Every time that is kept or compared, a lease's end
// among them, is read from the store's clock inside the step that uses it, so
// that no agent's and no supervisor's wrong clock can end somebody's lease.
//
// # What a crash leaves
//
// Each method of [Store] is one atomic step: the mission, its log, its lease,
// the counters and the events that tell of the change are stored together or
// not at all. A process killed between two steps leaves missions RUNNING with a
// lease that nobody renews; [Store.Due] takes them back when it ends.
package missions
