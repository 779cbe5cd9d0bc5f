package browser

import (
	"fmt"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func (s *supervisor) limit(spec missions.LimitSpec) missions.LimitStatus {
	s.t.Helper()
	set, err := s.client().SetLimit(s.t.Context(), spec)
	must(s.t, err)
	return set
}

func (s *supervisor) limitNow(name string) missions.LimitStatus {
	s.t.Helper()
	l, err := s.client().Limit(s.t.Context(), name)
	must(s.t, err)
	return l
}

func (s *supervisor) limits() []missions.LimitStatus {
	s.t.Helper()
	list, err := s.client().Limits(s.t.Context(), api.LimitsRequest{})
	must(s.t, err)
	return list.Limits
}

func number(n int64) *int64 { return &n }

// capacity adds limits in all states to a supervisor, and missions with keys under them.
func (s *supervisor) capacity() {
	s.t.Helper()
	s.limit(missions.LimitSpec{Name: "anthropic", Total: number(8), PerKey: number(3), Rate: &missions.Rate{Count: 600, PerSeconds: 60}, Budget: &missions.Budget{Unit: "usd", Amount: 50, PerSeconds: 366 * 24 * 3600},
		Keys: map[string]missions.KeyLimit{"tenant-7": {PerKey: number(6), Weight: 4}, "tenant-9": {Paused: true}}, Note: "Contract 2026, renewed in May."})
	s.limit(missions.LimitSpec{Name: "chat", Type: "chat", Total: number(6)})
	s.limit(missions.LimitSpec{Name: "exports", Type: "export", Paused: true, Note: "Until the new disks are in."})
	s.limit(missions.LimitSpec{Name: "mail", Rate: &missions.Rate{Count: 2, PerSeconds: 86400}})
	s.limit(missions.LimitSpec{Name: "queue", Type: missions.AllTypes, MaxPendingPerKey: number(10_000)})
	s.limit(missions.LimitSpec{Name: "vendor", Note: "Tells us to wait from time to time."})
	var specs []api.MissionSpec
	for _, each := range []struct {
		key string
		n   int
	}{{"tenant-7", 9}, {"tenant-3", 4}, {"tenant-9", 2}} {
		for i := range each.n {
			specs = append(specs, api.MissionSpec{Name: fmt.Sprint("Chat ", i+1, " of ", each.key), Type: "chat", Key: each.key, Limits: []string{"anthropic"}})
		}
	}
	specs = append(specs, api.MissionSpec{ID: "march", Name: "Export of March", Type: "export"}, api.MissionSpec{Name: "Ask the vendor", Type: "ask", Limits: []string{"vendor"}})
	for i := range 3 {
		specs = append(specs, api.MissionSpec{Name: fmt.Sprint("Letter ", i+1), Type: "letter", Limits: []string{"mail"}})
	}
	s.create(specs...)
	h := s.hands("talker-1", "chat", "letter")
	for range 6 {
		h.spends(h.take("chat"), 10, "thinks", api.Report{Usage: missions.Usage{"usd": 7.1}})
	}
	for range 2 {
		h.take("letter")
	}
	h = s.hands("clerk-1", "ask", "export")
	lease, hour := h.take("ask"), 3600.0
	h.drop(lease)
	must(s.t, h.agent.Fail(s.t.Context(), api.Failure{LeaseRef: lease, Error: "429 Too Many Requests", RetryAfterSeconds: &hour, Limit: "vendor"}))
}

// A limit is added with a form, paused, resumed, changed and deleted, with the mouse and with the keyboard. What others do
// appears by itself.
func TestTheLifeOfALimit(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.open("overview", "Overview")
	b.key("g")
	b.key("c")
	b.await("the page", `document.querySelector("main h1")?.textContent === "Limits"`)
	b.awaitText("No limits yet")
	b.key("n")
	b.press("Add limit")
	b.awaitText("The name is required.")
	b.write("Name", "no spaces")
	b.press("Add limit")
	b.awaitText("may contain only letters")
	b.awaitInvalid("name")
	b.write("Name", "anthropic")
	b.write("Running at once", "5")
	b.write("Running at once, each key", "0")
	b.press("Add limit")
	b.awaitText("to stop everything, use paused")
	b.awaitInvalid("per_key")
	b.write("Running at once, each key", "3")
	b.write("Starts", "60")
	b.press("Add limit")
	b.awaitInvalid("rate.per_seconds")
	b.write("Starts within (s)", "60")
	b.write("Budget", "12.5")
	b.write("Unit of the budget", "USD")
	b.write("Window of the budget (s)", "86400")
	b.press("Add limit")
	b.awaitInvalid("budget.unit")
	b.write("Unit of the budget", "usd")
	b.write("Keys with settings of their own, one a line", "tenant-7: weight=5000")
	b.press("Add limit")
	b.awaitInvalid("keys")
	b.write("Keys with settings of their own, one a line", "user:7: per-key=2, weight=4\ntenant-9: paused")
	b.write("Note", "contract")
	b.press("Add limit")
	b.awaitMessage("Limit added.")
	b.awaitText("missions that name it")
	is := s.limitNow("anthropic")
	if *is.Total != 5 || *is.PerKey != 3 || *is.Rate != (missions.Rate{Count: 60, PerSeconds: 60}) || *is.Budget != (missions.Budget{Unit: "usd", Amount: 12.5, PerSeconds: 86400}) ||
		*is.Keys["user:7"].PerKey != 2 || is.Keys["user:7"].Weight != 4 || !is.Keys["tenant-9"].Paused || is.Note != "contract" {
		t.Errorf("%+v", is.LimitSpec)
	}

	b.press("Pause anthropic")
	b.await("the pause", `document.querySelector("main .badge")?.textContent === "Paused"`)
	spec := s.limitNow("anthropic").LimitSpec
	spec.Paused = false
	s.limit(spec) // somebody else
	b.await("what somebody else did", `document.querySelector("main .badge")?.textContent === "Open"`)
	b.key("j")
	b.await("the focus", `document.activeElement.textContent === "anthropic"`)
	b.key("p")
	b.await("the pause", `document.querySelector("main .badge")?.textContent === "Paused"`)
	b.await("the focus, still", `document.activeElement.textContent === "anthropic"`)
	b.key("Enter")
	b.await("its page", `document.querySelector("main h1")?.textContent.startsWith("anthropic")`)
	b.await("the pause", `document.querySelector("main h1 .badge")?.textContent === "Paused"`)
	b.key("p")
	b.await("the end of the pause", `document.querySelector("main h1 .badge").textContent === "Open"`)
	b.press("Change")
	b.write("Running at once", "")
	b.write("Note", "another")
	b.press("Change limit")
	b.awaitMessage("Limit changed.")
	is = s.limitNow("anthropic")
	if is.Total != nil || is.Note != "another" || *is.PerKey != 3 || *is.Keys["user:7"].PerKey != 2 || is.Paused {
		t.Errorf("%+v", is.LimitSpec)
	}
	b.press("Delete")
	b.press("Delete limit")
	b.awaitText("No limits yet")
}

// awaitInvalid waits until one field alone is marked as wrong.
func (b *tab) awaitInvalid(name string) {
	b.t.Helper()
	b.await("the wrong field "+name, `[...document.querySelectorAll("[aria-invalid]")].map((e) => e.name).join() === `+quote(name))
}

// The page of a limit says what it counts, and changes its keys.
func TestTheKeysOfALimit(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.capacity()
	b := openTab(t, s.HTTP, wide)
	b.open("limits", "Limits")
	const cell = `document.querySelector("tr[data-key=%s] td:nth-child(%d)")?.innerText.trim()`
	for _, c := range []struct {
		name string
		at   int
		want string
	}{{"anthropic", 1, "Open"}, {"anthropic", 3, "6 / 8"}, {"chat", 1, "Full: total"}, {"chat", 3, "6 / 6"}, {"chat", 4, "9"}, {"exports", 1, "Paused"}, {"mail", 1, "Full: rate"}, {"queue", 1, "Open"}, {"vendor", 1, "Told to wait"}} {
		b.await(fmt.Sprint(c), fmt.Sprintf(cell, c.name, c.at)+`?.split("\n")[0] === `+quote(c.want))
	}
	b.await("the list of what waits", `document.querySelector("tr[data-key=chat] td:nth-child(4) a").getAttribute("href") === "#/missions?waiting=limit&type=chat"`)

	b.await("when it opens", fmt.Sprintf(cell, "vendor", 1)+`.includes("opens in ")`)

	b.open("mission/march", "Export of March")
	b.awaitText("Held by limit “exports”")
	b.press("Limit exports")
	b.awaitText("Paused: no mission starts.")
	b.open("limits", "Limits")
	b.press("anthropic")
	b.await("its page", `document.querySelector("main h1")?.textContent.startsWith("anthropic")`)
	const key = `document.querySelector("tr[data-key=%s]")?.innerText.replace(/\s+/g, " ")`
	b.await("what each key has", fmt.Sprintf(key, "tenant-9")+`?.includes("Paused tenant-9 0 / 3 1")`)
	b.awaitText("42.6 / 50 usd")
	b.press("Pause key tenant-3")
	b.await("the pause of a key", fmt.Sprintf(key, "tenant-3")+`?.startsWith("Paused")`)
	b.press("Resume key tenant-9")
	b.await("the end of a pause", fmt.Sprintf(key, "tenant-9")+`?.includes("Open tenant-9") || !`+fmt.Sprintf(key, "tenant-9"))
	b.press("Change key tenant-7")
	b.write("Running at once", "4")
	b.write("Weight: turns while another key has one", "0.0001")
	b.press("Change key")
	b.awaitText("must be between 0.001 and 1000")
	b.awaitInvalid("weight")
	b.write("Weight: turns while another key has one", "2.5")
	b.press("Change key")
	b.awaitMessage("Key “tenant-7” is set.")
	b.await("the bound of the key", fmt.Sprintf(key, "tenant-7")+`?.includes("/ 4 2.5")`)
	b.press("Set a key")
	b.write("Key", "data") // a name that replies have for what programs write
	b.write("Running at once", "1")
	b.press("Set key")
	b.await("the new key", fmt.Sprintf(key, "data")+`?.includes("0 / 1 1")`)
	is := s.limitNow("anthropic").Keys
	if *is["tenant-7"].PerKey != 4 || is["tenant-7"].Weight != 2.5 || !is["tenant-3"].Paused || is["tenant-9"].Paused || *is["data"].PerKey != 1 {
		t.Errorf("%+v", is)
	}

	// Of a key that somebody else changes meanwhile, nothing is overwritten.
	b.press("Change key tenant-7")
	b.write("Running at once", "9")
	spec := s.limitNow("anthropic").LimitSpec
	spec.Keys["tenant-7"] = missions.KeyLimit{Paused: true}
	s.limit(spec)
	b.press("Change key")
	b.awaitText("somebody has changed this key meanwhile")
	if !s.limitNow("anthropic").Keys["tenant-7"].Paused {
		t.Error("what somebody else did is lost")
	}
	b.press("Close")
	b.open("limits/never", "never")
	b.awaitText("There is no such limit")
	b.press("Add limit never")
	b.await("its name", `document.querySelector("dialog input[name=name]").value === "never"`)
}

// Two people who change a limit at once do not overwrite each other, and are told so.
func TestTwoPeopleChangeALimit(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.limit(missions.LimitSpec{Name: "code", Type: "code", Total: number(4)})
	first, second := openTab(t, s.HTTP, wide), openTab(t, s.HTTP, wide)
	for _, b := range []*tab{first, second} {
		b.open("limits/code", "code")
		b.press("Change")
	}
	first.write("Running at once", "5")
	second.write("Note", "mine")
	first.press("Change limit")
	first.awaitMessage("Limit changed.")
	second.press("Change limit")
	second.awaitText("Nothing is saved")
	second.awaitText("It was changed by dashboard")
	if is := s.limitNow("code"); *is.Total != 5 || is.Note != "" {
		t.Errorf("%+v", is.LimitSpec)
	}
	second.press("Close")
	second.press("Change")
	second.await("what it says now", `document.querySelector("dialog input[name=total]").value === "5"`)
	second.write("Note", "mine")
	second.press("Change limit")
	second.awaitMessage("Limit changed.")
	if is := s.limitNow("code"); *is.Total != 5 || is.Note != "mine" {
		t.Errorf("%+v", is.LimitSpec)
	}
	second.open("limits", "Limits")
	second.press("New limit")
	second.write("Name", "code")
	second.press("Add limit")
	second.awaitText("There is a limit “code” already.")
}

// A viewer sees limits and that everything is paused, is offered no change, and cannot make one.
func TestAViewerSeesLimits(t *testing.T) {
	t.Parallel()
	tokens, secret := tokensFile(t, "viewer", "wall")
	s := start(t, "--tokens-file", tokens)
	s.limit(missions.LimitSpec{Name: "stop", Type: missions.AllTypes, Paused: true, Keys: map[string]missions.KeyLimit{"tenant-7": {Weight: 2}}})
	b := openTab(t, s.HTTP, wide)
	b.signIn("overview", secret)
	b.awaitText("Everything is paused: no mission starts.")
	for _, page := range [][2]string{{"overview", "Overview"}, {"limits", "Limits"}, {"limits/stop", "stop"}, {"limits/never", "never"}} {
		b.open(page[0], page[1])
		if page[0] != "overview" && page[1] != "never" {
			b.awaitText("all missions")
		}
		b.awaitText("Everything is paused: no mission starts.")
		for _, name := range []string{"Pause everything", "New limit", "Resume", "Resume stop", "Pause", "Change", "Delete", "Set a key", "Pause key tenant-7", "Change key tenant-7", "Add limit never"} {
			if b.offers(name) {
				t.Errorf("%s offers a viewer %q", page[0], name)
			}
		}
		for _, key := range []string{"j", "n", "p"} {
			b.key(key)
		}
		b.settle()
		if eval[bool](b, `!!document.querySelector("dialog")`) {
			t.Error("a shortcut offers a change")
		}
	}
	for _, method := range []string{"PUT", "DELETE"} {
		if status := eval[int](b, `fetch("api/limits/stop", {method: "`+method+`", headers: {"Content-Type": "application/json"}, body: "{}"}).then((r) => r.status)`); status != 403 {
			t.Errorf("the supervisor answers a viewer's %s with %d", method, status)
		}
	}
	if !s.limitNow("stop").Paused {
		t.Error("it is not paused any more")
	}
}
