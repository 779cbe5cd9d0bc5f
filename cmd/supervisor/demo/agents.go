package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// The types of the demo's missions.
const (
	typeWrite  = "write"
	typeCode   = "code"
	typeTest   = "test"
	typeDeploy = "deploy"
)

// agents are the demo's agents.
var agents = []agent.Config{
	{ID: "writer-1", Role: "writer", Types: []string{typeWrite}, Concurrency: 2, Handler: write},
	{ID: "writer-2", Role: "writer", Types: []string{typeWrite}, Concurrency: 2, Handler: write},
	{ID: "coder-1", Role: "coder", Types: []string{typeCode}, Handler: code},
	{ID: "tester-1", Role: "tester", Types: []string{typeTest}, Concurrency: 4, Handler: test},
	{ID: "deployer-1", Role: "deployer", Types: []string{typeDeploy}, Concurrency: 2, Handler: deploy},
}

// runAgent runs one of them until ctx ends.
func runAgent(ctx context.Context, url string, cfg agent.Config) error {
	cfg.DrainTimeout, cfg.Labels = drainTimeout, map[string]string{"demo": "yes"}
	cfg.Logger = slog.New(slog.DiscardHandler) // what it would say is on the dashboard
	if err := agent.ConnectAndRun(ctx, url, cfg); err != nil {
		return fmt.Errorf("agent %s: %w", cfg.ID, err)
	}
	return nil
}

// order is what a mission of the demo is told.
type order struct {
	Seconds float64 `json:"seconds,omitzero"` // of work; default 3
	Fails   int     `json:"fails,omitzero"`   // how many attempts fail before one does not
	Broken  bool    `json:"broken,omitzero"`  // no attempt can succeed
}

func orderOf(t *agent.Task) (o order, err error) {
	if err := json.Unmarshal(t.Mission.Data, &o); err != nil {
		return o, agent.Permanent(fmt.Errorf("read the mission's data: %w", err))
	}
	if o.Seconds == 0 {
		o.Seconds = 3
	}
	return o, nil
}

// step works on a part of a mission that takes a share of its time, from 0 to 1, and says so.
func step(ctx context.Context, t *agent.Task, o order, share, percent float64, about string) error {
	timer := time.NewTimer(time.Duration(o.Seconds * share * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		_ = t.Progress(percent, about) // for people, and the next one follows
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write spends money with each step, and fails as often as it is told.
func write(ctx context.Context, t *agent.Task) (any, error) {
	o, err := orderOf(t)
	if err != nil {
		return nil, err
	}
	_ = t.Log("info", "asking the model", map[string]int{"attempt": t.Mission.Attempt})
	for i, about := range []string{"read the sources", "made a draft", "checked the facts", "wrote it"} {
		if err := step(ctx, t, o, 0.25, float64(25*(i+1)), about); err != nil {
			return nil, err
		}
		if err := errors.Join(t.Usage("usd", 0.01), t.Usage("output_tokens", 400)); err != nil {
			return nil, err
		}
		if i == 1 && t.Mission.Attempt <= o.Fails {
			return nil, agent.RetryAfter(errors.New("the model is overloaded"), 2*time.Second)
		}
	}
	return map[string]int{"words": 300}, nil
}

// code keeps a checkpoint after each file, and has its work tested by two children, for
// which it waits without a slot.
func code(ctx context.Context, t *agent.Task) (any, error) {
	o, err := orderOf(t)
	if err != nil {
		return nil, err
	}
	units, all := t.Mission.ID+"-unit", t.Mission.ID+"-all"
	if tested := t.Inputs(); tested[units].Status != "" {
		return map[string]missions.Status{"unit tests": tested[units].Status, "all tests": tested[all].Status}, nil
	}
	var done struct{ Files int }
	if _, err := t.Restore(&done); err != nil {
		return nil, err
	}
	for done.Files < 3 {
		done.Files++
		if err := step(ctx, t, o, 1./3, float64(30*done.Files), fmt.Sprintf("wrote %d of 3 files", done.Files)); err != nil {
			return nil, err
		}
		if err := errors.Join(t.Usage("usd", 0.05), t.Checkpoint(done)); err != nil {
			return nil, err
		}
	}
	if _, err := t.Create(ctx,
		api.MissionSpec{ID: units, Name: "unit tests of " + t.Mission.Name, Type: typeTest, Key: t.Mission.Key},
		api.MissionSpec{ID: all, Name: "all tests of " + t.Mission.Name, Type: typeTest, Key: t.Mission.Key},
	); err != nil {
		return nil, err
	}
	return nil, agent.Park(agent.Ended(agent.AfterMission(units)), agent.Ended(agent.AfterMission(all)))
}

// test fails for good if it is told so.
func test(ctx context.Context, t *agent.Task) (any, error) {
	o, err := orderOf(t)
	if err != nil {
		return nil, err
	}
	if err := step(ctx, t, o, 0.5, 50, "half of the tests have passed"); err != nil {
		return nil, err
	}
	if o.Broken {
		_ = t.Log("error", "TestCheckout: want 200, got 500", nil)
		return nil, agent.Permanent(errors.New("1 of 240 tests failed"))
	}
	if err := step(ctx, t, o, 0.5, 100, "all tests have passed"); err != nil {
		return nil, err
	}
	return map[string]int{"passed": 240}, nil
}

// deploy asks a person, and waits without a lease and without a slot.
func deploy(ctx context.Context, t *agent.Task) (any, error) {
	o, err := orderOf(t)
	if err != nil {
		return nil, err
	}
	answer := ""
	for range t.Mission.Signals { // what has come since the turn before, also what nobody has asked for
		select {
		case signal := <-t.Signals():
			if signal.Name == "approved" {
				answer = strings.Trim(string(signal.Data), `"`)
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	switch answer {
	case "no":
		return map[string]string{"deployed": "no, somebody said so"}, nil
	case "yes":
		if err := step(ctx, t, o, 1, 100, "deployed"); err != nil {
			return nil, err
		}
		return map[string]string{"deployed": "yes, somebody said so"}, nil
	default:
		return nil, agent.Park(agent.AfterSignal("approved", t.Mission.Name+"?", "yes", "no"))
	}
}
