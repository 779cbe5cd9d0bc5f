package redisstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"missioncontrol/missions"
)

// migratedStore migrates a data set and opens it, by the clock of its fixture.
func migratedStore(t *testing.T, partitions int) (*toMigrate, *Store) {
	t.Helper()
	m := newToMigrate(t, partitions)
	_, err := m.migrate(t)
	must(t, err)
	s, err := Open(t.Context(), m.cfg)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return m, s
}

// opened are the numbers of partitions of data sets that can be opened after a migration.
var opened = []int{1, 3}

// TestAMigratedDataSetAnswersTheSame asks what the version that wrote it was asked.
func TestAMigratedDataSetAnswersTheSame(t *testing.T) {
	t.Parallel()
	for _, partitions := range opened {
		m, s := migratedStore(t, partitions)
		ctx, want := t.Context(), &m.Want
		page, err := s.List(ctx, missions.Filter{Limit: 1000})
		must(t, err)
		same(t, "missions", page.Missions, want.Missions)
		for i := range want.Missions {
			id := want.Missions[i].ID
			got, err := s.Get(ctx, id)
			must(t, err)
			same(t, "mission "+id, got, want.Missions[i])
			log, err := s.Log(ctx, id, 0, 1000)
			must(t, err)
			same(t, "the log of "+id, log.Entries, want.Logs[id])
		}
		for _, f := range []missions.Filter{{Status: missions.Pending}, {Status: missions.Running}, {Status: missions.Failed}, {AgentID: "ada"}, {AgentID: "bob"}, {Tag: "red"}, {Type: "deploy"},
			{Type: "deploy", Status: missions.Pending}, {Tag: "scan", Status: missions.Pending}} {
			f.Limit = 1000
			page, err := s.List(ctx, f)
			must(t, err)
			ids := []string{}
			for i := range page.Missions {
				ids = append(ids, page.Missions[i].ID)
			}
			name := fmt.Sprint(f.Status, "/", f.Type, "/", f.AgentID, "/", f.Tag)
			if len(want.Lists[name]) == 0 {
				t.Errorf("the fixture has no list %s", name)
			}
			same(t, "the list "+name, ids, want.Lists[name])
		}
		agents, err := s.ListAgents(ctx, missions.AgentFilter{})
		must(t, err)
		same(t, "agents", agents.Agents, want.Agents)
		alerts, err := s.Alerts(ctx)
		must(t, err)
		same(t, "alerts", alerts, want.Alerts)
		notices, err := s.Notices(ctx, 100)
		must(t, err)
		same(t, "notices", notices, want.Notices)
		m.checkStatistics(t, s)
		if partitions == 1 {
			m.checkStream(t, s)
		}
	}
}

func (m *toMigrate) checkStatistics(t *testing.T, s *Store) {
	t.Helper()
	ctx := t.Context()
	counts, err := s.Counts(ctx)
	must(t, err)
	same(t, "counts", counts, m.Want.Counts)
	unserved, err := s.Unserved(ctx)
	must(t, err)
	same(t, "unserved types", unserved, m.Want.Unserved)
	for name, want := range m.Want.Stats {
		got, err := s.Stats(ctx, name)
		must(t, err)
		if m.Partitions > 1 { // the first in line of a type was one of each partition
			got.OldestClaimableSeconds = want.OldestClaimableSeconds
		}
		sameStats(t, name, got, want)
		history, err := s.History(ctx, name, len(m.Want.History[name]))
		must(t, err)
		same(t, "the history of "+name, history, m.Want.History[name])
	}
}

// checkStream checks what the relay reads.
func (m *toMigrate) checkStream(t *testing.T, s *Store) {
	t.Helper()
	want, o := m.Want.Outboxes[0], s.Outboxes()[0]
	upTo, mark, err := o.Acknowledged(t.Context())
	must(t, err)
	if o.Identity() != want.Identity || upTo != want.Acknowledged || mark != want.Mark {
		t.Errorf("outbox %s has acknowledged %d, %q, want %+v", o.Identity(), upTo, mark, want)
	}
	events, err := o.Pending(t.Context(), 0, 10_000)
	must(t, err)
	same(t, "events", events, want.Events)
	for i := range events {
		if events[i].Seq != want.Positions[i] {
			t.Errorf("event %d has position %d, want %d", i, events[i].Seq, want.Positions[i])
		}
	}
}

// TestWorkGoesOnAfterAMigration goes on with leases, queues and what was due.
func TestWorkGoesOnAfterAMigration(t *testing.T) {
	t.Parallel()
	for _, partitions := range opened {
		m, s := migratedStore(t, partitions)
		ctx := t.Context()
		ref := func(id string) missions.LeaseRef {
			return missions.LeaseRef{MissionID: id, Lease: m.Want.Tokens[id]}
		}
		finish := func(agent, id string, f missions.Finish) missions.Result {
			t.Helper()
			f.AgentID, f.LeaseRef = agent, ref(id)
			results, err := s.Finish(ctx, []missions.Finish{f})
			must(t, err)
			return results[0]
		}
		_, err := s.Due(ctx, 1000)
		must(t, err)
		counts, err := s.Counts(ctx)
		must(t, err)
		same(t, "counts while nothing is due", counts, m.Want.Counts)
		left, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: "eve", Max: 1, Lease: time.Minute}})
		if err != nil || !errors.Is(left[0].Err, missions.ErrConflict) {
			t.Errorf("an agent that has left claims %+v, %v", left, err)
		}
		beats, err := s.Heartbeat(ctx, []missions.Heartbeat{{AgentID: "bob", Lease: time.Minute, Running: []missions.LeaseRef{ref("s-03"), ref("b-08")}}})
		must(t, err)
		same(t, "a heartbeat", beats, []missions.HeartbeatResult{{Lost: []string{"b-08"}, GivenUp: []string{"scan"}}}) // s-04 was missing before
		if r := finish("bob", "s-03", missions.Finish{Outcome: missions.OutcomeComplete, Result: json.RawMessage(`1`)}); r.Err != nil || r.Mission.Status != missions.Completed || len(r.Mission.Data) < 1000 {
			t.Errorf("finished with an old token: %+v", r)
		}
		if r := finish("bob", "s-01", missions.Finish{Outcome: missions.OutcomeComplete, Result: json.RawMessage(`null`)}); r.Err != nil || r.Changed {
			t.Errorf("a report that is repeated: %+v", r)
		}
		if r := finish("ada", "b-12", missions.Finish{Outcome: missions.OutcomeFail, Error: "again", Retryable: true}); r.Err != nil || r.Changed {
			t.Errorf("a report of a failure that is repeated: %+v", r)
		}
		if r := finish("ada", "b-01", missions.Finish{Outcome: missions.OutcomeFail, Error: "no", Retryable: true}); r.Err != nil || r.Mission.NextAttemptAt == 0 {
			t.Errorf("failed with an old token: %+v", r)
		}
		errs, err := s.AppendLog(ctx, []missions.LogAppend{{AgentID: "ada", LeaseRef: ref("d-11"), Level: "info", Message: "goes on"}})
		must(t, err)
		must(t, errs[0])
		log, err := s.Log(ctx, "d-11", int64(len(m.Want.Logs["d-11"])), 10)
		if err != nil || len(log.Entries) != 1 || log.Entries[0].Message != "goes on" {
			t.Errorf("the log goes on with %+v, %v", log, err)
		}
		m.claimsGoOn(t, s)
		deleted, err := s.Delete(ctx, []string{"b-03", "d-06", "d-08"})
		must(t, err)
		for _, r := range deleted {
			must(t, r.Err)
		}
		retried, err := s.Retry(ctx, []missions.RetryRequest{{ID: "d-05"}})
		must(t, err)
		must(t, retried[0].Err)
	}
}

// claimsGoOn claims what can be claimed, in its order, under tokens that no lease had.
func (m *toMigrate) claimsGoOn(t *testing.T, s *Store) {
	t.Helper()
	claimed, err := s.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "ada", Types: []string{"build", "scan", "deploy"}, Max: 100, Lease: time.Minute, Alive: true}})
	must(t, err)
	got, want := []string{}, []string{"b-11", "d-02", "d-03", "d-04", "s-04", "s-05", "s-06", "s-07", "s-08", "b-07", "d-07", "d-10"}
	for i := range claimed[0].Missions {
		c := &claimed[0].Missions[i]
		got = append(got, c.ID)
		for id, token := range m.Want.Tokens {
			if c.Lease <= token {
				t.Errorf("mission %s was claimed under token %d, which is not newer than %d of %s", c.ID, c.Lease, token, id)
			}
		}
	}
	same(t, "claimed", got, want)
}

// TestWhatIsDueComesDueAfterAMigration lets a day pass.
func TestWhatIsDueComesDueAfterAMigration(t *testing.T) {
	t.Parallel()
	for _, partitions := range opened {
		m := newToMigrate(t, partitions)
		_, err := m.migrate(t)
		must(t, err)
		m.cfg.Ahead = m.ahead(24*time.Hour + 30*time.Minute)
		s, err := Open(t.Context(), m.cfg)
		must(t, err)
		for range 3 {
			_, err = s.Due(t.Context(), 1000)
			must(t, err)
		}
		for id, want := range map[string]missions.Status{
			"d-06": missions.Pending, "d-07": missions.Pending, "d-08": missions.Failed, "b-12": missions.Failed, "d-01": missions.Pending, "b-06": missions.Pending,
		} {
			got, err := s.Get(t.Context(), id)
			must(t, err)
			if got.Status != want || id == "d-06" && got.NextAttemptAt != 0 {
				t.Errorf("%s is %s, want %s: %+v", id, got.Status, want, got)
			}
		}
		counts, err := s.Counts(t.Context())
		must(t, err)
		if counts.ByStatus[missions.Running] != 0 || counts.Agents != 0 || counts.Slots != 0 {
			t.Errorf("after a day without a sign of life: %+v", counts)
		}
		must(t, s.Close())
	}
}
