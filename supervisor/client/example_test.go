package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/test/alone"
)

// brokerURL is where the examples find a supervisor, such as nats://127.0.0.1:4222. An agent
// there works on missions of type greet.
var brokerURL string

// A program that creates a mission and waits for its result.
func Example() {
	nc, err := nats.Connect(brokerURL, nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	c := client.New(nc, client.Name("greeter"))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	spec := api.MissionSpec{ID: "greet-ada", Name: "greet Ada", Type: "greet", Data: []byte(`{"name":"Ada"}`)}
	_, created, err := c.Create(ctx, spec)
	if err != nil {
		log.Fatal(err)
	}
	m, err := c.Wait(ctx, "greet-ada")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(created, m.Status, string(m.Result))

	// The same mission again is the one that is there, so a create can be sent again.
	m, created, err = c.Create(ctx, spec)
	fmt.Println(created, m.Status, err)
	// Output:
	// true COMPLETED "Hello, Ada!"
	// false COMPLETED <nil>
}

// The missions of a type that have completed, page by page.
func ExampleClient_List() {
	nc, c := connected()
	defer nc.Close()
	ctx := context.Background()
	for i := range 3 {
		if _, _, err := c.Create(ctx, api.MissionSpec{Name: fmt.Sprint("number ", i), Type: "counted"}); err != nil {
			log.Fatal(err)
		}
	}

	request := api.ListRequest{Type: "counted", Status: missions.Pending, Limit: 2}
	for {
		page, err := c.List(ctx, request)
		if err != nil {
			log.Fatal(err)
		}
		for _, m := range page.Missions {
			fmt.Println(m.Name)
		}
		if request.Cursor = page.NextCursor; request.Cursor == 0 {
			break
		}
	}
	// Output:
	// number 2
	// number 1
	// number 0
}

// A program that watches what happens. It subscribes to the subjects of the events; one that
// must not miss any takes a consumer of the stream EVENTS instead.
func Example_watch() {
	nc, c := connected()
	defer nc.Close()
	events, err := nc.SubscribeSync("events.mission.status_changed")
	if err != nil {
		log.Fatal(err)
	}
	if _, _, err := c.Create(context.Background(), api.MissionSpec{ID: "watched", Name: "watched", Type: "greet"}); err != nil {
		log.Fatal(err)
	}

	for status := missions.Pending; status != missions.Completed; {
		msg, err := events.NextMsg(time.Minute)
		if err != nil {
			log.Fatal(err)
		}
		var event struct {
			Target  string `json:"target"`
			Payload struct {
				NewStatus missions.Status `json:"new_status"`
			} `json:"payload"`
		}
		if err := json.Unmarshal(msg.Data, &event); err != nil {
			log.Fatal(err)
		}
		if event.Target == "mission_watched" {
			status = event.Payload.NewStatus
			fmt.Println(status)
		}
	}
	// Output:
	// RUNNING
	// COMPLETED
}

func connected() (*nats.Conn, *client.Client) {
	nc, err := nats.Connect(brokerURL)
	if err != nil {
		log.Fatal(err)
	}
	return nc, client.New(nc)
}

// TestMain runs the supervisor and the agent of the examples.
func TestMain(m *testing.M) {
	ctx, stop := context.WithCancel(context.Background())
	s, err := alone.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	brokerURL = s.URL
	ended := make(chan error, 1)
	go func() {
		ended <- agent.ConnectAndRun(ctx, s.URL, agent.Config{ID: "greeter", Types: []string{"greet"},
			Handler: func(_ context.Context, t *agent.Task) (any, error) {
				var data struct{ Name string }
				if err := json.Unmarshal(t.Mission.Data, &data); err != nil {
					return nil, agent.Permanent(err)
				}
				return "Hello, " + data.Name + "!", nil
			}})
	}()
	code := m.Run()
	stop()
	if err := <-ended; err != nil {
		log.Fatal(err)
	}
	if err := s.Stop(); err != nil {
		log.Fatal(err)
	}
	os.Exit(code)
}
