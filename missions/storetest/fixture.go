package storetest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"missioncontrol/missions"
)

// ttl is the default duration of leases, and of an agent's permitted silence. It is
// far longer than any scenario.
const ttl = time.Hour

// fixture is a test with its store, and helpers for what scenarios do most. A
// helper ends the test if its operation fails.
type fixture struct {
	*testing.T
	Harness
	ctx context.Context
}

// must ends the test if a whole call failed.
func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatalf("unexpected error: %v", err)
	}
}

// wantErr checks an error against a sentinel; nil means no error.
func (f *fixture) wantErr(what string, err error, want *missions.Error) {
	f.Helper()
	switch {
	case want == nil && err != nil:
		f.Errorf("%s: unexpected error: %v", what, err)
	case want != nil && !errors.Is(err, want):
		f.Errorf("%s: error is %v, want %s", what, err, want.Code)
	}
}

// wantNear checks a time to within the slack.
func (f *fixture) wantNear(what string, got, want missions.Time) {
	f.Helper()
	if off := got.Sub(want); off < -Slack || off > Slack {
		f.Errorf("%s is %v, want about %v", what, got.Time(), want.Time())
	}
}

// wantStatus checks a mission's status in the store.
func (f *fixture) wantStatus(id string, want missions.Status) missions.Mission {
	f.Helper()
	m := f.get(id)
	if m.Status != want {
		f.Errorf("mission %s is %s, want %s", id, m.Status, want)
	}
	return m
}

func wantEqual[T comparable](f *fixture, what string, got, want T) {
	f.Helper()
	if got != want {
		f.Errorf("%s is %v, want %v", what, got, want)
	}
}

// wantSame compares two values by their wire format.
func (f *fixture) wantSame(what string, got, want any) {
	f.Helper()
	if g, w := f.json(got), f.json(want); g != w {
		f.Errorf("%s\n got %s\nwant %s", what, g, w)
	}
}

func (f *fixture) json(v any) string {
	f.Helper()
	text, err := json.Marshal(v)
	f.must(err)
	return string(text)
}

// named returns a normalized mission of a type.
func named(id, kind string) missions.Mission {
	m := missions.Mission{ID: id, Name: "mission " + id, Type: kind}
	m.Normalize()
	return m
}

// numbered returns n missions of a type: prefix-0000, prefix-0001, …
func numbered(prefix, kind string, n int) []missions.Mission {
	batch := make([]missions.Mission, n)
	for i := range batch {
		batch[i] = named(fmt.Sprintf("%s-%04d", prefix, i), kind)
	}
	return batch
}

func idsOf(list []missions.Mission) []string {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return ids
}

// create stores new missions.
func (f *fixture) create(batch ...missions.Mission) []missions.Mission {
	f.Helper()
	results, err := f.Store.Create(f.ctx, batch)
	f.must(err)
	created := make([]missions.Mission, len(results))
	for i, r := range results {
		if r.Err != nil || !r.Created {
			f.Fatalf("create %s: created is %v, error is %v", batch[i].ID, r.Created, r.Err)
		}
		created[i] = r.Mission
	}
	return created
}

func (f *fixture) createOne(m missions.Mission) missions.CreateResult {
	f.Helper()
	results, err := f.Store.Create(f.ctx, []missions.Mission{m})
	f.must(err)
	return results[0]
}

func (f *fixture) get(id string) missions.Mission {
	f.Helper()
	m, err := f.Store.Get(f.ctx, id)
	f.must(err)
	return m
}

// register adds an agent with four slots and the default permitted silence.
func (f *fixture) register(id string, types ...string) missions.Agent {
	f.Helper()
	a, err := f.Store.Register(f.ctx, missions.Agent{ID: id, Name: "agent " + id, Role: "worker", Types: types, Capacity: 4}, ttl)
	f.must(err)
	return a
}

// agent returns an agent from the registry.
func (f *fixture) agent(id string) missions.Agent {
	f.Helper()
	page, err := f.Store.ListAgents(f.ctx, missions.AgentFilter{Limit: 1000})
	f.must(err)
	for _, a := range page.Agents {
		if a.ID == id {
			return a
		}
	}
	f.Fatalf("the registry has no agent %s", id)
	return missions.Agent{}
}

func (f *fixture) tryClaim(q missions.ClaimRequest) missions.ClaimResult {
	f.Helper()
	results, err := f.Store.Claim(f.ctx, []missions.ClaimRequest{q})
	f.must(err)
	return results[0]
}

// claim claims missions of the agent's types, up to the given number.
func (f *fixture) claim(agent string, most int) []missions.Mission {
	f.Helper()
	result := f.tryClaim(missions.ClaimRequest{AgentID: agent, Max: most, Lease: ttl, Alive: true})
	f.must(result.Err)
	return result.Missions
}

// claimOne claims one mission, which must exist.
func (f *fixture) claimOne(agent string) missions.Mission {
	f.Helper()
	claimed := f.claim(agent, 1)
	if len(claimed) != 1 {
		f.Fatalf("agent %s claimed %d missions, want 1", agent, len(claimed))
	}
	return claimed[0]
}

// started creates a mission, registers its agent and claims it.
func (f *fixture) started(m missions.Mission, agent string) missions.Mission {
	f.Helper()
	f.create(m)
	f.register(agent, m.Type)
	return f.claimOne(agent)
}

func refOf(m missions.Mission) missions.LeaseRef {
	return missions.LeaseRef{MissionID: m.ID, Lease: m.Lease}
}

// Helpers that end an attempt at a claimed mission.

func completion(m missions.Mission, result string) missions.Finish {
	return missions.Finish{AgentID: string(m.AgentID), LeaseRef: refOf(m), Outcome: missions.OutcomeComplete, Result: json.RawMessage(result)}
}

func failure(m missions.Mission, text string, retryable bool) missions.Finish {
	return missions.Finish{AgentID: string(m.AgentID), LeaseRef: refOf(m), Outcome: missions.OutcomeFail, Error: text, Retryable: retryable}
}

func release(m missions.Mission) missions.Finish {
	return missions.Finish{AgentID: string(m.AgentID), LeaseRef: refOf(m), Outcome: missions.OutcomeRelease}
}

func (f *fixture) tryFinish(end missions.Finish) missions.Result {
	f.Helper()
	results, err := f.Store.Finish(f.ctx, []missions.Finish{end})
	f.must(err)
	return results[0]
}

func (f *fixture) finish(end missions.Finish) missions.Mission {
	f.Helper()
	result := f.tryFinish(end)
	f.must(result.Err)
	return result.Mission
}

func (f *fixture) heartbeat(agent string, running ...missions.LeaseRef) missions.HeartbeatResult {
	f.Helper()
	result := f.tryHeartbeat(missions.Heartbeat{AgentID: agent, Running: running, Lease: ttl})
	f.must(result.Err)
	return result
}

func (f *fixture) tryHeartbeat(h missions.Heartbeat) missions.HeartbeatResult {
	f.Helper()
	results, err := f.Store.Heartbeat(f.ctx, []missions.Heartbeat{h})
	f.must(err)
	return results[0]
}

// cancel, retry and remove change one mission and return the item's result.

func (f *fixture) cancel(id string) missions.Result {
	f.Helper()
	results, err := f.Store.Cancel(f.ctx, []missions.CancelRequest{{ID: id}})
	f.must(err)
	return results[0]
}

func (f *fixture) retry(id string) missions.Result {
	f.Helper()
	results, err := f.Store.Retry(f.ctx, []missions.RetryRequest{{ID: id}})
	f.must(err)
	return results[0]
}

func (f *fixture) remove(id string) missions.Result {
	f.Helper()
	results, err := f.Store.Delete(f.ctx, []string{id})
	f.must(err)
	return results[0]
}

// due processes everything that is due.
func (f *fixture) due() missions.DueResult {
	f.Helper()
	var all missions.DueResult
	for {
		part, err := f.Store.Due(f.ctx, 1000)
		f.must(err)
		all.Ready = append(all.Ready, part.Ready...)
		all.Stop = append(all.Stop, part.Stop...)
		all.Offline = append(all.Offline, part.Offline...)
		all.NextDue, all.StoreNow = part.NextDue, part.StoreNow
		if !part.More {
			return all
		}
	}
}

// now returns the time of the store's clock.
func (f *fixture) now() missions.Time {
	f.Helper()
	return f.due().StoreNow
}

// advance moves the store's clock and processes what becomes due.
func (f *fixture) advance(d time.Duration) missions.DueResult {
	f.Helper()
	f.Advance(d)
	return f.due()
}

func (f *fixture) log(id string) []missions.LogEntry {
	f.Helper()
	page, err := f.Store.Log(f.ctx, id, 0, 1000)
	f.must(err)
	return page.Entries
}

// checkpoint is a position in each outbox of a store; nil is the beginning.
type checkpoint []int64

// checkpoint returns the end of the outboxes.
func (f *fixture) checkpoint() checkpoint {
	f.Helper()
	at := make(checkpoint, len(f.Store.Outboxes()))
	for i, outbox := range f.Store.Outboxes() {
		for _, e := range f.eventsOf(outbox, 0) {
			at[i] = e.Seq
		}
	}
	return at
}

// events returns the events in the outboxes after a checkpoint: in order for each
// outbox, and by time across several.
func (f *fixture) events(after checkpoint) []missions.Event {
	f.Helper()
	var queues [][]missions.Event
	for i, outbox := range f.Store.Outboxes() {
		position := int64(0)
		if after != nil {
			position = after[i]
		}
		if events := f.eventsOf(outbox, position); len(events) > 0 {
			queues = append(queues, events)
		}
	}
	var all []missions.Event
	for len(queues) > 0 {
		first := slices.MinFunc(queues, func(a, b []missions.Event) int { return cmp.Compare(a[0].At, b[0].At) })
		i := slices.IndexFunc(queues, func(q []missions.Event) bool { return &q[0] == &first[0] })
		all = append(all, first[0])
		if queues[i] = first[1:]; len(queues[i]) == 0 {
			queues = slices.Delete(queues, i, i+1)
		}
	}
	return all
}

// eventsOf returns the events in one outbox after a position.
func (f *fixture) eventsOf(outbox missions.Outbox, after int64) []missions.Event {
	f.Helper()
	var all []missions.Event
	for {
		page, err := outbox.Pending(f.ctx, after, 500)
		f.must(err)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		after = page[len(page)-1].Seq
	}
}

// forgetAll empties the outboxes.
func (f *fixture) forgetAll() {
	f.Helper()
	for i, position := range f.checkpoint() {
		f.must(f.Store.Outboxes()[i].Forget(f.ctx, position))
	}
}

// list returns every mission that matches, page by page.
func (f *fixture) list(filter missions.Filter) []missions.Mission {
	f.Helper()
	if filter.Limit == 0 {
		filter.Limit = 1000
	}
	var all []missions.Mission
	for {
		page, err := f.Store.List(f.ctx, filter)
		f.must(err)
		if len(page.Missions) > filter.Limit {
			f.Fatalf("a page has %d missions, the limit is %d", len(page.Missions), filter.Limit)
		}
		all = append(all, page.Missions...)
		if page.Next == 0 {
			return all
		}
		filter.Cursor = page.Next
	}
}
