//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// The program in docs/examples/deploy.sh builds, asks, waits for the answer, and goes on where
// it was.
func TestTheExampleForAgentRun(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	program, err := filepath.Abs("../../docs/examples/deploy.sh")
	must(t, err)
	// The signal is there before the mission runs, so that the program sees it in its first turn.
	b.create(t, api.MissionSpec{ID: "m1", Data: json.RawMessage(`{"target":"shop","parts":3}`)})
	b.signal(t, "m1", "channel", `"beta"`)
	c := b.start(t, "agent", "run", "--type", "t", "--id", "w1", "--", program)
	c.err.await(t, "Agent w1 works on", 1)
	b.create(t, api.MissionSpec{ID: "m2", Data: json.RawMessage(`{"target":"shop","parts":3}`)})
	for id, answer := range map[string]string{"m1": "yes", "m2": "no"} {
		m := b.waiting(t, id)
		prompt, checkpoint, result := "Deploy shop to beta?", `{"built":3,"approved":"","channel":"beta"}`, `{"deployed":"shop","channel":"beta"}`
		if id == "m2" {
			prompt, checkpoint, result = "Deploy shop to stable?", `{"built":3,"approved":"","channel":"stable"}`, `{"deployed":null}`
		}
		equal(t, "prompt", m.WaitingFor[0].Prompt, prompt)
		equal(t, "checkpoint", string(m.Checkpoint), checkpoint)
		equal(t, "usage", fmt.Sprint(m.Flow.Usage), "map[parts:3 usd:0.03]")
		b.signal(t, id, "approved", `"`+answer+`"`)
		m = b.ended(t, id)
		equal(t, "status", string(m.Status)+string(m.Error), string(missions.Completed))
		equal(t, "result", string(m.Result), result)
		equal(t, "attempts", m.Attempt, 1)
		equal(t, "usage after the answer", fmt.Sprint(m.Flow.Usage), "map[parts:3 usd:0.03]")
		equal(t, "log", strings.Join(b.logOf(t, id), "\n"), "info turn 2: 3 of 3 parts are built")
	}
}
