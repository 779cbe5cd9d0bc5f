package storetest

import (
	"errors"

	"missioncontrol/missions"
)

// outcomes is the result of each operation on a mission in each status: its new
// status, "gone", or the error code, in which case nothing changes. An agent's
// operations use the lease that the mission had last.
var outcomes = map[string]map[string]string{
	"none": {
		"get": "not_found", "claim": "nothing", "progress": "not_found", "log": "not_found", "complete": "not_found",
		"fail": "not_found", "give up": "not_found", "release": "not_found",
		"cancel": "not_found", "retry": "not_found", "delete": "not_found",
	},
	"PENDING": {
		"get": "PENDING", "claim": "RUNNING", "progress": "lease_lost", "log": "lease_lost", "complete": "lease_lost",
		"fail": "lease_lost", "give up": "lease_lost", "release": "lease_lost",
		"cancel": "CANCELLED", "retry": "conflict", "delete": "gone",
	},
	"RUNNING": {
		"get": "RUNNING", "claim": "nothing", "progress": "RUNNING", "log": "RUNNING", "complete": "COMPLETED",
		"fail": "PENDING", "give up": "FAILED", "release": "PENDING",
		"cancel": "CANCELLED", "retry": "conflict", "delete": "conflict",
	},
	"COMPLETED": {
		"get": "COMPLETED", "claim": "nothing", "progress": "lease_lost", "log": "lease_lost", "complete": "lease_lost",
		"fail": "lease_lost", "give up": "lease_lost", "release": "lease_lost",
		"cancel": "conflict", "retry": "conflict", "delete": "gone",
	},
	"FAILED": {
		"get": "FAILED", "claim": "nothing", "progress": "lease_lost", "log": "lease_lost", "complete": "lease_lost",
		"fail": "lease_lost", "give up": "lease_lost", "release": "lease_lost",
		"cancel": "conflict", "retry": "PENDING", "delete": "gone",
	},
	"CANCELLED": {
		"get": "CANCELLED", "claim": "nothing", "progress": "lease_lost", "log": "lease_lost", "complete": "lease_lost",
		"fail": "lease_lost", "give up": "lease_lost", "release": "lease_lost",
		"cancel": "conflict", "retry": "PENDING", "delete": "gone",
	},
}

// bring moves mission "m" to a status and returns it with its latest lease.
func (f *fixture) bring(status string) missions.Mission {
	f.Helper()
	if status == "none" {
		f.register("a", "t")
		return missions.Mission{ID: "m", AgentID: "a", Lease: 1}
	}
	m := f.started(named("m", "t"), "a")
	switch status {
	case "PENDING":
		f.finish(release(m))
	case "COMPLETED":
		f.finish(completion(m, `"the first"`))
	case "FAILED":
		f.finish(failure(m, "the first", false))
	case "CANCELLED":
		f.must(f.cancel("m").Err)
	}
	f.wantStatus("m", missions.Status(status))
	return m
}

// operate performs one operation on a mission and returns the result.
func (f *fixture) operate(operation string, m missions.Mission) string {
	f.Helper()
	err := error(nil)
	switch operation {
	case "get":
	case "claim":
		if len(f.claim("a", 1)) == 0 {
			return "nothing"
		}
	case "progress":
		err = f.progress(progressOf(m, 50, "half"))
	case "log":
		err = f.append(lineOf(m, "info", "line", ""))
	case "complete":
		err = f.tryFinish(completion(m, `"another"`)).Err
	case "fail":
		err = f.tryFinish(failure(m, "another", true)).Err
	case "give up":
		err = f.tryFinish(failure(m, "another", false)).Err
	case "release":
		err = f.tryFinish(release(m)).Err
	case "cancel":
		err = f.cancel("m").Err
	case "retry":
		err = f.retry("m").Err
	case "delete":
		if err = f.remove("m").Err; err == nil {
			_, err := f.Store.Get(f.ctx, "m")
			f.wantErr("get after delete", err, missions.ErrNotFound)
			return "gone"
		}
	}
	if domain := (*missions.Error)(nil); errors.As(err, &domain) {
		return string(domain.Code)
	}
	f.must(err)
	got, err := f.Store.Get(f.ctx, "m")
	if domain := (*missions.Error)(nil); errors.As(err, &domain) {
		return string(domain.Code)
	}
	return string(got.Status)
}

// testOperationsByStatus tries every operation in every status.
func testOperationsByStatus(s *suite) {
	for status, operations := range outcomes {
		for operation, want := range operations {
			s.run(operation+" when "+status, func(f *fixture) {
				m := f.bring(status)
				before, position := f.whole("m"), f.checkpoint()
				wantEqual(f, "outcome", f.operate(operation, m), want)
				if missions.Status(want).Index() < 0 && want != "gone" {
					wantEqual(f, "the mission", f.whole("m"), before)
					wantEqual(f, "events", len(f.events(position)), 0)
				}
				f.wantRecount()
			})
		}
	}
}

// whole returns a mission with its log as text, or "" if it does not exist.
func (f *fixture) whole(id string) string {
	f.Helper()
	m, err := f.Store.Get(f.ctx, id)
	if errors.Is(err, missions.ErrNotFound) {
		return ""
	}
	f.must(err)
	return f.json([]any{m, f.log(id)})
}
