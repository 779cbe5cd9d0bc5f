package api_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// The wire format of replies is fixed, field by field and in order.
func TestRepliesHaveTheirGoldenForm(t *testing.T) {
	t.Parallel()
	half, cpu, memory, yes := 0.5, 0.25, int64(1<<20), true
	mission := missions.Mission{
		ID: "m-1", Name: "one", Description: "d", Type: "resize", Data: json.RawMessage(`{"w":80}`), Priority: missions.High,
		Status: missions.Running, Tags: []string{"a", "b"}, MaxAttempts: 3, TimeoutSeconds: 1.5,
		NotBefore: 1703001234_567000, Deadline: 1703009999_000000, CorrelationID: "c-1",
		Attempt: 2, AgentID: "w-1", LeaseExpiresAt: 1703001244_567001, Progress: &missions.Progress{Percent: 12.5, Message: "on it"},
		CreatedAt: 1703001234_567000, UpdatedAt: 1703001235_000000, StartedAt: 1703001235_000000, Lease: 7,
	}
	idle := missions.Mission{ID: "m-2", Name: "two", Type: "default", Data: json.RawMessage(`{}`), Priority: missions.Normal,
		Status: missions.Pending, Tags: []string{}, MaxAttempts: 3, CreatedAt: 1703001234_567000, UpdatedAt: 1703001234_567000}
	waiting, again := idle, mission
	waiting.Flow = &missions.Flow{OnUnmet: missions.UnmetCancel, MaxUsage: missions.Usage{"usd": 5}, OnExceeded: missions.ExceededAsk,
		RetryPolicy: &missions.RetryOptions{FirstSeconds: &half}, ParentID: "m-0", Detached: true, Batch: "b-1",
		WaitingFor: []missions.Wait{
			{Condition: missions.Condition{Mission: "build", When: missions.WhenCompleted}, Met: true, Status: missions.Completed},
			{Condition: missions.Condition{Batch: "tests-7", When: missions.WhenEnded}},
			{Condition: missions.Condition{Signal: "approved", Prompt: "Deploy?", Choices: []string{"yes", "no"}}}},
		WaitingSince: 1703001234_567000, WaitingUntil: 1703009999_000000,
		Signals: missions.Signals{{Seq: 1, Name: "note", Data: json.RawMessage(`"hi"`), By: "cli", At: 1703001235_000000}}}
	again.Turn, again.Checkpoint = 3, json.RawMessage(`{"step":4}`)
	again.Flow = &missions.Flow{Usage: missions.Usage{"usd": 0.42, "input_tokens": 1200}, TimedOut: true,
		WaitedFor: []missions.Wait{{Condition: missions.Condition{Mission: "build", When: missions.WhenCompleted}, Met: true, Status: missions.Completed}},
		Inputs:    map[string]missions.Input{"build": {Status: missions.Completed, Result: json.RawMessage(`{"ok":true}`)}, "a": {Status: missions.Failed}}}
	for name, reply := range map[string]any{
		"health": api.Health{Status: api.HealthDegraded, Timestamp: 1703001234_567000, Version: "1.2.3", UptimeSeconds: 1.5,
			Checks: api.Checks{Store: api.Check{Status: api.HealthOK},
				EventStream: api.StreamCheck{Check: api.Check{Status: api.HealthDegraded, Message: "no broker"}, Dropped: 3, Waiting: 4},
				AgentDeaths: api.Check{Status: api.HealthOK, Message: "when leases end"}}},
		"status": api.Status{Status: api.HealthOK, Timestamp: 1703001234_000000, TotalMissions: 150, RunningMissions: 5,
			PendingMissions: 3, CompletedMissions: 130, FailedMissions: 10, CancelledMissions: 2, AgentCount: 4, SuccessRate: &half},
		"agents": api.Agents{Agents: []missions.Agent{{ID: "w-1", Name: "one", Role: "r", State: missions.Online,
			LastHeartbeat: 1703001234_567000, MissionsRunning: 1, Capacity: 2, Types: []string{"a"}, Version: "1", Host: "h",
			CPU: &cpu, MemoryBytes: &memory, RegisteredAt: 1703001234_000000}}, AgentCount: 2, NextCursor: "w-1"},
		"created": api.CreateReply{Created: &api.Created{Mission: &idle, Created: &yes}},
		"created_batch": api.CreateReply{Results: []api.Created{{Mission: &idle, Created: &yes},
			{Error: &api.Error{Code: missions.CodeInvalid, Message: "name is required", Field: "name"}}}},
		"claimed":   api.Claimed{Missions: []missions.Mission{mission}},
		"list":      api.MissionList{Missions: []missions.Mission{}, NextCursor: 1703001234567000},
		"log":       api.MissionLog{MissionID: "m-1", Log: []missions.LogEntry{{Timestamp: 1703001234_000001, Level: "info", Message: "hi"}}},
		"heartbeat": api.HeartbeatReply{Cancel: []string{"m-1"}},
		"error":     api.ErrorReply{Error: &api.Error{Code: missions.CodeLeaseLost, Message: "it has been given out again"}},
		"stats": api.StatsReply{Stats: missions.Stats{Total: 1, ByStatus: map[missions.Status]int64{missions.Pending: 1},
			ByType: map[string]int64{"default": 1}, Duration: missions.Distribution{Average: &half, P50: &half, P95: &half, P99: &half},
			PerMinute: map[missions.Happening]int64{missions.HappenedCreated: 1}, LastUpdated: 1703001234_567000,
			Waiting: map[missions.WaitKind]int64{missions.WaitSignal: 2}, OldestSignalWaitSeconds: &half, HighestUsageRatio: &half, HighestUsageMission: "m",
			Usage: missions.Usage{"usd": 1.5},
			Windows: missions.Windows{FiveMinutes: missions.Window{Usage: missions.Usage{"usd": 0.5}, Since: 1703000934_500000, Created: 5, Started: 4, Completed: 3, Failed: 3,
				Cancelled: 1, SuccessRate: &half, Queue: missions.Distribution{Average: &half, P50: &half, P95: &half, P99: &half}}}}},
		"history": api.History{Minutes: []missions.Minute{
			{At: 1703001180_000000, Created: 5, Started: 4, Completed: 3, Failed: 2, Cancelled: 1}, {At: 1703001240_000000, Pending: &memory, Running: &memory}}},
		"history_run_times": api.History{Minutes: []missions.Minute{{At: 1703001180_000000, Completed: 13}}, RunTimes: []missions.RunTimes{
			{From: 1703001180_000000, To: 1703001240_000001, P50: &half, P95: &half, Buckets: [][2]float64{{0.000001, 1}, {1.78, 12}}},
			{From: 1703001240_000001, To: 1703001250_000000, Buckets: [][2]float64{}}}},
		"alerts": api.Alerts{Alerts: []api.Alert{
			{Rule: "slow", Metric: "missions.windows.5m.success_rate", Comparison: "<", Threshold: 0.8, ForSeconds: 90, MinSamples: 20, Type: "t",
				Value: &half, State: missions.AlertFiring, Since: 1703001100_000000, RaisedAt: 1703001190_000001},
			{Rule: "waiting", Metric: "events.waiting", Comparison: ">", Threshold: 1e4, State: missions.AlertOK}}},
		"waiting":       api.Mission{Mission: waiting},
		"claimed_again": api.Claimed{Missions: []missions.Mission{again}},
		"signalled":     api.Signalled{Seq: 3, Delivered: missions.DeliveredWaiting},
		"bulk": api.BulkReply{Matched: 3, Changed: 1, Errors: []api.BulkError{{ID: "m-1", Error: &api.Error{Code: missions.CodeConflict, Message: "the deadline of mission \"m-1\" has passed"}}},
			AsOf: 1703001234_567000, NextCursor: "1703001234567000-0-1703001230000000-0f"},
		"signals": api.Signals{More: true, Signals: []missions.Signal{
			{Seq: 1, Name: "steer", Data: json.RawMessage(`{"more":"tests"}`), By: "alice", ByProven: true, At: 1703001234_567000, SeenAt: 1703001235_000000, SeenBy: "w-1"},
			{Seq: 2, Name: "go", At: 1703001236_000000}}},
		"input": api.InputReply{Source: "build", Input: missions.Input{Status: missions.Completed, Result: json.RawMessage(`{"ok":true}`)}},
		"batch": missions.Batch{ID: "tests-7", Open: true, Total: 2, ByStatus: map[missions.Status]int64{missions.Pending: 2}, CreatedAt: 1703001234_567000},
		"batches": api.BatchList{Batches: []missions.Batch{{ID: "tests-7", ByStatus: map[missions.Status]int64{}, CreatedAt: 1703001234_567000,
			EndedAt: 1703001235_000000}}, NextCursor: "x"},
		"graph": api.Graph{Missions: []api.GraphMission{
			{ID: "deploy", Name: "d", Type: "t", Status: missions.Pending, Waiting: true, CreatedAt: 1703001234_567000},
			{ID: "test-1", Name: "t", Type: "t", Status: missions.Completed, Batch: "tests-7", CreatedAt: 1703001234_567000, StartedAt: 1703001235_000000, FinishedAt: 1703001236_000000}},
			Edges: []api.GraphEdge{{From: "test-1", To: "deploy", Kind: api.EdgeBatch, Batch: "tests-7"}, {From: "build", To: "deploy", Kind: api.EdgeAfter}}},
		"heartbeat_signals": api.HeartbeatReply{Cancel: []string{}, Lost: []string{}, Signals: []api.SignalRef{{MissionID: "m-1", Seq: 3}}},
		"command_signal":    api.Command{Command: api.CommandSignal, MissionID: "m-1", Seq: 3},
		"registered":        api.Registered{HeartbeatSeconds: 3, LeaseSeconds: 10},
		"empty":             api.Empty{},
		"command":           api.Command{Command: api.CommandCancel, MissionID: "m-1"},
	} {
		got, err := api.Encode(reply)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+".json")
		if os.Getenv("GOLDEN_UPDATE") != "" {
			if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got)+"\n" != string(want) {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
}

func TestErrorsSurviveTheWire(t *testing.T) {
	t.Parallel()
	for code, want := range map[missions.Code]int{
		missions.CodeInvalid: 400, missions.CodeNotFound: 404, api.CodeTimeout: 408, missions.CodeConflict: 409,
		missions.CodeLeaseLost: 409, missions.CodeTooLarge: 413, missions.CodeOverloaded: 429, api.CodeInternal: 500,
		missions.CodeUnavailable: 503,
	} {
		e := &api.Error{Code: code, Message: "m"}
		if e.Status() != want || !errors.Is(e, &api.Error{Code: code}) {
			t.Errorf("%s has status %d", code, e.Status())
		}
	}
	secret := errors.New("password=hunter2")
	if e := api.FromError(secret); e.Code != api.CodeInternal || e.Message != "internal error; see the supervisor's log for details" {
		t.Errorf("%+v", e)
	}
	if e := api.FromError(missions.Unavailable("the store cannot be used", secret)); e.Message != "the store cannot be used" {
		t.Errorf("%+v", e)
	}
}

func FuzzDecodeCreate(f *testing.F) {
	for _, seed := range []string{``, `{}`, `{"name":"x"}`, `{"missions":[{"name":"x","data":{"a":[1,2]}}]}`, `{"name":7}`,
		`{"name":"x","not_before":1703001234.567}`, "{\"name\":\"\x00\"}", `{"name":"x","name":"y"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		request, err := api.Decode[api.CreateRequest](body)
		if err != nil {
			if e := api.FromError(err); e.Status() != 400 && e.Status() != 413 || e.Field == "" {
				t.Fatalf("%q: %+v", body, e)
			}
			return
		}
		for _, spec := range append(request.Missions, request.MissionSpec) {
			m, err := spec.Mission()
			if err == nil && (m.Name == "" || m.ID == "" || !json.Valid(m.Data)) {
				t.Fatalf("%q was accepted as %+v", body, m)
			}
		}
	})
}

func FuzzDecodeAgentRequests(f *testing.F) {
	f.Add([]byte(`{"running":[{"mission_id":"m","lease":1}],"cpu":0.5}`))
	f.Add([]byte(`{"max":1,"wait_seconds":60,"types":["a"]}`))
	f.Add([]byte(`{"mission_id":"m","lease":1,"percent":50,"message":"x"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if beat, err := api.Decode[api.HeartbeatRequest](body); err == nil {
			if h, err := beat.Heartbeat("a"); err == nil {
				for _, lease := range h.Running {
					if lease.Lease <= 0 || lease.MissionID == "" {
						t.Fatalf("%q was accepted as %+v", body, h)
					}
				}
			}
		}
		if claim, err := api.Decode[api.ClaimRequest](body); err == nil {
			if c, wait, err := claim.Claim("a"); err == nil && (c.Max < 1 || c.Max > 1000 || wait < 0 || wait > api.MaxWait) {
				t.Fatalf("%q was accepted as %+v", body, c)
			}
		}
		if progress, err := api.Decode[api.ProgressRequest](body); err == nil {
			if u, err := progress.Update("a"); err == nil && !(u.Percent >= 0 && u.Percent <= 100) {
				t.Fatalf("%q was accepted as %+v", body, u)
			}
		}
	})
}
