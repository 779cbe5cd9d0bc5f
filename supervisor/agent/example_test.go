package agent_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// brokerURL is where the examples find a supervisor, such as nats://127.0.0.1:4222.
var brokerURL string

// A worker. It registers, sends heartbeats, claims missions of its types, runs its handler
// for two of them at once, and drains when ctx ends.
func Example() {
	ctx, stop := context.WithCancel(context.Background()) // a program takes signal.NotifyContext
	ended := make(chan error, 1)
	go func() {
		ended <- agent.ConnectAndRun(ctx, brokerURL, agent.Config{
			ID:          "shouter-1",
			Types:       []string{"shout"},
			Concurrency: 2,
			Handler: func(ctx context.Context, t *agent.Task) (any, error) {
				if t.Mission.Name == "" {
					return nil, agent.Permanent(errors.New("nothing to shout")) // no retry
				}
				_ = t.Progress(50, "half of it") // what is only for people may be lost
				return map[string]string{"shouted": strings.ToUpper(t.Mission.Name)}, nil
			},
		})
	}()

	nc, err := agent.Dial(brokerURL, "caller") // any connection would do
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	c := client.New(nc)
	created, _, err := c.Create(ctx, api.MissionSpec{Name: "hello", Type: "shout"})
	if err != nil {
		log.Fatal(err)
	}
	m, err := c.Wait(ctx, created.ID)
	fmt.Println(m.Status, string(m.Result), err)

	stop()
	fmt.Println(<-ended)
	// Output:
	// COMPLETED {"shouted":"HELLO"} <nil>
	// <nil>
}

// A handler that asks a person. While the mission waits, it holds no lease and no slot, and
// its agent may end. The answer comes from the dashboard, from supervisor missions signal,
// or from any client.
func ExamplePark() {
	handler := func(_ context.Context, t *agent.Task) (any, error) {
		if t.Turn() == 1 {
			question := agent.AfterSignal("approved", "Deploy to production?", "yes", "no")
			return nil, agent.Park(question).For(24 * time.Hour)
		}
		if t.TimedOut() {
			return "nobody answered", nil
		}
		answer := <-t.Signals()
		return answer.Data, nil
	}
	m := run(handler, func(c *client.Client, id string) {
		answer := api.SignalRequest{ID: id, Name: "approved", Data: []byte(`"yes"`)}
		if _, err := c.Signal(context.Background(), answer); err != nil {
			log.Print(err)
		}
	})
	fmt.Println(m.Status, string(m.Result), m.Turn)
	// Output: COMPLETED "yes" 2
}

// A handler that goes on where the last turn stopped: the first turn fails after two of five
// steps, and the second one begins with the third.
func ExampleTask_Checkpoint() {
	handler := func(_ context.Context, t *agent.Task) (any, error) {
		var done struct{ Steps int }
		if _, err := t.Restore(&done); err != nil {
			return nil, err
		}
		for done.Steps < 5 {
			done.Steps++
			fmt.Println("turn", t.Turn(), "step", done.Steps)
			if err := t.Checkpoint(done); err != nil {
				return nil, err
			}
			if t.Turn() == 1 && done.Steps == 2 {
				return nil, agent.RetryAfter(errors.New("the network is down"), time.Millisecond)
			}
		}
		return done.Steps, nil
	}
	m := run(handler)
	fmt.Println(m.Status, string(m.Result))
	// Output:
	// turn 1 step 1
	// turn 1 step 2
	// turn 2 step 3
	// turn 2 step 4
	// turn 2 step 5
	// COMPLETED 5
}

// A handler that people can steer while it works.
func ExampleTask_Signals() {
	handler := func(ctx context.Context, t *agent.Task) (any, error) {
		colour := "grey"
		for {
			select {
			case s := <-t.Signals():
				switch s.Name {
				case "paint":
					colour = strings.Trim(string(s.Data), `"`)
				case "finish":
					return colour, nil
				}
			case <-ctx.Done(): // cancelled, the lease was lost, or the agent stops
				return nil, ctx.Err()
			}
		}
	}
	m := run(handler, func(c *client.Client, id string) {
		for _, s := range []api.SignalRequest{{ID: id, Name: "paint", Data: []byte(`"red"`)}, {ID: id, Name: "finish"}} {
			if _, err := c.Signal(context.Background(), s); err != nil {
				log.Print(err)
			}
		}
	})
	fmt.Println(m.Status, string(m.Result))
	// Output: COMPLETED "red"
}

// A handler that divides its work among children and waits for them without a lease and
// without a slot. Ids of its own keep it from creating them twice if it runs twice.
func ExampleTask_Create() {
	handler := func(ctx context.Context, t *agent.Task) (any, error) {
		if t.Mission.ParentID != "" { // a child
			return len(t.Mission.Name), nil
		}
		first, second := t.Mission.ID+"-1", t.Mission.ID+"-2"
		if t.Turn() == 1 {
			_, err := t.Create(ctx,
				api.MissionSpec{ID: first, Name: "one", Type: t.Mission.Type},
				api.MissionSpec{ID: second, Name: "three", Type: t.Mission.Type})
			if err != nil {
				return nil, err
			}
			return nil, agent.Park(agent.AfterMission(first), agent.AfterMission(second))
		}
		inputs := t.Inputs()
		return string(inputs[first].Result) + " and " + string(inputs[second].Result), nil
	}
	m := run(handler)
	fmt.Println(m.Status, string(m.Result))
	// Output: COMPLETED "3 and 5"
}

// A handler that says what it spends. Above the mission's max_usage, its context ends.
func ExampleTask_Usage() {
	handler := func(ctx context.Context, t *agent.Task) (any, error) {
		for _, price := range []float64{0.25, 0.5} {
			if err := t.Usage("usd", price); err != nil {
				return nil, err
			}
		}
		return nil, t.Usage("output_tokens", 1200)
	}
	m := run(handler)
	fmt.Println(m.Status, m.Usage["usd"], m.Usage["output_tokens"])
	// Output: COMPLETED 0.75 1200
}

// run runs an agent with a handler until a new mission has ended, and returns that. Once it
// is created, it calls others with its id.
func run(handler agent.Handler, others ...func(c *client.Client, id string)) missions.Mission {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	nc, err := agent.Dial(brokerURL, "example")
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	c := client.New(nc)
	created, _, err := c.Create(ctx, api.MissionSpec{Name: "example", Type: "example"})
	if err != nil {
		log.Fatal(err)
	}
	working, drain := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- agent.Run(working, nc, agent.Config{ID: "example", Types: []string{"example"}, Handler: handler})
	}()
	for _, other := range others {
		other(c, created.ID)
	}
	m, err := c.Wait(ctx, created.ID)
	drain()
	if err := errors.Join(err, <-ended); err != nil {
		log.Print(err)
	}
	return m
}
