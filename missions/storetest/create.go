package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"missioncontrol/missions"
)

// trace is a W3C trace context.
const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// everything returns a mission with every field that a creator may set.
func everything(id string, now missions.Time) missions.Mission {
	return missions.Mission{
		ID: id, Name: "Ünïcode — name", Description: "two\nlines", Type: "render",
		Data: json.RawMessage(`{"b":[1,2.50,{"x":null}],"a":"ü"}`), Priority: missions.High, Status: missions.Pending,
		Tags: []string{"red", "blue"}, MaxAttempts: 5, TimeoutSeconds: 90.25, StallSeconds: 30.5,
		NotBefore: now.Add(time.Hour), Deadline: now.Add(48 * time.Hour), CorrelationID: "order 17", Traceparent: trace,
	}
}

func testCreate(s *suite) {
	s.run("stores every field as given and begins PENDING", func(f *fixture) {
		now := f.now()
		given := everything("full", now)
		stored := f.create(given)[0]
		f.wantNear("created_at", stored.CreatedAt, now)
		wantEqual(f, "updated_at", stored.UpdatedAt, stored.CreatedAt)
		given.CreatedAt, given.UpdatedAt = stored.CreatedAt, stored.UpdatedAt
		f.wantSame("the mission returned", stored, given)
		f.wantSame("the mission read back", f.get("full"), given)
	})
	s.run("keeps the defaults of a mission that has only a name", func(f *fixture) {
		f.create(named("plain", ""))
		m := f.get("plain")
		wantEqual(f, "type", m.Type, "default")
		wantEqual(f, "priority", m.Priority, missions.Normal)
		wantEqual(f, "max_attempts", m.MaxAttempts, 3)
		wantEqual(f, "data", string(m.Data), "{}")
		wantEqual(f, "tags", f.json(m.Tags), "[]")
		wantEqual(f, "status", m.Status, missions.Pending)
		wantEqual(f, "attempt", m.Attempt, 0)
	})
	s.run("takes nothing but what a creator gives", func(f *fixture) {
		given := named("clean", "t")
		given.Attempt, given.AgentID, given.Lease, given.Error = 7, "mallory", 99, "no"
		given.Result, given.Progress = json.RawMessage(`1`), &missions.Progress{Percent: 50}
		given.Status, given.StartedAt, given.FinishedAt = missions.Completed, 1, 2
		want := named("clean", "t")
		stored := f.create(given)[0]
		want.CreatedAt, want.UpdatedAt = stored.CreatedAt, stored.UpdatedAt
		f.wantSame("the mission returned", stored, want)
		f.wantSame("the mission read back", f.get("clean"), want)
	})
	s.run("keeps the shortest timeout as a timeout", func(f *fixture) {
		m := named("short", "t")
		m.TimeoutSeconds = 1e-9
		stored := f.create(m)[0]
		if stored.TimeoutSeconds <= 0 {
			f.Errorf("timeout_seconds is %v, want more than 0", stored.TimeoutSeconds)
		}
		wantEqual(f, "timeout_seconds read back", f.get("short").TimeoutSeconds, stored.TimeoutSeconds)
	})
	s.run("hands out copies", func(f *fixture) {
		m := named("mine", "t")
		m.Tags, m.Data = []string{"red"}, json.RawMessage(`{"a":1}`)
		f.create(m)
		got := f.get("mine")
		got.Tags[0], got.Data[2] = "blue", 'z'
		again := f.get("mine")
		wantEqual(f, "tags", again.Tags[0], "red")
		wantEqual(f, "data", string(again.Data), `{"a":1}`)
	})
	s.run("an unknown id is not found", func(f *fixture) {
		_, err := f.Store.Get(f.ctx, "nobody")
		f.wantErr("get", err, missions.ErrNotFound)
	})
	testCreateAgain(s)
	testCreateBatch(s)
}

func testCreateAgain(s *suite) {
	s.run("the same content again returns the mission as it stands", func(f *fixture) {
		m := everything("twice", f.now())
		m.NotBefore = 0
		f.create(m)
		f.register("a", "render")
		f.claimOne("a")
		before := f.checkpoint()
		m.Data = json.RawMessage(` {"a":"\u00fc", "b":[1, 2.50, {"x":null}]} `[1:])
		again := f.createOne(m)
		f.wantErr("the same content", again.Err, nil)
		wantEqual(f, "created", again.Created, false)
		wantEqual(f, "status", again.Mission.Status, missions.Running)
		wantEqual(f, "events", len(f.events(before)), 0)
		wantEqual(f, "stored data", string(f.get("twice").Data), `{"b":[1,2.50,{"x":null}],"a":"ü"}`)
		wantEqual(f, "missions", len(f.list(missions.Filter{})), 1)
	})
	s.run("other content under the same id is a conflict, whichever field differs", func(f *fixture) {
		now := f.now()
		f.create(everything("same", now))
		before := f.json(f.get("same"))
		for field, change := range map[string]func(*missions.Mission){
			"name":            func(m *missions.Mission) { m.Name = "other" },
			"description":     func(m *missions.Mission) { m.Description = "" },
			"type":            func(m *missions.Mission) { m.Type = "other" },
			"data":            func(m *missions.Mission) { m.Data = json.RawMessage(`{"b":[1,2.50,{"x":0}],"a":"ü"}`) },
			"empty data":      func(m *missions.Mission) { m.Data = json.RawMessage(`{}`) },
			"priority":        func(m *missions.Mission) { m.Priority = missions.Low },
			"tags":            func(m *missions.Mission) { m.Tags = []string{"red"} },
			"max_attempts":    func(m *missions.Mission) { m.MaxAttempts = 4 },
			"timeout_seconds": func(m *missions.Mission) { m.TimeoutSeconds = 90 },
			"stall_seconds":   func(m *missions.Mission) { m.StallSeconds = 0 },
			"not_before":      func(m *missions.Mission) { m.NotBefore = 0 },
			"deadline":        func(m *missions.Mission) { m.Deadline++ },
			"correlation_id":  func(m *missions.Mission) { m.CorrelationID = "order 18" },
		} {
			m := everything("same", now)
			change(&m)
			f.wantErr(field, f.createOne(m).Err, missions.ErrConflict)
		}
		again := everything("same", now)
		again.Traceparent = "" // the same request again, in another trace
		f.wantErr("traceparent", f.createOne(again).Err, nil)
		wantEqual(f, "the stored mission", f.json(f.get("same")), before)
	})
}

func testCreateBatch(s *suite) {
	s.run("a batch has one result per mission, in order, each by itself", func(f *fixture) {
		f.create(named("old", "t"))
		clash := named("old", "t")
		clash.Name = "other"
		results, err := f.Store.Create(f.ctx, []missions.Mission{named("new-1", "t"), clash, named("old", "t"), named("new-2", "t")})
		f.must(err)
		wantEqual(f, "results", len(results), 4)
		for i, want := range []struct {
			id      string
			created bool
			err     *missions.Error
		}{{"new-1", true, nil}, {"old", false, missions.ErrConflict}, {"old", false, nil}, {"new-2", true, nil}} {
			what := fmt.Sprintf("item %d", i)
			f.wantErr(what, results[i].Err, want.err)
			wantEqual(f, what+" created", results[i].Created, want.created)
			if want.err == nil {
				wantEqual(f, what, results[i].Mission.ID, want.id)
			}
		}
		wantEqual(f, "missions", len(f.list(missions.Filter{})), 3)
	})
	s.run("an id twice within a batch is the same mission, or a conflict", func(f *fixture) {
		clash := named("x", "t")
		clash.Name = "other"
		results, err := f.Store.Create(f.ctx, []missions.Mission{named("x", "t"), named("x", "t"), clash})
		f.must(err)
		wantEqual(f, "first created", results[0].Created, true)
		wantEqual(f, "second created", results[1].Created, false)
		f.wantErr("second", results[1].Err, nil)
		f.wantErr("third", results[2].Err, missions.ErrConflict)
		wantEqual(f, "missions", len(f.list(missions.Filter{})), 1)
		wantEqual(f, "events", len(f.events(nil)), 1)
	})
	s.run("an empty batch is no work", func(f *fixture) {
		results, err := f.Store.Create(f.ctx, nil)
		f.must(err)
		wantEqual(f, "results", len(results), 0)
	})
	s.run("1000 in a batch keep their order", func(f *fixture) {
		batch := numbered("m", "t", 1000)
		created := f.create(batch...)
		f.wantSame("results", idsOf(created), idsOf(batch))
		for i := 1; i < len(created); i++ {
			if created[i].CreatedAt < created[i-1].CreatedAt {
				f.Fatalf("mission %d is older than the one before it", i)
			}
		}
		newest := slices.Clone(batch)
		slices.Reverse(newest)
		f.wantSame("list", idsOf(f.list(missions.Filter{})), idsOf(newest))
		wantEqual(f, "events", len(f.events(nil)), 1000)
	})
}
