package browser

import (
	"fmt"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// busyQueues has missions of several types and keys wait: for agents, for limits, and for others.
func (s *supervisor) busyQueues() {
	s.t.Helper()
	ctx, two := s.t.Context(), int64(2)
	_, err := s.client().SetLimit(ctx, missions.LimitSpec{Name: "anthropic", PerKey: &two, Keys: map[string]missions.KeyLimit{"acme": {Paused: true}}})
	must(s.t, err)
	var specs []api.MissionSpec
	add := func(n int, spec api.MissionSpec) {
		for range n {
			spec.Name = fmt.Sprint(spec.Type, " ", len(specs))
			specs = append(specs, spec)
		}
	}
	for key, n := range map[string]int{"acme": 34, "globex": 21, "initech": 13, "umbrella": 6, "hooli": 3} {
		add(n, api.MissionSpec{Type: "code", Key: key, Limits: []string{"anthropic"}})
	}
	add(9, api.MissionSpec{Type: "code", After: []missions.Condition{asks("go", "Go on?")}})
	add(40, api.MissionSpec{Type: "transcode"})
	add(12, api.MissionSpec{Type: "train", Requires: map[string]string{"gpu": "h100"}})
	s.create(specs...)
	for i, types := range [][]string{{"code", "transcode"}, {"code"}} {
		agent := s.client().Agent(fmt.Sprint("w-", i))
		_, err := agent.Register(ctx, api.RegisterRequest{Name: fmt.Sprint("w-", i), Types: types, Capacity: 4})
		must(s.t, err)
		_, err = agent.Claim(ctx, api.ClaimRequest{Max: 3})
		must(s.t, err)
	}
}

// The queue is drawn by type and key, with who serves it, and follows what happens.
func TestTheQueue(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.open("queue", "Queue")
	b.awaitText("Nothing is pending")
	s.busyQueues()
	b.await("the queues", `document.querySelectorAll(".queue").length === 4`)
	b.await("the longest first", `document.querySelector(".queue").textContent.includes("limit anthropic")`)
	b.await("its keys", `document.querySelector(".queue-keys li.held")?.textContent === "acme 34"`)
	b.awaitText("No agent serves it")
	for suffix, l := range map[string]look{"": wide, "-dark": night, "-narrow": narrow} {
		b.as(l)
		b.settle()
		b.fits("queue"+suffix, l)
		b.audit("queue" + suffix)
		b.shoot("queue" + suffix)
	}
	b.as(wide)
	gpu := s.client().Agent("gpu")
	_, err := gpu.Register(t.Context(), api.RegisterRequest{Name: "gpu", Types: []string{"train"}, Capacity: 1, Labels: map[string]string{"gpu": "h100"}})
	must(t, err)
	b.awaitText("0 / 1 slots, 1 agent")
	eval[bool](b, `(document.querySelector(".queue-keys li.held a").click(), true)`)
	b.await("the missions of the key", `document.querySelector("main h1").textContent === "Missions" && location.hash.includes("key=acme")`)
	b.awaitText("34 missions")
}
