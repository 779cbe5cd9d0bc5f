package browser

import (
	"testing"

	"missioncontrol/missions"
)

const (
	pausedBanner = `document.querySelector(".stopped")?.checkVisibility()`
	pausedTitle  = `document.title.startsWith("Paused · ") && document.querySelector("link[rel=icon]").href.endsWith("/ui/paused.svg")`
)

// Everything is paused with a word that is typed, not by accident. All pages of all tabs say so, also after a reload, until
// somebody resumes.
func TestEverythingIsPaused(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.post(`{"name":"waits"}`)
	b, other := openTab(t, s.HTTP, wide), openTab(t, s.HTTP, narrow)
	other.open("events", "Events")
	other.awaitText("Connected")
	b.open("overview", "Overview")
	b.press("Pause everything")
	b.awaitText("1 waits.")
	b.awaitText("A limit named “everything” is added")
	b.key("Enter")
	b.write("Type “pause” to confirm", "paus")
	b.key("Enter")
	b.settle()
	if b.offers("Pause everything") {
		t.Error("it can be pressed before the word is typed")
	}
	if list := s.limits(); len(list) != 0 {
		t.Fatalf("by accident: %+v", list)
	}
	b.audit("the dialog")
	b.shoot("pause")
	b.key("Escape")
	b.awaitNoText("Type “pause” to confirm")
	b.press("Pause everything")
	b.write("Type “pause” to confirm", "pause")
	b.key("Enter")
	b.await("the banner", pausedBanner)
	b.await("the title", pausedTitle)
	b.audit("paused")
	b.shoot("paused")
	is := s.limitNow("everything")
	if !is.Paused || is.Type != missions.AllTypes || is.Note == "" {
		t.Errorf("%+v", is)
	}
	other.await("the banner in another tab", pausedBanner)
	other.await("its title", pausedTitle)
	for _, page := range [][2]string{{"overview", "Overview"}, {"inbox", "Needs you"}, {"missions", "Missions"}, {"schedules", "Schedules"}, {"limits", "Limits"}, {"limits/everything", "everything"}, {"agents", "Agents"}, {"events", "Events"}, {"alerts", "Alerts"}, {"queries", "Queries"}, {"nowhere", "Not here"}} {
		other.open(page[0], page[1])
		if !eval[bool](other, pausedBanner) {
			t.Errorf("%s does not say that everything is paused", page[0])
		}
		if other.offers("Pause everything") {
			t.Errorf("%s offers to pause what is paused", page[0])
		}
		other.fits(page[0], narrow)
	}
	b.reload()
	b.await("the banner after a reload", pausedBanner)
	b.await("the title after a reload", pausedTitle)

	other.audit("paused, narrow")
	other.as(night)
	other.audit("paused, dark")
	other.as(narrow)
	other.press("Resume")
	other.awaitText("Resume everything?")
	other.key("Escape")
	other.awaitNoText("Resume everything?")
	if !s.limitNow("everything").Paused {
		t.Error("it is resumed by a key that closes the dialog")
	}
	other.pressTwice("Resume")
	other.await("the end", `!`+pausedBanner)
	b.await("the end in the other tab", `!`+pausedBanner+` && !document.title.startsWith("Paused") && document.querySelector("link[rel=icon]").href.endsWith("/ui/mark.svg")`)
	if is := s.limitNow("everything"); is.Paused || is.Type != missions.AllTypes {
		t.Errorf("%+v", is)
	}
}

// A limit of all missions that is there is the one that is paused, and keeps its settings. If there are several, it is
// said which; the banner names all that hold everything back.
func TestALimitOfAllMissionsIsPaused(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.limit(missions.LimitSpec{Name: "everything", Type: "code", Total: number(3)}) // it is not of all missions
	s.limit(missions.LimitSpec{Name: "queue", Type: missions.AllTypes, Total: number(9), Note: "kept"})
	b := openTab(t, s.HTTP, wide)
	b.open("limits", "Limits")
	b.awaitText("all missions")
	b.press("Pause queue") // of a row: it asks like the others
	b.awaitText("Limit “queue” is paused, and keeps its other settings.")
	b.write("Type “pause” to confirm", "pause")
	b.press("Pause everything")
	b.await("the banner", pausedBanner)
	if is := s.limitNow("queue"); !is.Paused || *is.Total != 9 || is.Note != "kept" {
		t.Errorf("%+v", is.LimitSpec)
	}
	if is := s.limitNow("everything"); is.Paused || is.Type != "code" {
		t.Errorf("%+v", is.LimitSpec)
	}
	s.limit(missions.LimitSpec{Name: "stop", Type: missions.AllTypes, Paused: true})
	b.await("both in the banner", `["Limit queue", "Limit stop"].every((name) => document.querySelector(".stopped").innerText.includes(name))`)
	b.press("Resume stop")
	b.awaitText("Everything stays paused by “queue”.")
	b.press("Resume")
	b.await("one in the banner", `!document.querySelector(".stopped").innerText.includes("Limit stop")`)
	b.open("limits/queue", "queue")
	b.press("Delete")
	b.awaitText("Everything is paused by this limit: missions start again at once.")
	b.press("Delete limit")
	b.await("the end", `!`+pausedBanner)
	b.press("Pause everything")
	b.awaitText("Limit “stop” is paused")
	s.limit(missions.LimitSpec{Name: "alpha", Type: missions.AllTypes})
	b.press("Close")
	b.await("the new one", `document.querySelector("tr[data-key=alpha]")`)
	b.press("Pause everything")
	b.awaitText("Limit “alpha”, one of 2 that apply to all missions, is paused")
}

// A tab notices without an event that everything is paused: when it is seen again, and when its supervisor comes back. While
// the supervisor is away, it says what it knew.
func TestAPauseIsNoticedWithoutAnEvent(t *testing.T) {
	t.Parallel()
	first := start(t)
	address := first.HTTP
	b := openTab(t, address, wide)
	b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": `
		delete window.SharedWorker;
		const real = window.EventSource;
		window.EventSource = class extends real {
			addEventListener(name, handle) { if (!/\.(message|connected|gap)$/.test(name)) super.addEventListener(name, handle); }
		};`}, nil)
	b.open("overview", "Overview")
	b.awaitText("Connected")
	first.limit(missions.LimitSpec{Name: "stop", Type: missions.AllTypes, Paused: true})
	b.await("the banner when it is seen again", `(document.dispatchEvent(new Event("visibilitychange")), `+pausedBanner+`)`)
	first.Kill()
	b.awaitText("The supervisor does not answer")
	if !eval[bool](b, pausedBanner) {
		t.Error("the banner is gone with the supervisor")
	}
	start(t, "--http", address[len("http://"):]) // another one, where nothing is paused
	b.await("the end", `!`+pausedBanner)
}
