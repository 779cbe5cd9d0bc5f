package agent_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/output"
)

var errNoProgram = errors.New("no such file")

// A healthy agent does what a broken one cannot begin, also if the broken one has slots
// left, and no attempt is used up.
func TestABrokenAgentsMissionsGoToAHealthyOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	begun := make(chan struct{}, 100)
	b.start(t, agent.Config{ID: "broken", Concurrency: 4, Handler: func(context.Context, *agent.Task) (any, error) {
		begun <- struct{}{}
		return nil, agent.Unable(errNoProgram)
	}}.Resting(func(int) time.Duration { return time.Hour }))
	b.awaitAgent(t, "broken", missions.Online)
	var ids []string
	for range 20 {
		ids = append(ids, b.create(t, api.MissionSpec{Name: "m"}).ID)
	}
	<-begun
	b.awaitAgent(t, "broken", missions.Draining)
	b.start(t, agent.Config{ID: "healthy", Handler: func(context.Context, *agent.Task) (any, error) { return "done", nil }})
	for _, id := range ids {
		if m := b.wait(t, id); m.Status != missions.Completed || m.Attempt != 1 || m.AgentID != "healthy" {
			t.Errorf("%s after %d attempts by %s", m.Status, m.Attempt, m.AgentID)
		}
	}
	if n := len(begun); n > 3 { // it had four slots
		t.Errorf("the broken agent was given %d missions", n+1)
	}
}

// An agent that recovers claims again, and its series of setbacks is over.
func TestAnAgentThatRecovers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tries, rests := 0, []int{}
	b.start(t, agent.Config{ID: "shaky", Handler: func(context.Context, *agent.Task) (any, error) {
		if tries++; tries%3 != 0 {
			return nil, agent.Unable(errNoProgram)
		}
		return tries, nil
	}}.Resting(func(n int) time.Duration { rests = append(rests, n); return time.Millisecond }))
	for range 6 {
		if m := b.wait(t, b.create(t, api.MissionSpec{Name: "m"}).ID); m.Status != missions.Completed || m.Attempt != 1 {
			t.Errorf("%s after %d attempts", m.Status, m.Attempt)
		}
	}
	for i, n := range rests {
		if n != i%2+1 {
			t.Fatalf("waits were for setbacks %v, want 1 2 1 2 …", rests)
		}
	}
}

// An agent that stays broken goes offline, says why and ends with an error. The mission
// waits for another agent, and has used up no attempt.
func TestAnAgentThatStaysBrokenGoesOffline(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	m := b.create(t, api.MissionSpec{Name: "m"})
	log := &output.Buffer{}
	err := agent.Run(t.Context(), connect(t, b.url), agent.Config{
		ID: "broken", Types: []string{"default"}, Logger: slog.New(slog.NewTextHandler(log, nil)),
		Handler: func(context.Context, *agent.Task) (any, error) { return nil, agent.Unable(errNoProgram) },
	}.Resting(func(int) time.Duration { return time.Millisecond }))
	if !errors.Is(err, errNoProgram) || !strings.Contains(err.Error(), "could not start missions 8 times in a row") {
		t.Fatalf("Run returned %v", err)
	}
	if n := log.Count("cannot start a mission"); n != agent.MaxSetbacks-1 {
		t.Errorf("%d setbacks were logged:\n%s", n, log)
	}
	b.awaitAgent(t, "broken", missions.Offline)
	m, err = b.client.Get(t.Context(), m.ID)
	must(t, err)
	if m.Status != missions.Pending || m.Attempt != 0 {
		t.Errorf("%s after %d attempts", m.Status, m.Attempt)
	}
}

func TestWaitsAfterSetbacksGrow(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 6: 30 * time.Second, 8: 30 * time.Second} {
		if got := agent.RestAfter(n); got != want {
			t.Errorf("after setback %d: %s, want %s", n, got, want)
		}
	}
	if agent.Unable(nil) != nil {
		t.Error("no error became one")
	}
}
