package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// flood requests more than the supervisor can do, over several connections.
type flood struct {
	url                     string
	answered, refused, late atomic.Int64
}

func newFlood(url string) *flood { return &flood{url: url} }

type counts struct{ answered, refused, late int64 }

func (f *flood) counts() counts {
	return counts{f.answered.Load(), f.refused.Load(), f.late.Load()}
}

// run floods until ctx ends.
func (f *flood) run(ctx context.Context) error {
	var all sync.WaitGroup
	var errs []error
	for _, part := range []struct {
		clients, hands int
		ask            func(context.Context, *client.Client, int) error
	}{
		{2, 32, f.createLarge}, {2, 64, f.createMany}, {1, 200, f.createOne}, {2, 100, f.list},
		{1, 300, f.wait}, {2, 1500, f.claim}, {1, 4, f.work},
	} {
		for range part.clients {
			nc, err := nats.Connect(f.url, nats.MaxReconnects(-1))
			if err != nil {
				errs = append(errs, err)
				continue
			}
			defer nc.Close()
			for hand := range part.hands {
				all.Go(func() { f.repeat(ctx, client.New(nc), hand, part.ask) })
			}
		}
	}
	all.Wait()
	return errors.Join(errs...)
}

// repeat sends requests again and again. After a refusal it retries soon, as badly
// behaved clients do.
func (f *flood) repeat(ctx context.Context, c *client.Client, hand int, ask func(context.Context, *client.Client, int) error) {
	for ctx.Err() == nil {
		err := ask(ctx, c, hand)
		switch {
		case err == nil:
			f.answered.Add(1)
		case errors.Is(err, api.ErrOverloaded):
			f.refused.Add(1)
			sleep(ctx, 10*time.Millisecond)
		case errors.Is(err, api.ErrTimeout), errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
			f.late.Add(1)
		default:
			f.answered.Add(1) // a conflict, or not found: also an answer
			sleep(ctx, time.Millisecond)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

var large = []byte(`{"x":"` + strings.Repeat("x", 500<<10) + `"}`)

// createLarge sends a body of nearly the maximum size. There are 150 such missions.
func (f *flood) createLarge(ctx context.Context, c *client.Client, hand int) error {
	specs := make([]api.MissionSpec, 15)
	for i := range specs {
		specs[i] = api.MissionSpec{ID: fmt.Sprintf("large-%d", hand%10*15+i), Name: "large", Type: "work", Data: large}
	}
	_, err := c.CreateBatch(ctx, specs)
	return err
}

var next atomic.Int64

// createMany creates a thousand missions, out of 50,000.
func (f *flood) createMany(ctx context.Context, c *client.Client, _ int) error {
	specs := make([]api.MissionSpec, 1000)
	first := next.Add(1000)
	for i := range specs {
		specs[i] = api.MissionSpec{ID: fmt.Sprintf("many-%d", (first+int64(i))%50_000), Name: "one of many", Type: "work"}
	}
	_, err := c.CreateBatch(ctx, specs)
	return err
}

func (f *flood) createOne(ctx context.Context, c *client.Client, _ int) error {
	_, _, err := c.Create(ctx, api.MissionSpec{ID: fmt.Sprintf("one-%d", next.Add(1)%10_000), Name: "one", Type: "work"})
	return err
}

func (f *flood) list(ctx context.Context, c *client.Client, hand int) error {
	_, err := c.List(ctx, api.ListRequest{Limit: 1000, Text: []string{"", "one", "nobody has this name"}[hand%3]})
	return err
}

// wait waits for a mission that does not end meanwhile.
func (f *flood) wait(ctx context.Context, c *client.Client, hand int) error {
	timeout := 5.0
	var reply api.Mission
	return c.Do(ctx, api.SubjectMissionsWait, api.WaitRequest{ID: fmt.Sprintf("large-%d", hand%150), TimeoutSeconds: &timeout}, &reply)
}

// claim parks a claim for missions that never come, more claims per agent than are
// allowed.
func (f *flood) claim(ctx context.Context, c *client.Client, hand int) error {
	agent := c.Agent(fmt.Sprintf("idle-%d", hand%20))
	_, err := agent.Claim(ctx, api.ClaimRequest{Types: []string{"never"}, Max: 1, WaitSeconds: 5})
	if errors.Is(err, api.ErrNotFound) || errors.Is(err, api.ErrConflict) {
		_, err = agent.Register(ctx, api.RegisterRequest{Name: "idle", Types: []string{"never"}, Capacity: 1})
	}
	return err
}

// work completes the created missions, so that they can be created again.
func (f *flood) work(ctx context.Context, c *client.Client, hand int) error {
	agent := c.Agent(fmt.Sprintf("worker-%d", hand))
	claimed, err := agent.Claim(ctx, api.ClaimRequest{Types: []string{"work"}, Max: 500, WaitSeconds: 1})
	if errors.Is(err, api.ErrNotFound) || errors.Is(err, api.ErrConflict) {
		_, err = agent.Register(ctx, api.RegisterRequest{Name: "worker", Types: []string{"work"}, Capacity: 500})
	}
	if err != nil || len(claimed.Missions) == 0 {
		return err
	}
	done := make([]api.Completion, len(claimed.Missions))
	for i := range done {
		done[i].LeaseRef = api.LeaseRef{MissionID: claimed.Missions[i].ID, Lease: claimed.Missions[i].Lease}
	}
	request := struct {
		Results []api.Completion `json:"results"`
	}{done}
	return c.Do(ctx, api.AgentSubject(fmt.Sprintf("worker-%d", hand), api.AgentComplete), request, nil)
}
