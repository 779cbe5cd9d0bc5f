package supervisor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions"
	"missioncontrol/missions/sqlitestore"
	"missioncontrol/wakeup"
)

// partitioned is a store with the outboxes of several real stores, like a store with
// partitions. Tests create missions in a partition directly.
type partitioned struct {
	missions.Store
	parts []missions.Store
}

func newPartitioned(t *testing.T, n int) *partitioned {
	t.Helper()
	p := &partitioned{}
	for range n {
		store, err := sqlitestore.Open(sqlitestore.Config{Path: filepath.Join(t.TempDir(), "m.db")})
		must(t, err)
		t.Cleanup(func() { must(t, store.Close()) })
		p.parts = append(p.parts, store)
	}
	p.Store = p.parts[0]
	return p
}

func (p *partitioned) Outboxes() (all []missions.Outbox) {
	for _, part := range p.parts {
		all = append(all, part.Outboxes()...)
	}
	return all
}

func (p *partitioned) Waiting(ctx context.Context) (sum int64, err error) {
	for _, part := range p.parts {
		n, err := part.Waiting(ctx)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// create stores n missions in a partition, named after the partition.
func (p *partitioned) create(t *testing.T, part, n int) {
	t.Helper()
	batch := make([]missions.Mission, n)
	for i := range batch {
		batch[i] = missions.Mission{ID: uuid.NewString(), Name: fmt.Sprint("of partition ", part)}
		batch[i].Normalize()
	}
	results, err := p.parts[part].Create(t.Context(), batch)
	must(t, err)
	for _, r := range results {
		must(t, r.Err)
	}
}

// meta is what a durable event says about outboxes.
type meta struct {
	Outbox    string
	Position  int64
	Positions map[string]int64
}

func metaOf(t *testing.T, e *charter.Event) (m meta) {
	t.Helper()
	must(t, json.Unmarshal(e.Meta.Extra["outbox"], &m.Outbox))
	must(t, json.Unmarshal(e.Meta.Extra["outbox_position"], &m.Position))
	if raw, there := e.Meta.Extra["outbox_positions"]; there {
		must(t, json.Unmarshal(raw, &m.Positions))
	}
	return m
}

// checkSequence fails unless the stream holds each outbox's events once and in order,
// and every event names exactly what was sent before it. It returns the number of
// events of each outbox.
func checkSequence(t *testing.T, url string) map[string]int64 {
	t.Helper()
	seen := map[string]int64{}
	events := streamtest.Events(t, url, "mission.", "agent.")
	for i := range events {
		m := metaOf(t, &events[i])
		if seen[m.Outbox]++; seen[m.Outbox] != m.Position {
			t.Fatalf("event %d of outbox %s is the one at position %d", seen[m.Outbox], m.Outbox, m.Position)
		}
		if !maps.Equal(m.Positions, seen) {
			t.Fatalf("event %d says %v, and before it are %v", i, m.Positions, seen)
		}
	}
	return seen
}

// One sequence carries all outboxes, none is left behind for a busy one, and every
// event says how far all of them have come.
func TestOneRelayCarriesAllOutboxes(t *testing.T) {
	t.Parallel()
	r := newRelayRig(t)
	store := newPartitioned(t, 3)
	r.store = &forgetful{Store: store, tried: wakeup.New()}
	url := r.startBroker().ClientURL()
	store.create(t, 0, 900)
	store.create(t, 1, 7)
	store.create(t, 2, 200)
	_, stop := r.startRelay(url)
	defer stop()
	r.awaitEmptyOutbox()
	if got := slices.Sorted(maps.Values(checkSequence(t, url))); !slices.Equal(got, []int64{7, 200, 900}) {
		t.Fatalf("events by outbox: %v", got)
	}
	first := map[string]int{}
	for i, e := range streamtest.Events(t, url, "mission.", "agent.") {
		if m := metaOf(t, &e); m.Position == 1 {
			first[m.Outbox] = i
		}
	}
	for outbox, i := range first {
		if i >= 500 { // it is not in the first batch
			t.Errorf("outbox %s had to wait for %d events of others", outbox, i)
		}
	}
}

// After any crash, the newest events of the stream show where to continue in every
// outbox, even for outboxes whose own events are followed by many others, and when the
// stream no longer recognises ids.
func TestTheStreamAloneTellsWhereEachOutboxGoesOn(t *testing.T) {
	t.Parallel()
	r := newRelayRig(t)
	store := newPartitioned(t, 3)
	r.store = &forgetful{Store: store, tried: wakeup.New()}
	url := r.startBroker().ClientURL()
	nc, err := nats.Connect(url)
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "EVENTS", Subjects: []string{"events.>"}, Duplicates: 100 * time.Millisecond, AllowDirect: true,
	})
	must(t, err)
	for round := range 3 {
		r.store.broken.Store(true)
		r.store.still.Store(3) // what the start itself records
		for part := range 3 {
			store.create(t, part, 10+100*((part+round)%3))
		}
		_, stop := r.startRelay(url)
		<-r.store.tried // the stream has stored a batch that could not be deleted from the outboxes
		stop()
		select {
		case <-r.store.tried:
		default:
		}
		awaitWindow(t, js)
	}
	r.store.broken.Store(false)
	_, stop := r.startRelay(url)
	defer stop()
	r.awaitEmptyOutbox()
	for outbox, n := range checkSequence(t, url) {
		if n != 330 {
			t.Errorf("outbox %s has %d events in the stream", outbox, n)
		}
	}
}

// awaitWindow returns when the stream no longer recognises the ids that it has seen.
func awaitWindow(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	id := uuid.NewString()
	for probe := 0; ; probe++ {
		msg := nats.NewMsg("events.test.window")
		msg.Header.Set("Nats-Msg-Id", id)
		ack, err := js.PublishMsg(t.Context(), msg)
		must(t, err)
		if probe > 0 && !ack.Duplicate {
			return
		}
	}
}
