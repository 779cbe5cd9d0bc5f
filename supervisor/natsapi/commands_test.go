package natsapi_test

import (
	"log/slog"
	"testing"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/natsapi"
)

// What one supervisor pushes reaches the others, and itself once, with the agent it is for.
// What another client publishes on such a subject is ignored if it is not a command.
func TestCommandsOverTheBroker(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	type received struct {
		agentID string
		command api.Command
	}
	var got []chan received
	var all []*natsapi.Commands
	for range 2 {
		to := make(chan received, 10)
		c := natsapi.NewCommands(r.connect(), slog.New(slog.DiscardHandler))
		stop := c.Receive(t.Context(), func(agentID string, command api.Command) { to <- received{agentID, command} })
		defer stop()
		got, all = append(got, to), append(all, c)
	}
	must(t, r.nc.Publish(api.CommandsSubject("w1"), []byte("not JSON")))
	must(t, r.nc.Flush())
	for i, want := range []received{
		{"w1", api.Command{Command: api.CommandCancel, MissionID: "m1"}},
		{"w2", api.Command{Command: api.CommandSignal, MissionID: "m2", Seq: 3}},
	} {
		if !all[0].Push(want.agentID, want.command) {
			t.Error("it says that the broker does not have it")
		}
		for who := range got {
			if command := <-got[who]; command != want {
				t.Errorf("%d: supervisor %d received %+v, want %+v", i, who, command, want)
			}
		}
	}
	nc := r.connect()
	nc.Close()
	if natsapi.NewCommands(nc, slog.New(slog.DiscardHandler)).Push("w1", api.Command{Command: api.CommandCancel}) {
		t.Error("a closed connection has a command")
	}
}
