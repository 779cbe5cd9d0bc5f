package browser

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// Text typed just before leaving a page changes nothing on the next page.
func TestALeftPagePlansNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	for _, p := range []struct{ page, heading, field string }{{"events", "Events", "Mission"}, {"missions", "Missions", "Name"}} {
		b.open(p.page, p.heading)
		b.await("the field", control(p.field))
		// A timer that is set after the page's timer, and is longer, ends after it.
		eval[bool](b, `new Promise((done) => { const e = `+control(p.field)+`; e.value = "m-1"; e.dispatchEvent(new Event("input"));
			location.hash = "#/overview"; setTimeout(() => done(true), 400); })`)
		b.await("the overview", `document.querySelector("main h1")?.textContent === "Overview"`)
		if got := b.address(); got != "/overview" {
			t.Errorf("after %s the address is %s", p.page, got)
		}
	}
}

// A response that arrives after a newer one is not shown.
func TestAnAnswerThatIsOvertaken(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.batch("cook", "soup %d", 3, "")
	b := openTab(t, s.HTTP, wide)
	b.open("missions", "Missions")
	b.awaitText("soup 3")
	eval[bool](b, `(() => {
		const real = window.fetch;
		window.fetch = async (path, init) => {
			const reply = await real(path, init);
			if (!path.includes("text=late")) return reply;
			await new Promise((go) => { window.release = go; });
			const text = await reply.text();
			return {ok: true, status: 200, text: async () => { window.told = true; return text; }};
		};
		return true;
	})()`)
	b.write("Name", "late")
	b.await("the first answer", "window.release")
	b.write("Name", "soup 2")
	b.awaitNoText("soup 3")
	eval[bool](b, `(release(), true)`)
	b.await("the end of the first answer", "window.told")
	b.settle()
	if eval[bool](b, `document.body.innerText.includes("Nothing matches")`) {
		t.Error("an answer is shown that nobody waits for any more")
	}
}

// A gap is marked where events were left out, and the earlier events stay.
func TestAGapAmongEvents(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	// Without a shared worker the page has the connection.
	b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": `
		delete window.SharedWorker;
		window.EventSource = class {
			constructor(url) {
				this.handlers = {};
				// The frame has a watch of its own.
				this.at = JSON.parse(new URL(url).searchParams.get("events") ?? "[]").findIndex((watch) => watch.type.startsWith("mission.>"));
				if (this.at >= 0) window.source = this;
			}
			addEventListener(name, handle) { this.handlers[name] = handle; }
			close() {}
			send(name, data, id) { this.handlers[this.at + "." + name]({data: JSON.stringify(data), lastEventId: id}); }
		};`}, nil)
	b.open("events", "Events")
	b.await("the connection", "window.source")
	eval[bool](b, `(() => {
		const event = (name) => ({type: "mission.created", timestamp: 1, payload: {mission_id: name, name, type: "t", priority: "NORMAL"}});
		source.send("message", event("before"), "1");
		source.send("gap", {missed: 7}, "");
		source.send("message", event("after"), "9");
		return true;
	})()`)
	b.awaitText("before (t")
	const rows = `[...document.querySelectorAll(".feed > *")].map((e) => e.querySelector(".summary")?.firstChild.textContent ?? e.textContent).join("; ")`
	if got, want := eval[string](b, rows), "after (t, NORMAL); 7 events were left out here; before (t, NORMAL)"; got != want {
		t.Errorf("the page shows %q, want %q", got, want)
	}
}

// Updated rows keep the focus.
func TestRowsKeepTheFocus(t *testing.T) {
	t.Parallel()
	s := start(t)
	ask := func(name string) {
		_, err := s.connect("test").RequestMsg(&nats.Msg{Subject: api.SubjectStatus, Header: nats.Header{api.HeaderClient: {name}}}, testTimeout)
		must(t, err)
	}
	ask("first")
	b := openTab(t, s.HTTP, wide)
	b.open("queries", "Queries")
	b.awaitText("first")
	b.key("j")
	b.await("the focus", `document.activeElement.textContent === "first"`)
	ask("second")
	// A page that becomes visible sends a request at once.
	b.await("the next row", `(document.dispatchEvent(new Event("visibilitychange")), document.body.innerText.includes("second"))`)
	if got := eval[string](b, "document.activeElement.textContent"); got != "first" {
		t.Errorf("the focus is on %q", got)
	}
}

// A failed attempt and a failed mission are distinguished, even if the error is the
// same.
func TestTheSameErrorTwice(t *testing.T) {
	t.Parallel()
	s := start(t)
	last := make(chan struct{})
	s.works(agent.Config{ID: "w", Name: "w", Types: []string{"t"}, Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		if task.Mission.Attempt == 2 {
			select {
			case <-last:
			case <-ctx.Done():
			}
		}
		return nil, errors.New("no luck")
	}})
	s.post(`{"id":"m","name":"m","type":"t","max_attempts":2}`)
	b := openTab(t, s.HTTP, wide)
	b.open("mission/m", "m")
	b.awaitText("Why its latest attempt failed")
	close(last)
	b.awaitText("Why it failed")
}

// A theme can be chosen without storage.
func TestAThemeWithoutStorage(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.open("overview", "Overview")
	eval[bool](b, `(Object.defineProperty(window, "localStorage", {get() { throw new Error("forbidden"); }}), true)`)
	b.key("t")
	b.await("the light theme", `document.querySelector("[aria-label='Theme: light']")`)
	b.key("t")
	b.await("the dark theme", `document.documentElement.dataset.theme === "dark"`)
}
