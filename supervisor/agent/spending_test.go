package agent_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/eventually"
)

// awaitMission polls until a mission is as wanted.
func (b bench) awaitMission(t *testing.T, id string, wanted func(m *missions.Mission) bool) missions.Mission {
	t.Helper()
	var m missions.Mission
	eventually.Holds(t, func() bool {
		var err error
		m, err = b.client.Get(t.Context(), id)
		must(t, err)
		return wanted(&m)
	}, func() string { return fmt.Sprintf("%+v", m) })
	return m
}

func used(m *missions.Mission, unit string) float64 {
	if m.Flow == nil {
		return 0
	}
	return m.Flow.Usage[unit]
}

// A mission's usage is the sum of what its turns have used, however they end.
func TestUsageIsSummedOverTheTurns(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	b.start(t, agent.Config{Handler: func(_ context.Context, task *agent.Task) (any, error) {
		for range 4 {
			must(t, task.Usage("usd", 0.25))
			must(t, task.Usage("input_tokens", 100))
		}
		switch task.Turn() {
		case 1:
			return nil, errors.New("not yet")
		case 2:
			return nil, agent.ErrStopping
		case 3:
			return nil, agent.Park().For(time.Millisecond)
		}
		return nil, nil
	}})
	m := b.wait(t, b.create(t, api.MissionSpec{Name: "m"}).ID)
	if m.Turn != 4 || used(&m, "usd") != 4 || used(&m, "input_tokens") != 1600 {
		t.Fatalf("%d turns used %v", m.Turn, m.Flow)
	}
}

// What a handler uses is reported while it runs, whether or not it reports anything else.
func TestUsageIsReportedMeanwhile(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	seen := make(chan struct{})
	b.start(t, agent.Config{Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		must(t, task.Usage("usd", 1))
		must(t, task.Usage("usd", 2))
		select {
		case <-seen:
		case <-ctx.Done():
		}
		must(t, task.Usage("usd", 4))
		return nil, nil
	}})
	id := b.create(t, api.MissionSpec{Name: "m"}).ID
	running := b.awaitMission(t, id, func(m *missions.Mission) bool { return used(m, "usd") == 3 })
	if running.Progress != nil || running.Status != missions.Running {
		t.Errorf("%s with the progress %v", running.Status, running.Progress)
	}
	close(seen)
	if m := b.wait(t, id); used(&m, "usd") != 7 {
		t.Errorf("it used %v", m.Flow)
	}
}

// A mission that exceeds its maximum is stopped as if it had been cancelled.
func TestAMissionThatUsesTooMuchIsStopped(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	cause := make(chan error, 1)
	b.start(t, agent.Config{Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		if task.Turn() == 2 {
			return "with more money", nil
		}
		must(t, task.Usage("usd", 4))
		must(t, task.Usage("usd", 1.5))
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return "too late", nil
	}})
	strict := b.create(t, api.MissionSpec{Name: "strict", MaxUsage: missions.Usage{"usd": 5}})
	if err := <-cause; !errors.Is(err, agent.ErrCancelled) {
		t.Errorf("the cause is %v", err)
	}
	if m := b.wait(t, strict.ID); m.Status != missions.Failed || m.Attempt != 1 || used(&m, "usd") != 5.5 {
		t.Errorf("%s after %d attempts with %v: %s", m.Status, m.Attempt, m.Flow, m.Error)
	}
	asks := b.create(t, api.MissionSpec{Name: "asks", MaxUsage: missions.Usage{"usd": 5}, OnExceeded: missions.ExceededAsk})
	if err := <-cause; !errors.Is(err, agent.ErrCancelled) {
		t.Errorf("the cause is %v", err)
	}
	b.awaitMission(t, asks.ID, func(m *missions.Mission) bool { return len(m.WaitingFor) == 1 })
	_, err := b.client.Signal(t.Context(), api.SignalRequest{ID: asks.ID, Name: missions.BudgetSignal, Data: []byte(`{"usd":10}`)})
	must(t, err)
	if m := b.wait(t, asks.ID); m.Status != missions.Completed || string(m.Result) != `"with more money"` {
		t.Errorf("%s %s", m.Status, m.Error)
	}
}

// Usage that breaks a rule is refused at once, and the rest counts.
func TestUsageThatIsRefused(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	b.start(t, agent.Config{Handler: func(_ context.Context, task *agent.Task) (any, error) {
		if task.Turn() == 1 {
			for i := range missions.MaxUnits - 1 {
				must(t, task.Usage(fmt.Sprintf("unit_%d", i), 1))
			}
			return nil, errors.New("again")
		}
		must(t, task.Usage("unit_0", 1))
		must(t, task.Usage("usd", 1))
		for what, bad := range map[string]struct {
			unit   string
			amount float64
		}{
			"a bad name": {"US$", 1}, "no name": {"", 1}, "less than nothing": {"usd", -1}, "no number": {"usd", math.NaN()},
			"infinity": {"usd", math.Inf(1)}, "a ninth unit": {"eur", 1}, "too much": {"usd", 1e15},
		} {
			if err := task.Usage(bad.unit, bad.amount); !errors.Is(err, api.ErrInvalid) && !errors.Is(err, api.ErrTooLarge) {
				t.Errorf("%s: %v", what, err)
			}
		}
		return nil, nil
	}})
	m := b.wait(t, b.create(t, api.MissionSpec{Name: "m"}).ID)
	if m.Status != missions.Completed || len(m.Flow.Usage) != missions.MaxUnits || used(&m, "usd") != 1 || used(&m, "unit_0") != 2 {
		t.Errorf("%s with %v", m.Status, m.Flow)
	}
}
