package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/cmd/supervisor/serve"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// The names of what the banner tells of.
const (
	deployID   = "deploy-2"
	notesID    = "release-notes"
	batchID    = "release-2"
	scheduleID = "digest"
	limitName  = "writing"
)

// perform runs the agents and gives them work until ctx ends or one of them fails. It calls
// begun once the first missions exist.
func perform(ctx context.Context, info serve.Info, begun func()) error {
	url := brokerURL(info)
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		return fmt.Errorf("connect to the broker: %w", err)
	}
	defer nc.Close()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var running sync.WaitGroup
	defer running.Wait()
	for i := range agents {
		running.Go(func() {
			if err := runAgent(ctx, url, agents[i]); err != nil {
				fail(err)
			}
		})
	}
	s := script{client.New(nc, client.Name("demo"))}
	if err := s.open(ctx); err != nil {
		fail(err)
		return ended(ctx)
	}
	begun()
	if err := s.goOn(ctx); err != nil {
		fail(err)
	}
	return ended(ctx)
}

// ended returns why ctx has ended, nil if somebody has ended the demo.
func ended(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// script creates the demo's missions.
type script struct{ client *client.Client }

// open creates the limit, the schedule and the first missions.
func (s script) open(ctx context.Context) error {
	atOnce, each := int64(3), int64(2)
	if _, err := s.client.SetLimit(ctx, missions.LimitSpec{Name: limitName, Type: typeWrite, Total: &atOnce, PerKey: &each,
		Note: "the model's own limit, shared by the customers"}); err != nil {
		return fmt.Errorf("set the limit: %w", err)
	}
	if _, err := s.client.SetSchedule(ctx, missions.ScheduleSpec{ID: scheduleID, EverySeconds: 20,
		Mission: missions.Template{Name: "digest of the last 20 seconds", Type: typeWrite, Key: "acme"}}); err != nil {
		return fmt.Errorf("set the schedule: %w", err)
	}
	return s.firstMissions(ctx)
}

// firstMissions creates a batch, and a mission of each kind.
func (s script) firstMissions(ctx context.Context) error {
	var tests []api.MissionSpec
	for _, part := range []string{"accounts", "billing", "mail", "reports"} {
		tests = append(tests, api.MissionSpec{ID: batchID + "-" + part, Name: "tests of " + part, Type: typeTest, Batch: batchID})
	}
	if err := s.create(ctx, api.CreateRequest{Missions: tests, CloseBatch: true}); err != nil {
		return err
	}
	first := []api.MissionSpec{
		{ID: deployID, Name: "deploy 2.0 to production", Type: typeDeploy, Priority: missions.High},
		{ID: notesID, Name: "release notes of 2.0", Type: typeWrite, Key: "acme", After: []missions.Condition{{Batch: batchID}}},
		{ID: "summary-1", Name: "summary of the week", Type: typeWrite, Key: "globex", Data: data(order{Seconds: 1})},
		{ID: "checkout", Name: "tests of the checkout", Type: typeTest, Key: "initech", Data: data(order{Seconds: 1, Broken: true})},
		{ID: "search", Name: "search by date", Type: typeCode, Key: "acme", MaxUsage: missions.Usage{"usd": 1}},
	}
	return s.create(ctx, api.CreateRequest{Missions: first})
}

// between is how long it takes from one mission to the next.
const between = 3 * time.Second

// goOn creates missions until ctx ends.
func (s script) goOn(ctx context.Context) error {
	ticker := time.NewTicker(between)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		if err := s.create(ctx, api.CreateRequest{Missions: []api.MissionSpec{next(n)}}); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// next returns the nth mission.
func next(n int) api.MissionSpec {
	customer := []string{"acme", "globex", "initech"}[n%3]
	spec := api.MissionSpec{Name: fmt.Sprint("letter ", n+1, " to ", customer), Type: typeWrite, Key: customer, Data: data(order{Seconds: 4})}
	switch n % 10 {
	case 2: // fails twice, and then not
		spec.Name, spec.Data = fmt.Sprint("translation ", n+1), data(order{Seconds: 4, Fails: 2})
	case 4:
		spec.Name, spec.Type, spec.Data = fmt.Sprint("feature ", n+1), typeCode, data(order{Seconds: 6})
	case 6: // fails for good
		spec.Name, spec.Type, spec.Data = fmt.Sprint("tests of build ", n+1), typeTest, data(order{Broken: true})
	case 8: // spends more than it may
		spec.Name, spec.MaxUsage = fmt.Sprint("essay ", n+1), missions.Usage{"usd": 0.02}
	case 9:
		spec.Name, spec.Type, spec.Priority = fmt.Sprint("hotfix ", n+1), typeTest, missions.Critical
	}
	return spec
}

// create creates missions, and returns the first refusal.
func (s script) create(ctx context.Context, request api.CreateRequest) error {
	results, err := s.client.CreateAll(ctx, request)
	if err != nil {
		return fmt.Errorf("create missions: %w", err)
	}
	for i := range results {
		if refusal := results[i].Error; refusal != nil {
			return fmt.Errorf("create the mission %q: %w", request.Missions[i].Name, refusal)
		}
	}
	return nil
}

// data returns an order as a mission's data.
func data(o order) json.RawMessage {
	raw, err := json.Marshal(o)
	if err != nil {
		panic(err) // numbers and booleans can be encoded
	}
	return raw
}
