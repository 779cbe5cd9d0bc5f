package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// A mission that asks a person costs nothing while it waits, and goes on with the answer.
func TestAHandlerParksUntilAPersonAnswers(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	b.start(t, agent.Config{Handler: func(_ context.Context, task *agent.Task) (any, error) {
		if task.Turn() == 1 {
			must(t, task.Checkpoint(place{4}))
			return nil, fmt.Errorf("wrapped: %w", agent.Park(agent.AfterSignal("approved", "Deploy?", "yes", "no")).For(time.Hour))
		}
		var at place
		_, err := task.Restore(&at)
		answer := <-task.Signals()
		return []any{at.Step, task.TimedOut(), answer.Name, answer.Data}, err
	}})
	id := b.create(t, api.MissionSpec{Name: "deploy"}).ID
	m := b.awaitMission(t, id, func(m *missions.Mission) bool { return m.Status == missions.Pending && m.Turn == 1 })
	if w := m.WaitingFor; len(w) != 1 || w[0].Prompt != "Deploy?" || len(w[0].Choices) != 2 || m.Attempt != 0 || m.WaitingUntil == 0 {
		t.Fatalf("%+v", m.Flow)
	}
	reply, err := b.client.Signal(t.Context(), api.SignalRequest{ID: id, Name: "approved", Data: json.RawMessage(`"yes"`)})
	must(t, err)
	if reply.Delivered != missions.DeliveredWaiting {
		t.Errorf("delivered: %s", reply.Delivered)
	}
	m = b.wait(t, id)
	if m.Status != missions.Completed || string(m.Result) != `[4,false,"approved","yes"]` || m.Attempt != 1 {
		t.Errorf("%s after %d attempts with %s %s", m.Status, m.Attempt, m.Result, m.Error)
	}
	if m.Signals[0].SeenAt == 0 {
		t.Error("the answer was not reported as seen")
	}
}

// A mission that nobody answers goes on when its time is up.
func TestAParkingThatTimesOut(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	b.start(t, agent.Config{Handler: func(_ context.Context, task *agent.Task) (any, error) {
		if task.Turn() == 1 {
			return nil, agent.Park(agent.AfterSignal("approved", "")).For(50 * time.Millisecond)
		}
		return task.TimedOut(), nil
	}})
	if m := b.wait(t, b.create(t, api.MissionSpec{Name: "m", OnUnmet: ""}).ID); string(m.Result) != "true" || m.Attempt != 1 {
		t.Errorf("%s after %d attempts with %s %s", m.Status, m.Attempt, m.Result, m.Error)
	}
}

// What cannot be waited for fails the mission, with the reason.
func TestAParkingThatIsRefused(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	b.start(t, agent.Config{Handler: func(_ context.Context, task *agent.Task) (any, error) {
		return nil, agent.Park(agent.AfterMission("nowhere"))
	}})
	m := b.wait(t, b.create(t, api.MissionSpec{Name: "m"}).ID)
	if m.Status != missions.Failed || m.Attempt != 1 || string(m.Error)[:24] != "the mission cannot wait:" {
		t.Errorf("%s after %d attempts: %s", m.Status, m.Attempt, m.Error)
	}
}

// A mission that hands out parts of itself waits for them, and gets their results.
func TestAHandlerWaitsForItsChildren(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	b.start(t, agent.Config{Concurrency: 2, Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		switch {
		case task.Mission.Name != "parent":
			return task.Mission.Name, nil
		case task.Turn() > 1:
			var sum []string
			for _, input := range task.Inputs() {
				sum = append(sum, string(input.Result))
			}
			return len(sum), nil
		}
		parts, err := task.Create(ctx, api.MissionSpec{Name: "left"}, api.MissionSpec{Name: "right"})
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			if part.ParentID != task.Mission.ID || part.ID == "" {
				t.Errorf("%+v", part)
			}
		}
		return nil, agent.Park(agent.AfterMission(parts[0].ID), agent.Ended(agent.AfterMission(parts[1].ID)))
	}})
	m := b.wait(t, b.create(t, api.MissionSpec{Name: "parent"}).ID)
	if m.Status != missions.Completed || string(m.Result) != "2" || m.Attempt != 1 {
		t.Errorf("%s after %d attempts with %s %s", m.Status, m.Attempt, m.Result, m.Error)
	}
}

// Of several children, those that break a rule are named, and the others exist.
func TestChildrenThatAreRefused(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	b.start(t, agent.Config{Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		if task.Mission.Name != "parent" {
			return nil, nil
		}
		for range 2 { // the second time, the first one exists
			parts, err := task.Create(ctx, api.MissionSpec{ID: "c1", Name: "c1"}, api.MissionSpec{ID: "c2"})
			if !errors.Is(err, api.ErrInvalid) || len(parts) != 2 || parts[0].ID != "c1" || parts[1].ID != "" {
				t.Errorf("%v, %+v", err, parts)
			}
		}
		return nil, nil
	}})
	b.wait(t, b.create(t, api.MissionSpec{Name: "parent"}).ID)
	if m := b.wait(t, "c1"); m.Status != missions.Completed {
		t.Errorf("%+v", m)
	}
}

// A failure with a time of its own is retried after that, rather than after the back-off.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	b.start(t, agent.Config{Handler: func(_ context.Context, task *agent.Task) (any, error) {
		return nil, fmt.Errorf("wrapped: %w", agent.RetryAfter(errors.New("429"), time.Hour))
	}})
	id := b.create(t, api.MissionSpec{Name: "m"}).ID
	m := b.awaitMission(t, id, func(m *missions.Mission) bool { return m.NextAttemptAt != 0 })
	if wait := m.NextAttemptAt.Time().Sub(m.UpdatedAt.Time()); wait < 59*time.Minute || m.Attempt != 1 || string(m.Error) != "wrapped: 429" {
		t.Errorf("it waits %s after attempt %d: %s", wait, m.Attempt, m.Error)
	}
	if agent.RetryAfter(nil, time.Hour) != nil {
		t.Error("no error became one")
	}
}
