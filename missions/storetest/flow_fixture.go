package storetest

import (
	"encoding/json"
	"slices"

	"missioncontrol/missions"
)

// Helpers of the scenarios about what missions wait for, keep, spend and are told.

// with returns a mission of type t that has a flow.
func with(id string, flow missions.Flow) missions.Mission {
	m := missions.Mission{ID: id, Name: "mission " + id, Type: "t", Flow: &flow}
	m.Normalize()
	return m
}

// waiting returns a mission that waits for conditions.
func waiting(id string, after ...missions.Condition) missions.Mission {
	return with(id, missions.Flow{After: after})
}

// Conditions.

func completed(mission string) missions.Condition { return missions.Condition{Mission: mission} }

func ended(mission string) missions.Condition {
	return missions.Condition{Mission: mission, When: missions.WhenEnded}
}

func signalled(name string, choices ...string) missions.Condition {
	return missions.Condition{Signal: name, Choices: choices}
}

func batchCompleted(id string) missions.Condition { return missions.Condition{Batch: id} }

func batchEnded(id string) missions.Condition {
	return missions.Condition{Batch: id, When: missions.WhenEnded}
}

// park returns the release of a mission that waits for conditions, for some seconds if not 0.
func park(m missions.Mission, seconds float64, after ...missions.Condition) missions.Finish {
	end := release(m)
	end.Park = &missions.Park{After: after, TimeoutSeconds: seconds}
	end.Park.Normalize()
	return end
}

// reporting returns a report that says nothing of the progress.
func reporting(m missions.Mission, checkpoint string, usage missions.Usage) missions.ProgressUpdate {
	p := missions.ProgressUpdate{AgentID: string(m.AgentID), LeaseRef: refOf(m), Unchanged: true}
	if p.Usage = usage; checkpoint != "" {
		p.Checkpoint = json.RawMessage(checkpoint)
	}
	return p
}

// report reports, and returns whether the attempt has ended.
func (f *fixture) report(m missions.Mission, checkpoint string, usage missions.Usage) (stopped bool) {
	f.Helper()
	results, err := f.Store.Progress(f.ctx, []missions.ProgressUpdate{reporting(m, checkpoint, usage)})
	f.must(err)
	f.must(results[0].Err)
	return results[0].Stopped
}

func (f *fixture) trySignal(q missions.SignalRequest) missions.SignalResult {
	f.Helper()
	results, err := f.Store.Signal(f.ctx, []missions.SignalRequest{q})
	f.must(err)
	return results[0]
}

// signal sends a signal, which is taken.
func (f *fixture) signal(id, name, data string) missions.SignalResult {
	f.Helper()
	q := missions.SignalRequest{MissionID: id, Name: name, By: "someone"}
	if data != "" {
		q.Data = json.RawMessage(data)
	}
	result := f.trySignal(q)
	f.must(result.Err)
	return result
}

func (f *fixture) signals(m missions.Mission, after, most int) missions.SignalPage {
	f.Helper()
	page, err := f.Store.Signals(f.ctx, string(m.AgentID), refOf(m), after, most)
	f.must(err)
	return page
}

func (f *fixture) closeBatch(id string) missions.Batch {
	f.Helper()
	results, err := f.Store.CloseBatches(f.ctx, []string{id})
	f.must(err)
	f.must(results[0].Err)
	return results[0].Batch
}

func (f *fixture) batch(id string) missions.Batch {
	f.Helper()
	b, err := f.Store.Batch(f.ctx, id)
	f.must(err)
	return b
}

// wantBatch checks the figures of a batch, and that they are a recount.
func (f *fixture) wantBatch(id string, open bool, total int64, isEnded bool) missions.Batch {
	f.Helper()
	b := f.batch(id)
	wantEqual(f, "batch "+id+" is open", b.Open, open)
	wantEqual(f, "total of batch "+id, b.Total, total)
	wantEqual(f, "batch "+id+" has ended", b.EndedAt != 0, isEnded)
	recount := map[missions.Status]int64{}
	for _, status := range missions.Statuses() {
		recount[status] = 0
	}
	for _, m := range f.list(missions.Filter{Batch: id}) {
		recount[m.Status]++
	}
	f.wantSame("by_status of batch "+id, b.ByStatus, recount)
	return b
}

// retryWith retries a mission.
func (f *fixture) retryWith(q missions.RetryRequest) {
	f.Helper()
	results, err := f.Store.Retry(f.ctx, []missions.RetryRequest{q})
	f.must(err)
	f.must(results[0].Err)
}

// wantWaiting checks that a mission waits, and for what it still waits.
func (f *fixture) wantWaiting(id string, sources ...string) missions.Mission {
	f.Helper()
	m := f.wantStatus(id, missions.Pending)
	if m.Flow == nil || m.WaitingFor == nil {
		f.Errorf("mission %s does not wait", id)
		return m
	}
	open := []string{}
	for _, w := range m.WaitingFor {
		if !w.Met && w.Status == "" {
			open = append(open, w.Source())
		}
	}
	f.wantSame("what "+id+" waits for", open, append([]string{}, sources...))
	return m
}

// wantClaimable checks what an agent of all types could claim, and gives it back.
func (f *fixture) wantClaimable(ids ...string) {
	f.Helper()
	f.register("looks", "t")
	claimed := f.claim("looks", 100)
	got := idsOf(claimed)
	slices.Sort(got)
	slices.Sort(ids)
	f.wantSame("claimable", got, append([]string{}, ids...))
	for _, m := range claimed {
		f.finish(release(m))
	}
}

// complete has an agent complete a mission that is claimable and of the highest priority.
func (f *fixture) complete(id, result string) {
	f.Helper()
	f.finish(completion(f.take(id), result))
}

// take has an agent claim a mission, and give back what else it was given.
func (f *fixture) take(id string) missions.Mission {
	f.Helper()
	f.register("takes", "t")
	var taken missions.Mission
	for _, m := range f.claim("takes", 100) {
		if m.ID == id {
			taken = m
		} else {
			f.finish(release(m))
		}
	}
	if taken.ID == "" {
		f.Fatalf("mission %s cannot be claimed: %s", id, f.whole(id))
	}
	return taken
}

// fail fails a mission for good.
func (f *fixture) fail(id string) {
	f.Helper()
	f.finish(failure(f.take(id), "it broke", false))
}

// pointer returns a pointer to a value.
func pointer[T any](v T) *T { return &v }
