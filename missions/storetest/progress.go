package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"missioncontrol/missions"
)

func progressOf(m missions.Mission, percent float64, message string) missions.ProgressUpdate {
	return missions.ProgressUpdate{AgentID: string(m.AgentID), LeaseRef: refOf(m), Progress: missions.Progress{Percent: percent, Message: message}}
}

func lineOf(m missions.Mission, level, message, data string) missions.LogAppend {
	return missions.LogAppend{AgentID: string(m.AgentID), LeaseRef: refOf(m), Level: level, Message: message, Data: json.RawMessage(data)}
}

func (f *fixture) progress(p missions.ProgressUpdate) error {
	f.Helper()
	results, err := f.Store.Progress(f.ctx, []missions.ProgressUpdate{p})
	f.must(err)
	return results[0].Err
}

func (f *fixture) append(l missions.LogAppend) error {
	f.Helper()
	errs, err := f.Store.AppendLog(f.ctx, []missions.LogAppend{l})
	f.must(err)
	return errs[0]
}

func testProgressAndLog(s *suite) {
	s.run("the newest progress stands, and starts anew with each attempt", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		now := f.advance(10 * time.Minute).StoreNow
		f.must(f.progress(progressOf(m, 12.5, "warming up")))
		f.must(f.progress(progressOf(m, 50, "half")))
		got := f.get("m")
		f.wantSame("progress", got.Progress, missions.Progress{Percent: 50, Message: "half"})
		f.wantNear("updated_at", got.UpdatedAt, now)
		f.finish(release(m))
		f.wantSame("progress while PENDING", f.get("m").Progress, nil)
		m = f.claimOne("a")
		f.wantSame("progress of the next attempt", m.Progress, nil)
		f.must(f.progress(progressOf(m, 99, "")))
		f.finish(completion(m, `1`))
		f.wantSame("progress once completed", f.get("m").Progress, missions.Progress{Percent: 99})
	})
	s.run("progress tells whose it is", func(f *fixture) {
		m := named("m", "t")
		m.CorrelationID, m.Traceparent = "order 17", trace
		results, err := f.Store.Progress(f.ctx, []missions.ProgressUpdate{progressOf(f.started(m, "a"), 1, "")})
		f.must(err)
		wantEqual(f, "result", results[0], missions.ProgressResult{CorrelationID: "order 17", Traceparent: trace})
	})
	s.run("only the holder reports, each item by itself", func(f *fixture) {
		f.create(numbered("m", "t", 2)...)
		f.register("a", "t")
		f.register("b", "t")
		held := f.claim("a", 2)
		stale := held[1]
		f.finish(release(stale))
		f.claimOne("b")
		thief, missing := held[0], held[0]
		thief.AgentID, missing.ID = "b", "never-was"
		want := []*missions.Error{missions.ErrLeaseLost, nil, missions.ErrNotFound, missions.ErrLeaseLost}
		progress, err := f.Store.Progress(f.ctx, []missions.ProgressUpdate{
			progressOf(stale, 1, ""), progressOf(held[0], 2, ""), progressOf(missing, 3, ""), progressOf(thief, 4, ""),
		})
		f.must(err)
		lines, err := f.Store.AppendLog(f.ctx, []missions.LogAppend{
			lineOf(stale, "info", "stale", ""), lineOf(held[0], "info", "mine", ""),
			lineOf(missing, "info", "missing", ""), lineOf(thief, "info", "thief", ""),
		})
		f.must(err)
		for i := range want {
			f.wantErr(fmt.Sprintf("progress %d", i), progress[i].Err, want[i])
			f.wantErr(fmt.Sprintf("log %d", i), lines[i], want[i])
		}
		f.wantSame("progress", f.get(held[0].ID).Progress, missions.Progress{Percent: 2})
		f.wantSame("progress of the other", f.get(stale.ID).Progress, nil)
		log := f.log(held[0].ID)
		wantEqual(f, "last line", log[len(log)-1].Message, "mine")
	})
	s.run("the log keeps order, levels and data, and outlives the attempt", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		now := f.advance(time.Minute).StoreNow
		f.must(f.append(lineOf(m, "debug", "one", `{"n":1}`)))
		f.must(f.append(lineOf(m, "warning", "two\nlines", `[1,"x"]`)))
		f.must(f.append(lineOf(m, "info", "three", "")))
		f.finish(completion(m, `1`))
		log := f.log("m")
		wantEqual(f, "entries", len(log), 6) // created, RUNNING, three lines, COMPLETED
		for i, want := range []string{
			`["debug","one",{"n":1}]`, `["warning","two\nlines",[1,"x"]]`, `["info","three",null]`,
		} {
			entry := log[i+2]
			wantEqual(f, "entry", f.json([]any{entry.Level, entry.Message, entry.Data}), want)
			f.wantNear("timestamp", entry.Timestamp, now)
		}
	})
	testLogOfStatuses(s)
}

func testLogOfStatuses(s *suite) {
	s.run("every change of status stands in the log", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.finish(failure(m, "no luck", true))
		f.advance(2 * time.Minute)
		f.finish(release(f.claimOne("a")))
		f.must(f.cancel("m").Err)
		f.must(f.retry("m").Err)
		f.finish(completion(f.claimOne("a"), `1`))
		var changes int
		for _, entry := range f.log("m") {
			if entry.Level == "" || entry.Message == "" || entry.Timestamp == 0 {
				f.Errorf("an entry lacks something: %+v", entry)
			}
			changes++
		}
		wantEqual(f, "entries", changes, 9) // created and eight changes
	})
	s.run("paging visits every entry once", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		for i := range 20 {
			f.must(f.append(lineOf(m, "info", fmt.Sprint(i), "")))
		}
		want := f.json(f.log("m"))
		for _, limit := range []int{1, 3, 11, 22, 100} {
			var all []missions.LogEntry
			for after, more := int64(0), true; more; {
				page, err := f.Store.Log(f.ctx, "m", after, limit)
				f.must(err)
				if len(page.Entries) > limit {
					f.Fatalf("a page of at most %d has %d entries", limit, len(page.Entries))
				}
				all = append(all, page.Entries...)
				after, more = page.Next, page.Next != 0
			}
			wantEqual(f, fmt.Sprintf("entries by %d", limit), f.json(all), want)
		}
	})
	s.run("following a log from a position sees what comes later", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		first, err := f.Store.Log(f.ctx, "m", 0, 1)
		f.must(err)
		f.must(f.append(lineOf(m, "info", "new", "")))
		rest, err := f.Store.Log(f.ctx, "m", first.Next, 10)
		f.must(err)
		wantEqual(f, "entries", len(rest.Entries), 2) // RUNNING, new
		wantEqual(f, "last", rest.Entries[1].Message, "new")
	})
	s.run("an agent's entry cannot pass for a change of status", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		forged := missions.ChangeEntry(0, missions.Pending, missions.Cancelled, "by the operator")
		f.must(f.append(lineOf(m, "info", forged.Message, "")))
		_, err := f.Store.Cancel(f.ctx, []missions.CancelRequest{{ID: "m", By: "someone", Reason: "no: need → any more"}})
		f.must(err)
		var found []string
		for _, e := range f.log("m") {
			found = append(found, fmt.Sprintf("%s %s %s>%s %s", e.By, e.Level, e.OldStatus, e.NewStatus, e.Reason))
		}
		wantEqual(f, "entries", strings.Join(found, "\n"), "supervisor info >PENDING \n"+
			"supervisor info PENDING>RUNNING claimed by agent a, attempt 1 of 3\n"+
			"agent info > \n"+
			"supervisor info RUNNING>CANCELLED cancelled by someone: no: need → any more")
	})
	s.run("an unknown mission has no log", func(f *fixture) {
		_, err := f.Store.Log(f.ctx, "never-was", 0, 10)
		f.wantErr("log", err, missions.ErrNotFound)
	})
}
