// Command outside is a program of somebody else: a module of its own that imports Mission
// Control's packages for agents and clients as README.md says. It works on a mission that it
// creates itself:
//
//	go run . nats://127.0.0.1:4222
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: outside URL-OF-THE-BROKER")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	result, err := run(ctx, os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "outside:", err)
		os.Exit(1)
	}
	fmt.Println(result)
}

// run creates a mission, works on it, and returns its result.
func run(ctx context.Context, url string) (string, error) {
	nc, err := agent.Dial(url, "outside")
	if err != nil {
		return "", err
	}
	defer nc.Close()
	working, drain := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- agent.Run(working, nc, agent.Config{ID: "outside", Types: []string{"sum"}, Handler: sum})
	}()
	result, err := ask(ctx, client.New(nc))
	drain()
	return result, errors.Join(err, <-ended)
}

// ask creates a mission and returns its result.
func ask(ctx context.Context, c *client.Client) (string, error) {
	m, _, err := c.Create(ctx, api.MissionSpec{Name: "add up", Type: "sum", Data: []byte(`{"numbers":[1,2,39]}`)})
	if errors.Is(err, api.ErrInvalid) {
		return "", fmt.Errorf("this program is wrong: %w", err)
	}
	if err == nil {
		m, err = c.Wait(ctx, m.ID)
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprint(m.Status, " ", string(m.Result)), nil
}

// sum works on a mission.
func sum(_ context.Context, t *agent.Task) (any, error) {
	var data struct{ Numbers []int }
	if err := json.Unmarshal(t.Mission.Data, &data); err != nil {
		return nil, agent.Permanent(err)
	}
	total := 0
	for _, n := range data.Numbers {
		total += n
	}
	return total, t.Progress(100, "added up")
}
