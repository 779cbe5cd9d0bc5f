package browser

import (
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func (s *supervisor) schedule(spec missions.ScheduleSpec) api.Schedule {
	s.t.Helper()
	set, err := s.client().SetSchedule(s.t.Context(), spec)
	must(s.t, err)
	return set
}

// A schedule is added with a form that says when it would be due as one types, run, paused, resumed, changed and
// deleted, with the mouse and with the keyboard. What others do appears by itself.
func TestTheLifeOfASchedule(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.open("overview", "Overview")
	b.key("g")
	b.key("s")
	b.await("the page", `document.querySelector("main h1")?.textContent === "Schedules"`)
	b.awaitText("No schedules yet")
	b.key("n")
	b.awaitText("The next times appear here as you type.")
	b.write("Cron: minute, hour, day, month, weekday", "0 25 * * *")
	b.await("the error", `document.querySelector(".preview .form-error")?.textContent.includes("hour")`)
	b.write("Cron: minute, hour, day, month, weekday", "0 2 * * *")
	b.write("Time zone", "Asia/Kolkata")
	b.await("the next times", `document.querySelectorAll(".preview li").length === 5`)
	b.press("Add schedule")
	b.awaitText("The id is required.")
	b.write("Id", "nightly")
	b.press("Add schedule")
	b.awaitText("name is required")
	b.write("Name of its missions", "report")
	b.write("Data, a JSON object", `{"id":9007199254740993}`)
	b.press("Add schedule")
	b.awaitMessage("Schedule added.")
	b.awaitText("0 2 * * * Asia/Kolkata")
	is, err := s.client().Schedule(t.Context(), "nightly")
	must(t, err)
	if string(is.Mission.Data) != `{"id":9007199254740993}` || is.Mission.Overlaps() || is.CatchUp != missions.CatchUpLast {
		t.Errorf("%+v", is)
	}

	b.press("Run now nightly")
	b.awaitMessage(" created.")
	b.press("Run now nightly")
	b.awaitMessage("has not ended, so no other was created.")
	b.press("Pause nightly")
	b.await("the state", `document.querySelector("main .badge").textContent === "Paused"`)
	is, err = s.client().Schedule(t.Context(), "nightly")
	must(t, err)
	spec := is.ScheduleSpec
	spec.Paused = false
	s.schedule(spec) // somebody else
	b.await("what somebody else did", `document.querySelector("main .badge").textContent === "On"`)

	b.key("j")
	b.key("Enter")
	b.await("its page", `document.querySelector("main h1")?.textContent.startsWith("nightly")`)
	b.awaitText("Catches up")
	b.key("p")
	b.await("the pause", `document.querySelector("main h1 .badge").textContent === "Paused"`)
	b.press("Change")
	b.write("Name of its missions", "another report")
	b.press("Change schedule")
	b.awaitMessage("Schedule changed.")
	is, err = s.client().Schedule(t.Context(), "nightly")
	must(t, err)
	if is.Mission.Name != "another report" || !is.Paused || string(is.Mission.Data) != `{"id":9007199254740993}` || is.Cron != "0 2 * * *" {
		t.Errorf("%+v", is)
	}
	b.press("Delete")
	b.press("Delete schedule")
	b.awaitText("No schedules yet")
}

// The runs of a schedule stand on an axis and in a list, with what became of them, and what was missed.
func TestTheRunsOfASchedule(t *testing.T) {
	t.Parallel()
	s := start(t)
	begin := missions.At(time.Now().Add(5 * time.Second).Truncate(time.Second)) // after the schedule is there
	s.schedule(missions.ScheduleSpec{ID: "often", EverySeconds: 1, StartsAt: begin, EndsAt: begin.Add(2 * time.Second), Mission: missions.Template{Name: "look", Type: "t"}})
	s.schedule(missions.ScheduleSpec{ID: "poll", EverySeconds: 3600, Mission: missions.Template{Name: "poll", Type: "t"}})
	b := openTab(t, s.HTTP, wide)
	b.open("schedules", "Schedules")
	b.await("the next times", `document.querySelectorAll("tr:last-child .strip .next").length === 5`)
	b.await("the run", `document.querySelectorAll("tr:first-child .strip .run").length === 1`)
	b.await("the missed ones", `document.querySelectorAll("tr:first-child .strip .missed").length === 2`)
	b.awaitText("has not ended")
	b.await("its end", `document.querySelector("tbody tr:first-child .badge").textContent === "Ended"`)
	b.await("the alert", `document.querySelector(".firing a")?.getAttribute("href") === "#/schedules"`)
	b.open("mission/"+s.find("look"), "look")
	h := s.hands("w", "t")
	h.completes(h.take("t"), `1`)
	b.open("schedules/poll", "poll")
	b.await("the list", `document.querySelectorAll(".runs li").length >= 5`)
	b.audit("schedule")
	for _, l := range []look{wide, night, narrow} {
		c := openTab(t, s.HTTP, l)
		for _, page := range [][2]string{{"schedules", "Schedules"}, {"schedules/poll", "poll"}, {"schedules/never", "never"}} {
			c.open(page[0], page[1])
			c.settle()
			c.fits(page[0], l)
			if places := eval[string](c, `((all) => new Set(all.map((a) => a.offsetTop)).size > 3 ? all.map((a) => a.offsetWidth + "@" + a.offsetTop).join() : "")([...document.querySelectorAll(".nav a")])`); l == narrow && places != "" {
				t.Errorf("the navigation has more than three rows: %s", places)
			}
			c.audit(page[0])
		}
		c.awaitText("There is no such schedule")
	}
}

// A viewer sees schedules, is offered no change, and cannot make one.
func TestAViewerSeesSchedules(t *testing.T) {
	t.Parallel()
	tokens, secret := tokensFile(t, "viewer", "wall")
	s := start(t, "--tokens-file", tokens)
	s.schedule(missions.ScheduleSpec{ID: "nightly", Cron: "0 2 * * *", Mission: missions.Template{Name: "report"}})
	b := openTab(t, s.HTTP, wide)
	b.signIn("overview", secret)
	b.awaitText("view only")
	for _, page := range [][2]string{{"schedules", "Schedules"}, {"schedules/nightly", "nightly"}} {
		b.open(page[0], page[1])
		b.awaitText("0 2 * * * UTC")
		for _, name := range []string{"New schedule", "Run now nightly", "Pause nightly", "Run now", "Pause", "Change", "Delete"} {
			if b.offers(name) {
				t.Errorf("%s offers a viewer %q", page[0], name)
			}
		}
		for _, key := range []string{"n", "p", "r"} {
			b.key(key)
		}
		b.settle()
		if eval[bool](b, `!!document.querySelector("dialog")`) {
			t.Error("a shortcut offers a change")
		}
	}
	for path, method := range map[string]string{"schedules/nightly/trigger": "POST", "schedules/nightly": "PUT"} {
		status := eval[int](b, `fetch("api/`+path+`", {method: "`+method+`", headers: {"Content-Type": "application/json"}, body: "{}"}).then((r) => r.status)`)
		if status != 403 {
			t.Errorf("the supervisor answers a viewer's %s of %s with %d", method, path, status)
		}
	}
	is, err := s.client().Schedule(t.Context(), "nightly")
	must(t, err)
	if is.Paused {
		t.Errorf("%+v", is)
	}
}
