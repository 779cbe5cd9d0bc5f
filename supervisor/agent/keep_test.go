package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

type place struct {
	Step int `json:"step"`
}

// A checkpoint outlives a failure and a parking, and a turn that has none keeps it.
func TestACheckpointGoesFromTurnToTurn(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	var turns []string
	b.start(t, agent.Config{Handler: func(_ context.Context, task *agent.Task) (any, error) {
		var at place
		restored, err := task.Restore(&at)
		if err != nil {
			return nil, err
		}
		turns = append(turns, string(task.Mission.Checkpoint))
		switch {
		case restored != (task.Turn() > 1):
			return nil, agent.Permanent(errors.New("the checkpoint is not there"))
		case task.Turn() == 1:
			must(t, task.Checkpoint(place{6}))
			must(t, task.Checkpoint(place{7}))
			return nil, errors.New("not yet")
		case task.Turn() == 2:
			return nil, agent.Park().For(time.Millisecond)
		}
		return at.Step, nil
	}})
	m := b.wait(t, b.create(t, api.MissionSpec{Name: "resumed"}).ID)
	if m.Status != missions.Completed || string(m.Result) != "7" || m.Attempt != 2 || m.Turn != 3 {
		t.Fatalf("%+v", m)
	}
	if got := strings.Join(turns, " "); got != `null {"step":7} {"step":7}` {
		t.Errorf("claimed with %s", got)
	}
	if m.Checkpoint != nil {
		t.Errorf("a completed mission keeps %s", m.Checkpoint)
	}
}

// What is too large or no JSON is refused, and leaves the checkpoint as it is.
func TestCheckpointsThatAreRefused(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	b.start(t, agent.Config{Handler: func(_ context.Context, task *agent.Task) (any, error) {
		if task.Turn() == 2 {
			return task.Mission.Checkpoint, nil
		}
		fits := json.RawMessage(`["` + strings.Repeat("x", missions.MaxCheckpointBytes-4) + `"]`)
		must(t, task.Checkpoint(fits))
		must(t, task.Checkpoint(json.RawMessage(strings.Repeat(" ", missions.MaxCheckpointBytes)+"[1]"))) // white space does not count
		if err := task.Checkpoint(strings.Repeat("x", missions.MaxCheckpointBytes)); !errors.Is(err, api.ErrTooLarge) {
			t.Errorf("too large: %v", err)
		}
		for what, v := range map[string]any{"no JSON": json.RawMessage(`{"a":`), "a function": func() {}} {
			if err := task.Checkpoint(v); err == nil {
				t.Errorf("%s was accepted", what)
			}
		}
		return nil, errors.New("again")
	}})
	m := b.wait(t, b.create(t, api.MissionSpec{Name: "m"}).ID)
	if m.Status != missions.Completed || string(m.Result) != "[1]" {
		t.Fatalf("%s with %s", m.Status, m.Result)
	}
}

// A handler whose agent is being stopped can still store a checkpoint.
func TestACheckpointAtTheEndOfTheDrain(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	started := make(chan string, 1)
	stop := b.start(t, agent.Config{DrainTimeout: time.Millisecond, Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		started <- task.Mission.ID
		<-ctx.Done()
		must(t, task.Checkpoint(place{3}))
		return nil, ctx.Err()
	}})
	b.create(t, api.MissionSpec{Name: "interrupted"})
	id := <-started
	stop()
	m, err := b.client.Get(t.Context(), id)
	must(t, err)
	if m.Status != missions.Pending || m.Attempt != 0 || string(m.Checkpoint) != `{"step":3}` {
		t.Fatalf("%+v", m)
	}
}

// A handler whose mission was cancelled is told so when it stores a checkpoint.
func TestACheckpointWithoutTheLease(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	started, refusal := make(chan string, 1), make(chan error, 1)
	b.start(t, agent.Config{Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		started <- task.Mission.ID
		<-ctx.Done()
		refusal <- task.Checkpoint(place{3})
		return nil, ctx.Err()
	}})
	b.create(t, api.MissionSpec{Name: "m"})
	id := <-started
	_, err := b.client.Cancel(t.Context(), id, "")
	must(t, err)
	if err := <-refusal; !errors.Is(err, agent.ErrLeaseLost) {
		t.Errorf("the error is %v", err)
	}
}

// A handler gets what its mission has waited for.
func TestInputs(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	b.start(t, agent.Config{Concurrency: 3, Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		if task.Mission.Name != "join" {
			if task.Inputs() != nil {
				t.Error("a mission that waits for nothing has inputs")
			}
			return task.Mission.Name, nil
		}
		one, err := task.Input(ctx, "one")
		must(t, err)
		if _, err := task.Input(ctx, "stranger"); !errors.Is(err, api.ErrNotFound) {
			t.Errorf("an input that there is not: %v", err)
		}
		return []any{one, task.Inputs()["two"]}, nil
	}})
	results, err := b.client.CreateAll(t.Context(), api.CreateRequest{Missions: []api.MissionSpec{
		{ID: "join", Name: "join", After: []missions.Condition{agent.AfterMission("one"), agent.Ended(agent.AfterMission("two"))}},
		{ID: "one", Name: "one"}, {ID: "two", Name: "two"},
	}})
	must(t, err)
	for i := range results {
		if results[i].Error != nil {
			t.Fatal(results[i].Error)
		}
	}
	m := b.wait(t, "join")
	if string(m.Result) != `[{"status":"COMPLETED","result":"one"},{"status":"COMPLETED","result":"two"}]` {
		t.Errorf("%s %s", m.Result, m.Error)
	}
}

// Inputs that are too large for a claim are fetched.
func TestInputsThatAreTooLargeForAClaim(t *testing.T) {
	t.Parallel()
	b := newBenchWith(t, func(cfg *supervisor.Config) { patient(cfg); cfg.ReplyLimit = func() int { return 64 << 10 } })
	const large, many = 20 << 10, 4
	b.start(t, agent.Config{Concurrency: 4, Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		if task.Mission.Name != "join" {
			return strings.Repeat("x", large), nil
		}
		for i := range task.Mission.WaitedFor {
			whole, err := task.Input(ctx, task.Mission.WaitedFor[i].Mission)
			must(t, err)
			if len(whole.Result) != large+2 || whole.Status != missions.Completed {
				t.Errorf("input %d has %d bytes", i, len(whole.Result))
			}
		}
		return len(task.Inputs()) < many, nil
	}})
	join := api.MissionSpec{ID: "join", Name: "join"}
	for range many {
		join.After = append(join.After, agent.AfterMission(b.create(t, api.MissionSpec{Name: "part"}).ID))
	}
	b.create(t, join)
	if m := b.wait(t, "join"); string(m.Result) != "true" || m.Attempt != 1 {
		t.Errorf("%s after %d attempts: %s", m.Result, m.Attempt, m.Error)
	}
}
