package engine

import (
	"fmt"
	"testing"
	"time"

	"missioncontrol/missions"
)

// TestMemoryIsBounded: what an engine keeps of missions does not grow with their number,
// whether they wait in a queue, for a time or have a type of their own.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const batches, batch = 60, 1000
	now := missions.At(time.Date(2026, 3, 1, 12, 0, 30, 0, time.UTC))
	e := New(Config{OutboxLimit: 1 << 40, RecordsBytes: 1 << 20}, &Snapshot{})
	for n := range batches {
		e.Begin(now, [32]byte{byte(n)})
		for i := range batch {
			m := missions.Mission{ID: fmt.Sprintf("m-%d-%d", n, i), Name: "m"}
			switch i % 3 {
			case 1:
				m.Type = fmt.Sprintf("type-%d", n*batch+i)
			case 2:
				m.NotBefore = now.Add(time.Duration(n*batch+i) * time.Minute)
			}
			m.Normalize()
			if result := e.Create(&m); !result.Created {
				t.Fatal(result.Err)
			}
		}
		changes := e.End()
		if len(changes.Missions) != batch || len(changes.Events) != batch {
			t.Fatalf("%d missions and %d events are in the changes", len(changes.Missions), len(changes.Events))
		}
	}
	cfg := e.cfg
	if n := len(e.queue(missions.DefaultType).list); n > 2*cfg.QueueWindow {
		t.Errorf("the window on a queue has %d heads, of %d at most", n, 2*cfg.QueueWindow)
	}
	if n := len(e.planned.list); n > 2*cfg.PlanWindow {
		t.Errorf("the window on the plan has %d missions, of %d at most", n, 2*cfg.PlanWindow)
	}
	if len(e.queues) > maxQueues || e.heads > cfg.Heads {
		t.Errorf("%d queues have windows, of %d at most; with %d heads, of %d at most", len(e.queues), maxQueues, e.heads, cfg.Heads)
	}
	heads := 0
	for _, w := range e.queues {
		heads += len(w.list)
	}
	if heads != e.heads {
		t.Errorf("%d heads are counted, %d are kept", e.heads, heads)
	}
	if e.records.size > cfg.RecordsBytes || len(e.records.byID) != e.records.recent.Len() {
		t.Errorf("%d bytes of records are kept, of %d at most; %d by ID, %d by use", e.records.size, cfg.RecordsBytes, len(e.records.byID), e.records.recent.Len())
	}
	if len(e.long)+len(e.touched)+len(e.leaseChanged)+len(e.agentChanged)+len(e.records.changed)+len(e.records.absent) > batch*2 {
		t.Error("what belongs to a batch is kept after it")
	}
}
