// Package missions is the domain of Mission Control: what a mission is, which
// states it may have, who may change it, and what a store must guarantee. It does
// no I/O and knows neither the wire nor the broker.
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
// The table in state.go is the only place that allows a transition.
//
// # Leases and fencing
//
// A claim gives an agent a lease on a mission: the right to change it until the
// lease ends. Heartbeats extend the lease. Each lease has a fencing token, a number
// that grows with every lease the store has ever granted. Only the holder of a
// mission's newest token may report progress, finish it or release it; any other
// agent gets [ErrLeaseLost] and changes nothing. So an agent that was considered
// dead and wakes up cannot overwrite its successor's work.
//
// # The clock
//
// The store owns the clock. Every time that is stored or compared, such as the end
// of a lease, is read from the store's clock inside the step that uses it. So a
// wrong clock of an agent or supervisor cannot end a lease.
//
// # Crashes
//
// Each method of [Store] is one atomic step: the mission, its log, its lease, the
// counters and the events that report the change are stored together or not at all.
// A process killed between two steps leaves missions RUNNING with a lease that is
// never renewed; [Store.Due] takes them back when it ends.
package missions
