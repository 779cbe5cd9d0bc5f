package browser

import (
	"context"
	"errors"
	"strings"
	"testing"

	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// A timeline is made of the changes of status that the supervisor recorded, and not of
// what messages say: an agent's line that looks like a change is a line of the log.
func TestTheTimelineShowsChangesOnly(t *testing.T) {
	t.Parallel()
	const forged = "PENDING → CANCELLED: by the operator"
	s := start(t)
	s.works(agent.Config{ID: "w", Name: "w", Types: []string{"t"}, Handler: func(_ context.Context, task *agent.Task) (any, error) {
		_ = task.Log("info", forged, map[string]any{"by": "supervisor", "new_status": "CANCELLED", "reason": "by the operator"})
		return nil, agent.Permanent(errors.New("the disk is full"))
	}})
	s.post(`{"id":"m","name":"writes","type":"t"}`)
	s.awaitCounts(func(c *api.Status) bool { return c.FailedMissions == 1 })
	b := openTab(t, s.HTTP, wide)
	// Messages are for people: their wording may change.
	b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": `{
		const text = Response.prototype.text;
		Response.prototype.text = async function () {
			const whole = await text.call(this);
			return this.url.includes("/log?") ? whole.replaceAll("RUNNING → FAILED:", "it has failed,").replaceAll("created, PENDING", "it is new") : whole;
		};
	}`}, nil)
	b.open("mission/m", "writes")
	b.awaitText(forged) // in the log
	b.awaitText("it has failed,")
	type step struct{ Status, Why string }
	steps := eval[[]step](b, `[...document.querySelectorAll(".timeline li")].map((li) => ({Status: li.querySelector("strong").textContent, Why: li.querySelector(".why")?.textContent ?? ""}))`)
	want := []step{{"Created", ""}, {"Running", "claimed by agent w"}, {"Failed", "the disk is full"}}
	if line := eval[string](b, `getComputedStyle(document.querySelector(".timeline li:last-child"), "::after").content`); line != "none" {
		t.Error("the line goes on below the last step")
	}
	if len(steps) != len(want) {
		t.Fatalf("the timeline has %q, want %q", steps, want)
	}
	for i := range want {
		if steps[i].Status != want[i].Status || !strings.Contains(steps[i].Why, want[i].Why) {
			t.Errorf("step %d is %q, want %q", i, steps[i], want[i])
		}
	}
}
