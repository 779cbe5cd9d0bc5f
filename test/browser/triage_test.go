package browser

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// Lists show the first line of what a failed mission failed with, and a pending mission's
// page says why it waits.
func TestWhyAMissionFailedOrWaits(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.works(agent.Config{ID: "w", Name: "w", Types: []string{"t"}, Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		switch task.Mission.Name {
		case "fails":
			return nil, agent.Permanent(errors.New("the disk is full\nat block 7"))
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	s.post(`{"id":"f","name":"fails","type":"t"}`)
	s.awaitCounts(func(c *api.Status) bool { return c.FailedMissions == 1 })
	s.post(`{"id":"busy","name":"holds it","type":"t"}`)
	s.awaitCounts(func(c *api.Status) bool { return c.RunningMissions == 1 })
	s.post(`{"missions":[{"id":"p1","name":"first","type":"t"},{"id":"p2","name":"second","type":"t"},{"id":"p0","name":"sooner","type":"t","priority":"HIGH"},
		{"id":"none","name":"unwanted","type":"nobody"},{"id":"later","name":"later","type":"t","not_before":4000000000}]}`)
	b := openTab(t, s.HTTP, wide)
	b.open("missions", "Missions")
	b.awaitText("the disk is full")
	if eval[bool](b, `document.body.innerText.includes("at block 7")`) {
		t.Error("a list shows more than the first line of an error")
	}
	for _, c := range [][3]string{
		{"none", "No agent is online for its type", "“nobody”"},
		{"later", "Not due yet", "2096-10-02"},
		{"p2", "Agents online for it: 1.", "2 missions of its type will start before it."},
		{"p0", "Agents online for it: 1.", "It is the next of its type."},
	} {
		b.open("mission/"+c[0], s.mission(c[0]).Name)
		b.awaitText(c[1])
		b.awaitText(c[2])
	}
	if why := eval[string](b, `import(new URL("ui/waiting.js", document.baseURI)).then((w) => w.whyItWaits({next_attempt_at: Date.now() / 1000 + 90})).then((why) => why.title + ": " + why.text)`); !strings.Contains(why, "next attempt") || !strings.Contains(why, "due in 1 min") {
		t.Errorf("in its backoff it %s", why)
	}
	b.open("mission/f", "fails")
	b.awaitText("at block 7")
	if eval[bool](b, `!!document.querySelector(".waits")`) {
		t.Error("a failed mission waits")
	}
}

// Back leads to where one was: the same rows at once, the scroll, the focus and the
// selection.
func TestBackKeepsThePlace(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.batch("t", "number %d", 60, "")
	b := openTab(t, s.HTTP, wide)
	b.open("missions", "Missions")
	b.awaitText("number 60")
	b.press("Select number 20")
	b.press("Select number 22")
	b.awaitText("2 selected")
	b.press("number 21")
	b.await("its page", `document.querySelector("main h1")?.textContent.includes("number 21")`)
	if at := eval[float64](b, "scrollY"); at != 0 {
		t.Errorf("the mission's page is scrolled to %v", at)
	}
	eval[bool](b, "(history.back(), true)")
	b.await("the list", `document.querySelector("main h1")?.textContent === "Missions"`)
	b.awaitText("2 selected")
	b.await("the focus", `document.activeElement.textContent === "number 21"`)
	b.await("the row", `((r) => scrollY > 0 && r.top >= 0 && r.bottom <= innerHeight)(document.activeElement.getBoundingClientRect())`)
	b.open("missions?status=PENDING", "Missions")
	b.awaitText("number 60")
	b.awaitNoText("2 selected")
}

// New events do not move the row that somebody points at: they wait until they are asked
// for.
func TestRowsDoNotMoveUnderThePointer(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.batch("t", "old %d", 5, "")
	b := openTab(t, s.HTTP, wide)
	b.open("events?type=mission.created", "Events")
	b.awaitText("old 5 (t")
	at := eval[struct{ X, Y float64 }](b, `((r) => ({X: r.x + 20, Y: r.y + 5}))(document.querySelectorAll(".feed-row")[2].getBoundingClientRect())`)
	b.call("Input.dispatchMouseEvent", map[string]any{"type": "mouseMoved", "x": at.X, "y": at.Y}, nil)
	b.await("the pointer", `document.querySelectorAll(".feed-row")[2].matches(":hover")`)
	const under = `document.elementFromPoint(%v, %v).closest(".feed-row").textContent`
	before := eval[string](b, fmt.Sprintf(under, at.X, at.Y))
	s.batch("t", "new %d", 12, "")
	b.await("the button", control("12 new"))
	if after := eval[string](b, fmt.Sprintf(under, at.X, at.Y)); after != before {
		t.Errorf("under the pointer is %q now, before it was %q", after, before)
	}
	b.press("12 new")
	b.awaitText("new 12 (t")
}

// Figures are round, and the timeline says nothing of microseconds.
func TestFiguresAreRound(t *testing.T) {
	t.Parallel()
	s := start(t)
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	s.works(agent.Config{ID: "w", Name: "w", Types: []string{"t"}, Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		_ = task.Progress(100.0/3, "a third")
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return nil, ctx.Err()
	}})
	s.post(`{"id":"m","name":"thirds","type":"t"}`)
	b := openTab(t, s.HTTP, wide)
	for _, p := range [][2]string{{"missions", "Missions"}, {"mission/m", "thirds"}, {"agents", "Agents"}, {"events?type=mission.progressed", "Events"}} {
		b.open(p[0], p[1])
		b.awaitText("33 %")
		if text := eval[string](b, `document.body.innerText`); strings.Contains(text, "33.3") && p[1] != "Events" || strings.Contains(text, " µs") {
			t.Errorf("%s shows a figure that is not round:\n%s", p[0], text)
		}
	}
	for seconds, want := range map[string]string{"0": "0 s", "-3": "0 s", "0.0000004": "0 s", "0.00002": "20 µs", "0.5": "500 ms", "90": "1 min 30 s"} {
		if got := eval[string](b, `import(new URL("ui/format.js", document.baseURI)).then((f) => f.duration(`+seconds+`))`); got != want {
			t.Errorf("%s s are shown as %s, want %s", seconds, got, want)
		}
	}
}
