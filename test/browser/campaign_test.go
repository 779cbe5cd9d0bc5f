package browser

import (
	"encoding/json"
	"fmt"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// campaign adds work that waits, asks and spends to a supervisor: a coding agent that has
// parked for a person, a run beyond its budget, a release behind 48 tests and an approval, and
// a run with children that is steered.
func (s *supervisor) campaign() {
	s.t.Helper()
	s.release()
	s.migration()
	s.contracts()
	s.archive()
}

// a moment passes, so that spans have a length.
func (s *supervisor) moment(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.t.Context().Done():
	}
}

func usage(usd, tokens float64) missions.Usage {
	return missions.Usage{"usd": usd, "input_tokens": tokens}
}

// migration is the mission billing: two turns, then a question with choices.
func (s *supervisor) migration() {
	s.t.Helper()
	s.create(api.MissionSpec{ID: "billing", Name: "Move billing to the new ledger", Type: "code", Priority: missions.High,
		Description: "Opens a pull request, and asks before it merges.", MaxUsage: missions.Usage{"usd": 5, "input_tokens": 2_000_000}, OnExceeded: missions.ExceededAsk,
		Data: json.RawMessage(`{"repository":"billing","branch":"ledger"}`)})
	h := s.hands("coder-1", "code")
	s.moment(150 * time.Millisecond)
	lease := h.take("code")
	h.spends(lease, 30, "reads the schema", api.Report{Usage: usage(0.9, 310_000)})
	s.moment(500 * time.Millisecond)
	h.parks(lease, api.Report{Usage: usage(1.4, 482_000), Checkpoint: json.RawMessage(`{"step":"schema","files":14}`)},
		asks("currency", "Which currency do old invoices without one have?"))
	s.moment(700 * time.Millisecond)
	s.tell("billing", "currency", `"EUR, all of them are from before 2019."`)
	s.moment(100 * time.Millisecond)
	lease = h.take("code")
	h.sees(lease, 1)
	h.spends(lease, 80, "the tests pass", api.Report{Usage: usage(0.7, 173_000)})
	s.moment(900 * time.Millisecond)
	h.parks(lease, api.Report{Usage: usage(1.35, 418_400), Checkpoint: json.RawMessage(`{"step":"review","files":31,"pull_request":812,"branch":"ledger","tests":{"passed":418,"skipped":3}}`)},
		asks("merge", "Pull request 812 is ready: 31 files, all tests pass. What shall I do?", "merge it", "wait for a second reviewer", "revise: smaller steps"))
}

// contracts is a mission that has used up its budget.
func (s *supervisor) contracts() {
	s.t.Helper()
	s.create(api.MissionSpec{ID: "contracts", Name: "Summarise 400 contracts", Type: "read", MaxUsage: missions.Usage{"usd": 3}, OnExceeded: missions.ExceededAsk})
	h := s.hands("reader-1", "read")
	lease := h.take("read")
	h.drop(lease)
	h.spends(lease, 61, "contract 244", api.Report{Usage: usage(3.04, 1_904_000), Checkpoint: json.RawMessage(`{"done":244}`)})
}

// release is a build, 48 tests behind it, a deployment that waits for them and an approval,
// and what comes after it.
func (s *supervisor) release() {
	s.t.Helper()
	specs := []api.MissionSpec{{ID: "build", Name: "Build 4.2", Type: "build"}, {ID: "docs", Name: "Render the manual", Type: "build"}}
	for i := range 48 {
		specs = append(specs, api.MissionSpec{ID: fmt.Sprint("test-", i+1), Name: fmt.Sprint("Test shard ", i+1), Type: "test", Batch: "tests-4-2", After: []missions.Condition{{Mission: "build"}}})
	}
	specs = append(specs,
		api.MissionSpec{ID: "deploy", Name: "Deploy 4.2", Type: "deploy", AfterTimeoutSeconds: 86400, MaxUsage: missions.Usage{"usd": 1},
			After: []missions.Condition{{Mission: "docs"}, {Batch: "tests-4-2", When: missions.WhenEnded}, asks("approved", "Deploy 4.2 to production?", "yes", "no")}},
		api.MissionSpec{ID: "smoke", Name: "Smoke tests in production", Type: "test", After: []missions.Condition{{Mission: "deploy"}}},
		api.MissionSpec{ID: "announce", Name: "Announce 4.2", Type: "mail-out", After: []missions.Condition{{Mission: "smoke"}, asks("text", "Which headline shall the announcement have?")}},
		api.MissionSpec{ID: "clean", Name: "Remove old images", Type: "deploy", After: []missions.Condition{{Mission: "smoke"}}})
	s.create(specs...)
	h := s.hands("builder-1", "build", "test", "deploy")
	for range 2 {
		h.completes(h.take("build"), `{"image":"4.2"}`)
	}
	for i := range 40 {
		lease := h.take("test")
		if i%17 == 16 {
			h.fails(lease, "the shard failed: 2 of 311 assertions")
		} else {
			h.completes(lease, `{"assertions":311}`)
		}
	}
	for range 5 {
		h.take("test")
	}
}

// archive is a running mission with children, which has been told two things.
func (s *supervisor) archive() {
	s.t.Helper()
	s.create(api.MissionSpec{ID: "archive", Name: "Index the archive", Type: "index", MaxUsage: missions.Usage{"usd": 2}})
	h := s.hands("indexer-1", "index", "page")
	lease := h.take("index")
	var children []api.MissionSpec
	for _, year := range []string{"2021", "2022", "2023"} {
		children = append(children, api.MissionSpec{ID: "archive-" + year, Name: "Pages of " + year, Type: "page"})
	}
	_, err := h.agent.CreateChildren(s.t.Context(), api.ChildrenRequest{LeaseRef: lease, Missions: children})
	must(s.t, err)
	h.completes(h.take("page"), `{"pages":1204}`)
	h.take("page")
	h.spends(lease, 44, "2022, page 310", api.Report{Usage: missions.Usage{"usd": 1.71}, Checkpoint: json.RawMessage(`{"year":2022,"page":310}`)})
	s.tell("archive", "steer", `"Leave out the scanned pages."`)
	h.sees(lease, 1)
	s.tell("archive", "steer", `{"languages":["de","fr"]}`)
}
