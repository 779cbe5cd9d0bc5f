package browser

import (
	"fmt"
	"strings"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// module evaluates an expression of the module m, which is one of the dashboard's.
func module[T any](b *tab, name, expression string) T {
	b.t.Helper()
	return eval[T](b, `import(new URL("ui/`+name+`", document.baseURI)).then((m) => `+expression+`)`)
}

// A mission's page has a bar for each turn and each wait, says each with the keyboard, and
// shows the checkpoint, the usage against its maximum and the signals with their receipts.
func TestAMissionsTurns(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.migration()
	b := openTab(t, s.HTTP, wide)
	b.open("mission/billing", "Move billing")
	b.awaitText("Turns and waits")
	bars := `[...document.querySelectorAll("[data-bar]")].sort((a, b) => a.dataset.bar - b.dataset.bar)`
	b.await("the bars", bars+`.map((e) => e.dataset.kind).join() === "wait,run,wait,run,wait"`)
	if title := eval[string](b, bars+`[1].querySelector("title").textContent`); !strings.HasPrefix(title, "Turn 1 ran ") || !strings.HasSuffix(title, "parked by agent coder-1") {
		t.Errorf("the first turn says %q", title)
	}
	if label := eval[string](b, `document.querySelector(".bars").getAttribute("aria-label")`); !strings.Contains(label, "Waiting for ") {
		t.Errorf("the bars are described as %q", label)
	}
	b.awaitText("2 turns")
	eval[bool](b, `(document.querySelector(".bars").focus(), true)`)
	b.key("ArrowLeft")
	b.awaitText("Waiting for")
	b.key("ArrowLeft")
	b.await("the second turn", `document.querySelector(".bars-says").textContent.startsWith("Turn 2 ran ") && document.querySelector("[data-bar='3']").matches(".here")`)
	for _, text := range []string{"2.75 of 5", "900,400 of 2,000,000", "45 %", `"pull_request": 812`, "EUR, all of them are from before 2019.", "seen by coder-1"} {
		b.awaitText(text)
	}
}

// A signal is sent to a running mission, from its page; its receipt arrives by itself.
func TestSteeringARun(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.create(api.MissionSpec{ID: "m", Name: "the run", Type: "t", Batch: "runs"})
	h := s.hands("w", "t")
	lease := h.take("t")
	b := openTab(t, s.HTTP, wide)
	b.open("mission/m", "the run")
	b.awaitText("1 running") // of its batch
	b.key("s")
	b.await("the form", control("Name"))
	b.write("Name", "no name")
	b.press("Send signal")
	b.await("the refusal", `document.querySelector("dialog .form-error:not([hidden])")`)
	b.write("Name", "steer")
	b.write("Data", "more slowly")
	b.press("Send signal")
	b.awaitMessage("Its agent is told.")
	b.awaitText("sent by dashboard (not proven)")
	b.awaitText("not seen yet")
	h.sees(lease, 1)
	b.awaitText("seen by w")
	if m := s.mission("m"); len(m.Signals) != 1 || string(m.Signals[0].Data) != `"more slowly"` {
		t.Errorf("the signals are %+v", m.Signals)
	}
	h.completes(lease, "1")
	b.awaitText("1 completed")
	if b.offers("Send signal") || b.offers("Send a signal") {
		t.Error("a mission that has ended is offered a signal")
	}
}

// A graph of 1,000 missions is drawn: those that are alike are one stack, which opens as a
// list. The drawing is moved with the keyboard, and leads to its missions.
func TestAGraphOfManyMissions(t *testing.T) {
	t.Parallel()
	s := start(t)
	specs := []api.MissionSpec{{ID: "build", Name: "the build", Type: "build"}}
	for i := range 998 {
		specs = append(specs, api.MissionSpec{ID: fmt.Sprint("test-", i), Name: fmt.Sprint("test number ", i), Type: "test", Batch: "tests", After: []missions.Condition{{Mission: "build"}}})
	}
	s.create(append(specs, api.MissionSpec{ID: "deploy", Name: "the deployment", Type: "deploy", After: []missions.Condition{{Batch: "tests"}}})...)
	for _, l := range []look{wide, narrow} {
		b := openTab(t, s.HTTP, l)
		b.open("mission/deploy", "the deployment")
		b.await("the stack", `document.querySelector(".node.pile")?.textContent.includes("998 × test")`)
		if nodes := eval[int](b, `document.querySelectorAll(".node").length`); nodes != 3 {
			t.Errorf("%d nodes are drawn", nodes)
		}
		b.settle()
		b.fits("the graph", l)
		b.audit("the graph")
		before := eval[string](b, `(document.querySelector(".drawing").focus(), document.querySelector(".drawing svg > g").getAttribute("transform"))`)
		b.key("+")
		b.key("ArrowRight")
		b.await("a move", `document.querySelector(".drawing svg > g").getAttribute("transform") !== `+quote(before))
		eval[bool](b, `(document.querySelector(".node.pile").dispatchEvent(new MouseEvent("click", {bubbles: true})), true)`)
		b.awaitText("998 missions that are alike.")
		b.await("200 rows", `document.querySelectorAll(".graph-list tbody tr").length === 200`)
		b.press("Show 200 more")
		b.await("400 rows", `document.querySelectorAll(".graph-list tbody tr").length === 400`)
		b.press("Show all of the graph")
		b.await("the mission itself", `document.querySelector(".graph-list .cell-main").textContent === "the deployment"`)
		eval[bool](b, `([...document.querySelectorAll(".node")].find((e) => e.textContent.includes("the build")).dispatchEvent(new MouseEvent("click", {bubbles: true})), true)`)
		b.await("its page", `location.hash === "#/mission/build"`)
	}
}

// Placing and drawing 1,000 missions of which no two are alike takes little time.
func TestAGraphIsDrawnQuickly(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.open("alerts", "Alerts")
	b.call("Performance.enable", map[string]any{"timeDomain": "threadTicks"}, nil)
	before := b.scripted()
	drawn := module[int](b, "drawing.js", `new Promise((done) => { setTimeout(() => {
		const missions = Array.from({length: 1000}, (_, i) => ({id: "m" + i, name: "mission number " + i, type: "t" + i % 7, status: "PENDING", waiting: i > 0}));
		const edges = missions.flatMap((_, i) => [1, 7, 31].filter((d) => i - d * (1 + i % 3) >= 0).map((d) => ({from: "m" + (i - d * (1 + i % 3)), to: "m" + i, kind: "after"})));
		const drawn = m.drawing("m500", () => {});
		document.querySelector("main").append(drawn.element);
		drawn.show({missions, edges});
		done(drawn.element.querySelectorAll(".node").length);
	}); })`)
	took := b.scripted() - before
	t.Logf("%d missions are drawn in %.0f ms", drawn, took*1000)
	if drawn != 1000 || took > 0.2 {
		t.Errorf("%d missions are drawn in %.0f ms", drawn, took*1000)
	}
}

// scripted returns for how many seconds of processor time the page's scripts have run.
func (b *tab) scripted() float64 {
	b.t.Helper()
	var reply struct {
		Metrics []struct {
			Name  string
			Value float64
		}
	}
	b.call("Performance.getMetrics", nil, &reply)
	for _, metric := range reply.Metrics {
		if metric.Name == "ScriptDuration" {
			return metric.Value
		}
	}
	b.t.Fatal("the browser does not measure scripts")
	return 0
}

// A graph is placed in layers: what waits is behind what it waits for, a child is behind its
// parent also if that waits for it, and missions that are alike are one node.
func TestLayers(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.open("alerts", "Alerts")
	for name, c := range map[string]struct{ edges, want string }{
		"a chain":                        {"a>b b>c", "a0 b1 c2"},
		"what is far ahead comes late":   {"a>b b>c d>c", "a0 b1 c2 d1"},
		"a parent waits for its child":   {"a^b b>a", "a0 b1"},
		"children that wait for another": {"a^b a^c b>c c>a", "a0 b1 c2"},
		"a circle":                       {"a>b b>c c>a", "a0 b1 c2"},
		"alike":                          {"a>b a>c a>d a>e a>f", "a0 b1*5"},
		"alike but for what follows":     {"a>b a>c a>d a>e a>f b>g", "a0 b1 c1 d1 e1 f1 g2"},
	} {
		got := module[string](b, "layers.js", `{
			const edges = `+quote(c.edges)+`.split(" ").map((e) => ({from: e[0], to: e[2], kind: e[1] === "^" ? "parent" : "after"}));
			const missions = [...new Set(edges.flatMap((e) => [e.from, e.to]))].sort().map((id) => ({id, type: "t"}));
			return m.layersOf({missions, edges}, "a").nodes.map((n) => n.key + n.layer + (n.missions.length > 1 ? "*" + n.missions.length : "")).sort().join(" ");
		}`)
		if got != c.want {
			t.Errorf("%s: %s is placed as %s, want %s", name, c.edges, got, c.want)
		}
	}
}

// Spans are made of changes of status; a run that ended with the mission has its tone.
func TestSpans(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.open("alerts", "Alerts")
	spans := func(steps string, now int) string {
		return module[string](b, "spans.js", fmt.Sprintf(`m.spansOf(%s.split(" ").map((e) => ({new_status: {P: "PENDING", R: "RUNNING", C: "COMPLETED", F: "FAILED"}[e[0]], timestamp: Number(e.slice(1))})), %d)
			.map((x) => [x.kind, x.turn, x.from, x.to, x.tone, x.open ? "open" : ""].join(":")).join(" ")`, quote(steps), now))
	}
	for steps, want := range map[string]string{
		"P0":                "wait:0:0:20:pending:open",
		"P0 R2 P5 R9 C12":   "wait:0:0:2:pending: run:1:2:5:running: wait:1:5:9:pending: run:2:9:12:completed:",
		"P0 R2 F5 P9 R11":   "wait:0:0:2:pending: run:1:2:5:failed: wait:1:9:11:pending: run:2:11:20:running:open",
		"P30":               "wait:0:30:30:pending:open", // of clocks that differ
		"P0 C3":             "wait:0:0:3:pending:",
		"P0 R1 F1 P1 R1 C1": "wait:0:0:1:pending: run:1:1:1:failed: wait:1:1:1:pending: run:2:1:1:completed:",
	} {
		if got := spans(steps, 20); got != want {
			t.Errorf("%s is %s, want %s", steps, got, want)
		}
	}
	for _, c := range []struct {
		length float64
		want   string
	}{{0.8, "0,0.2,0.4,0.6000000000000001,0.8"}, {20, "0,5,10,15,20"}, {3600, "0,900,1800,2700,3600"}, {1e9, ""}} {
		got := module[string](b, "spans.js", fmt.Sprintf(`m.ticksOf(%v, 4).join()`, c.length))
		if c.want != "" && got != c.want || strings.Count(got, ",") > 10 {
			t.Errorf("the axis of %v s has %s, want %s", c.length, got, c.want)
		}
	}
}

// The missions' page says what missions wait for, and finds them by it, by batch and by
// parent.
func TestWaitsInTheTable(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.release()
	s.archive()
	b := openTab(t, s.HTTP, wide)
	b.open("missions?waiting=signal", "Missions")
	b.awaitText("waits for the end of batch tests-4-2 and 1 other")
	b.awaitText("waits for mission smoke and 1 other")
	b.awaitNoText("Test shard")
	b.press("Clear filters")
	b.awaitText("Index the archive")
	eval[bool](b, `(() => { const e = document.querySelector("select[name=waiting]"); e.value = "mission"; e.dispatchEvent(new Event("change")); return true; })()`)
	b.awaitNoText("Index the archive")
	b.awaitText("Remove old images")
	if got := b.address(); got != "/missions?waiting=mission" {
		t.Errorf("the address is %s", got)
	}
	b.open("missions?parent_id=archive", "Missions")
	b.awaitText("Pages of 2022")
	b.awaitText("3 missions")
	b.open("missions?batch=tests-4-2", "Missions")
	b.awaitText("48 missions")
}

// Usage by unit stands on the overview if anything was used.
func TestUsageOnTheOverview(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.archive()
	b := openTab(t, s.HTTP, wide)
	// What the supervisor says is replaced, as if it had spent for a day.
	b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": `{
		const text = Response.prototype.text;
		window.used = {"1h": {usd: 4.5}, "24h": {usd: 31.25, input_tokens: 1250000}};
		Response.prototype.text = async function () {
			const whole = await text.call(this);
			if (!this.url.endsWith("/api/missions/stats")) return whole;
			const reply = JSON.parse(whole);
			for (const [name, usage] of Object.entries(window.used)) reply.stats.windows[name].usage = usage;
			return JSON.stringify(reply);
		};
	}`}, nil)
	b.open("overview", "Overview")
	const rows = `[...document.querySelectorAll("[aria-label='Usage by unit'] tbody tr")].map((tr) => [...tr.children].map((td) => td.textContent).join(" ")).join(", ")`
	b.await("the usage", rows+` === "input_tokens 0 1,250,000, usd 4.5 31.25"`)
	b.audit("the overview with usage")
	if none := module[int](b, "spend.js", `m.spendOf({windows: {"1h": {}}}).length + m.spendOf({}).length`); none != 0 {
		t.Error("a supervisor that tells no usage has some")
	}
}

// A mission's page shows its unique key, and that it waits for the end of the mission that holds it.
func TestAUniqueKey(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.create(api.MissionSpec{ID: "m", Name: "the sync", Type: "t", Unique: &missions.Unique{Key: "sync:42"}})
	s.hands("w", "t").take("t")
	s.create(api.MissionSpec{ID: "n", Name: "the next sync", Type: "t", Unique: &missions.Unique{Key: "sync:42", OnConflict: missions.ConflictReplacePending, ForSeconds: 300}})
	b := openTab(t, s.HTTP, wide)
	b.open("mission/n", "the next sync")
	for _, text := range []string{"Waits for the end of mission m", "sync:42", "replaces a pending one", "Held at least"} {
		b.awaitText(text)
	}
	b.settle()
	b.fits("the mission", wide)
	b.audit("the mission")
}
