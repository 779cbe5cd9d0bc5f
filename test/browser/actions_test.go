package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// A mission is created, found, worked on while the page is open, cancelled, retried
// and deleted, with the mouse and with the keyboard.
func TestTheLifeOfAMission(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.open("missions", "Missions")
	b.awaitText("No missions yet")

	b.press("New mission")
	b.press("Create mission")
	b.awaitText("name is required")
	b.write("Name", "polish the mirror")
	b.write("Type", "polish")
	b.write("Tags, separated by commas", "optics, urgent")
	b.write("Data, a JSON object", `{"diameter":`)
	b.press("Create mission")
	b.awaitText("The data is not JSON")
	if wrong := eval[string](b, `[...document.querySelectorAll("[aria-invalid]")].map((e) => e.name).join()`); wrong != "data" {
		t.Errorf("the fields %s are marked as wrong", wrong)
	}
	b.write("Data, a JSON object", `{"diameter":8.2}`)
	b.press("Create mission")
	b.await("its page", `document.querySelector("main h1")?.textContent.includes("polish the mirror")`)
	id := strings.TrimPrefix(b.address(), "/mission/")
	if m := s.mission(id); m.Type != "polish" || string(m.Data) != `{"diameter":8.2}` || fmt.Sprint(m.Tags) != "[optics urgent]" {
		t.Fatalf("%+v", m)
	}

	step := make(chan struct{})
	s.works(agent.Config{ID: "polisher", Name: "polisher", Types: []string{"polish"}, Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		for _, percent := range []float64{25, 75} {
			select {
			case <-step:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			_ = task.Progress(percent, fmt.Sprintf("%v of the surface", percent))
			_ = task.Log("info", fmt.Sprintf("grit for %v", percent), nil)
		}
		select {
		case <-step:
		case <-ctx.Done():
		}
		return map[string]any{"smooth": true}, ctx.Err()
	}})
	b.awaitText("claimed by agent polisher")
	step <- struct{}{}
	b.awaitText("25 %")
	b.awaitText("grit for 25")
	step <- struct{}{}
	b.awaitText("75 of the surface")
	b.key("c") // cancel, with the keyboard
	b.write("Reason, for the log", "scratched")
	b.key("Enter")
	b.awaitText("Cancelled")
	b.awaitText("scratched")
	if m := s.mission(id); m.Status != missions.Cancelled {
		t.Errorf("it is %s", m.Status)
	}
	b.press("Retry")
	b.press("Retry mission")
	step <- struct{}{}
	step <- struct{}{}
	step <- struct{}{}
	b.awaitText(`"smooth": true`)
	b.press("Delete")
	b.press("Delete mission")
	b.await("the list", `location.hash === "#/missions"`)
	b.awaitText("No missions yet")
	if _, err := s.client().Get(t.Context(), id); err == nil {
		t.Error("it is still there")
	}
}

// Many missions are cancelled, retried and deleted at once, and refusals are shown.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.batch("t", "number %d", 60, "")
	b := openTab(t, s.HTTP, wide)
	b.open("missions", "Missions")
	b.awaitText("number 60")
	b.press("Select all on this page")
	b.awaitText("50 selected")
	b.press("Cancel 50")
	b.press("Cancel 50 missions")
	b.awaitMessage("50 missions cancelled.")
	s.awaitCounts(func(c *api.Status) bool { return c.CancelledMissions == 50 && c.PendingMissions == 10 })
	b.awaitNoText("50 selected")
	b.awaitNoText("Pending\tnumber")
	b.press("Select all on this page")
	b.press("Retry 50")
	b.press("Retry 50 missions")
	s.awaitCounts(func(c *api.Status) bool { return c.PendingMissions == 60 })
	b.awaitNoText("50 selected")
	b.press("Older")
	b.awaitText("number 10")
	b.awaitNoText("number 60")
	b.press("Select number 3")
	b.press("Delete 1")
	b.press("Delete mission")
	s.awaitCounts(func(c *api.Status) bool { return c.TotalMissions == 59 })
	b.awaitNoText("number 3\n")
}

// Filters are part of the address, and work when it is opened.
func TestFilters(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.batch("bake", "cake %d", 3, `,"tags":["sweet"]`)
	s.batch("cook", "soup %d", 3, "")
	b := openTab(t, s.HTTP, wide)
	b.open("missions", "Missions")
	b.awaitText("soup 3")
	b.key("/")
	b.call("Input.insertText", map[string]any{"text": "CAKE"}, nil)
	b.awaitNoText("soup 3")
	b.awaitText("cake 3")
	if got := b.address(); got != "/missions?text=CAKE" {
		t.Errorf("the address is %s", got)
	}
	b.press("Completed")
	b.awaitText("Nothing matches")
	b.press("Clear filters")
	b.awaitText("soup 3")
	b.press("sweet")
	b.awaitNoText("soup 3")
	if got := b.address(); got != "/missions?tag=sweet" {
		t.Errorf("the address is %s", got)
	}
	b.open("missions?type=cook&status=PENDING", "Missions")
	b.awaitText("soup 1")
	b.awaitNoText("cake")
	b.open("missions?type=not%20a%20type", "Missions")
	b.awaitText("This cannot be shown")
}

// Names, logs, errors and results are untrusted. The page shows them only as text.
func TestHostileText(t *testing.T) {
	t.Parallel()
	const evil = `<img src=x onerror=alert(1)><script>document.title='gone'</script>"'&{{7*7}}`
	s := start(t)
	s.works(agent.Config{ID: "evil", Name: evil, Types: []string{"evil"}, Role: evil, Host: evil, Version: evil, Handler: func(_ context.Context, task *agent.Task) (any, error) {
		_ = task.Log("info", evil, map[string]any{evil: evil})
		_ = task.Progress(1, evil)
		if strings.HasSuffix(task.Mission.Name, "2") {
			return nil, agent.Permanent(fmt.Errorf("%s", evil))
		}
		return map[string]any{evil: evil}, nil
	}})
	s.batch("evil", strings.ReplaceAll(evil, "%", "%%")+" %d", 2, `,"description":"<u>underlined</u>"`)
	s.awaitCounts(func(c *api.Status) bool { return c.CompletedMissions == 1 && c.FailedMissions == 1 })
	list, err := s.client().List(t.Context(), api.ListRequest{})
	must(t, err)
	b := openTab(t, s.HTTP, wide)
	for _, p := range []struct{ where, heading string }{
		{"missions", "Missions"}, {"agents", "Agents"}, {"events", "Events"},
		{"mission/" + list.Missions[0].ID, "<script>"}, {"mission/" + list.Missions[1].ID, "<script>"},
		{"missions?text=%3Cscript%3E", "Missions"}, {"mission/%3Cscript%3E", "Mission"},
	} {
		b.open(p.where, p.heading)
		if !strings.HasPrefix(p.where, "mission/%") {
			b.awaitText("<script>")
		}
		b.settle()
		if n := eval[int](b, `document.querySelectorAll("main img, main script, main u").length`); n > 0 && !strings.Contains(p.where, "x") {
			t.Errorf("%s: %d elements that nobody made", p.where, n)
		}
	}
}

// Everything can be reached without a mouse.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.batch("t", "number %d", 3, "")
	b := openTab(t, s.HTTP, wide)
	b.open("overview", "Overview")
	for _, p := range [][2]string{{"m", "Missions"}, {"s", "Schedules"}, {"c", "Limits"}, {"a", "Agents"}, {"e", "Events"}, {"l", "Alerts"}, {"q", "Queries"}, {"o", "Overview"}, {"i", "Needs you"}, {"m", "Missions"}} {
		b.key("g")
		b.key(p[0])
		b.await(p[1], "document.querySelector('main h1')?.textContent === "+quote(p[1]))
	}
	b.awaitText("number 3")
	b.key("j")
	b.key("j")
	b.await("the focus", `document.activeElement.textContent === "number 2"`)
	if style := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`); style != "solid" {
		t.Errorf("the focus is not seen: %s", style)
	}
	b.key("x")
	b.awaitText("1 selected")
	b.key("?")
	b.awaitText("Go to Overview")
	if n := eval[int](b, `document.querySelectorAll("dialog button").length`); n != 1 {
		t.Errorf("the list of shortcuts has %d buttons", n)
	}
	b.key("Escape")
	b.awaitNoText("Go to Overview")
	b.key("t")
	b.await("the light theme", `document.querySelector("[aria-label='Theme: light']")`)
	b.key("t")
	b.await("the dark theme", `document.documentElement.dataset.theme === "dark"`)
	b.key("n")
	b.awaitText("New mission")
}

// All missions that match a filter are changed, also those on other pages.
func TestAllThatMatch(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.batch("t", "number %d", 120, "")
	s.batch("u", "other %d", 3, "")
	b := openTab(t, s.HTTP, wide)
	b.open("missions?type=t", "Missions")
	b.awaitText("number 120")
	b.press("Select number 120")
	b.awaitText("1 selected")
	b.awaitNoText("All that match")
	b.press("Select all on this page")
	b.awaitText("50 selected")
	b.press("All that match")
	b.press("Cancel all")
	b.awaitText("Cancel 120 missions?")
	b.press("Close")
	b.awaitNoText("Cancel 120 missions?")
	s.awaitCounts(func(c *api.Status) bool { return c.PendingMissions == 123 })
	b.press("Cancel all")
	b.write("Reason, for the log", "not needed")
	b.press("Cancel 120 missions")
	b.awaitMessage("120 missions cancelled.")
	s.awaitCounts(func(c *api.Status) bool { return c.CancelledMissions == 120 && c.PendingMissions == 3 })
	b.awaitNoText("All that match")

	b.open("missions?status=CANCELLED", "Missions")
	b.awaitText("number 120")
	b.press("Select all on this page")
	b.press("All that match")
	if disabled := eval[bool](b, `[...document.querySelectorAll(".bulk button")].find((e) => e.textContent === "Cancel all").disabled`); !disabled {
		t.Error("what is cancelled can be cancelled")
	}
	b.press("Retry all")
	b.press("Retry 120 missions")
	b.awaitMessage("120 missions requeued.")
	s.awaitCounts(func(c *api.Status) bool { return c.PendingMissions == 123 })
}

// A change of many goes on after requests that nobody answered, and can be stopped.
func TestAllThatMatchPageByPage(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.batch("t", "number %d", 60, "")
	b := openTab(t, s.HTTP, wide)
	b.open("missions", "Missions")
	b.awaitText("number 60")
	// The supervisor changes 60 missions at once: a page that has 20 shows what happens in between.
	eval[bool](b, `(() => { const ask = window.fetch; let asked = 0; window.hold = null; window.fetch = async (path, init) => {
		if (path !== "api/missions/bulk") return ask(path, init);
		const body = JSON.parse(init.body); body.limit = 20;
		if (!body.dry_run && ++asked === 2) throw new TypeError("nobody answers");
		if (!body.dry_run && asked === 4) await new Promise((done, stop) => { window.hold = done; init.signal.addEventListener("abort", () => stop(init.signal.reason)); });
		return ask(path, {...init, body: JSON.stringify(body)}); }; return true; })()`)
	b.press("Select all on this page")
	b.press("All that match")
	b.press("Delete all")
	b.press("Delete 60 missions")
	b.awaitText("40 of 60")
	b.await("the third page", "!!window.hold")
	b.press("Close")
	b.awaitMessage("40 missions deleted. Stopped.")
	s.awaitCounts(func(c *api.Status) bool { return c.TotalMissions == 20 })
}
