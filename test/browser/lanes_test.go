package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"missioncontrol/supervisor/agent"
)

// laneSaid is what is said of the turn or lane under the cursor, and laneNotes what stands beside
// the names.
const (
	laneSaid  = `(document.querySelector(".lanes-body .bars-says b")?.textContent ?? "")`
	laneNotes = `[...document.querySelectorAll(".lane-name")].map((e) => e.textContent + ": " + e.nextSibling.textContent).join("\n")`
)

// The lanes show the turns of real agents: those that ended, failed or go on. They are read with the
// keys, and lead to the missions.
func TestLanesOfAgents(t *testing.T) {
	t.Parallel()
	s := fleet(t)
	b := openTab(t, s.HTTP, wide)
	b.open("agents", "Agents")
	b.await("three lanes", `document.querySelectorAll(".lane-name").length === 3`)
	b.await("the types", `["mail", "render", "thumbnail"].every((type) => [...document.querySelectorAll(".lane-key")].some((e) => e.textContent === type))`)
	b.await("failed turns", `document.querySelector(".lane-failed") && [...document.querySelectorAll(".legend .mark")].some((e) => e.textContent === "Failed")`)
	b.await("the summary", `document.querySelector(".lanes").getAttribute("aria-label").startsWith("What agents worked on. ")`)
	b.press("Name")
	b.await("the agents by name", laneNotes+`.split("\n").map((line) => line.split(":")[0]).join() === "mail-1,render-1,render-2"`)
	eval[bool](b, `(document.querySelector(".lanes").focus(), true)`)
	b.key("ArrowLeft")
	b.await("the last turn of the first agent", laneSaid+`.startsWith("mail-1: ")`)
	b.key("ArrowDown")
	b.key("ArrowDown")
	b.await("the last turn of the last agent", laneSaid+`.startsWith("render-2: ")`)
	b.key("Enter")
	b.await("the mission", `location.hash.startsWith("#/mission/")`)

	// What happens meanwhile arrives by itself.
	b.open("agents", "Agents")
	b.await("three lanes again", `document.querySelectorAll(".lane-name").length === 3`)
	hold := make(chan struct{})
	s.works(agent.Config{ID: "late-1", Name: "late-1", Types: []string{"translate"}, Concurrency: 1, Handler: func(ctx context.Context, _ *agent.Task) (any, error) {
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return nil, ctx.Err()
	}})
	t.Cleanup(func() { close(hold) }) // before the agent is awaited
	b.await("a new lane", laneNotes+`.includes("late-1: ")`)
	b.await("its type", `[...document.querySelectorAll(".lane-key")].some((e) => e.textContent === "translate")`)
}

// The model of the lanes: who is stuck, idle, busy or offline, and which turns overlap.
func TestLanesModel(t *testing.T) {
	t.Parallel()
	b := openTab(t, start(t).HTTP, wide)
	b.open("overview", "Overview")
	got := eval[string](b, `import("./ui/lanes.js").then(({beginOf, lanesOf, sorted, typesOf}) => {
		const turn = (agent_id, type, started_at, ended_at, outcome) => ({mission_id: agent_id + started_at, agent_id, type, started_at, ended_at, outcome});
		const agents = ["busy", "stuck", "idle", "new", "gone", "young"].map((id) => ({id, name: id, state: id === "gone" ? "offline" : "online"}));
		const turns = [turn("busy", "a", 100, 3000, "completed"), turn("busy", "a", 1000, 2000, "failed"), turn("busy", "b", 3590, null),
			turn("stuck", "a", 3200, null), turn("idle", "a", 0, 1000, "completed"), turn("gone", "a", 100, 200, "failed"), turn("young", "c", 3000, null), turn("old", "a", 0, 1)];
		const changes = [{agent_id: "gone", online: true, at: 50}, {agent_id: "gone", online: false, at: 200}, {agent_id: "busy", online: false, at: 10}, {agent_id: "busy", online: true, at: 20}];
		const lanes = sorted(lanesOf({agents, turns, changes, p95: {a: 100, b: 1}, from: 0, to: 3600}), "look");
		return lanes.map((l) => [l.id, l.group, l.since, l.rows, l.busy.toFixed(2), l.turns.map((t) => t.row + (t.stuck ? "!" : "")).join(""), l.off.map(({from, to}) => from + "-" + to).join()].join(" ")).join("\n")
			+ "\n" + [{agents, turns, changes, from: 0, to: 3600}, {agents: agents.slice(0, 1), turns: turns.slice(0, 3), changes, from: 0, to: 510}, {agents: [], turns: [], changes: [], from: 0, to: 3600}].map(beginOf).join(" ")
			+ "\n" + [...typesOf(turns, 3600)].join(" ") + "\n" + sorted(lanes, "busy").map((l) => l.id).join(" ");
	})`)
	want := strings.Join([]string{"stuck stuck 3200 1 0.11 0! ", "new idle  1 0.00  ", "idle idle 1000 1 0.28 0 ", "busy busy  2 0.81 010 10-20", "young busy  1 0.17 0 ", "gone offline 200 1 0.67 0 0-50,200-3600",
		"0 0 3294", "a,1 b,2 c,3", "busy gone idle young stuck new"}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// manyAgents makes the replies those of 200 agents, of which some are stuck, idle or offline, two days
// before the browser's time.
const manyAgents = `{
	const real = window.fetch;
	const to = Date.now() / 1000 - 2 * 86400;
	const types = ["build", "deploy", "index", "mail", "render", "report", "review", "test", "thumbnail", "translate"];
	const random = ((seed) => () => (seed = (seed * 16807) % 2147483647) / 2147483647)(7);
	const kind = (i) => (i % 67 === 5 ? "stuck" : i % 23 === 7 ? "idle" : i % 41 === 3 ? "offline" : "busy");
	const agents = Array.from({length: window.many ?? 200}, (_, i) => ({id: "worker-" + (i + 1), name: "worker-" + (i + 1), role: "worker", state: kind(i) === "offline" ? "offline" : "online", last_heartbeat: to, missions_running: 1, capacity: 1 + i % 3, types: types.slice(i % 8, i % 8 + 2), version: "", host: "", cpu: null, memory_bytes: null}));
	const turns = [], changes = [];
	agents.forEach((a, i) => {
		for (let slot = 0; slot < a.capacity; slot++) {
			let at = to - 3600 + random() * 200;
			const end = {stuck: to - 900, idle: to - 400 - random() * 1500, offline: to - 1200, busy: to - 20}[kind(i)];
			while (at < end) {
				const length = 60 + random() * 500, dice = random();
				turns.push({mission_id: a.id + "-" + turns.length, name: "Job " + turns.length, type: a.types[Math.floor(random() * 2)], agent_id: a.id, attempt: 1, started_at: at, ended_at: Math.min(end, at + length), outcome: dice < 0.05 ? "failed" : dice < 0.07 ? "cancelled" : "completed", reason: dice < 0.05 ? "failed on agent " + a.id + ": no route to host" : undefined});
				at += length + random() * 90;
			}
			if (kind(i) === "stuck" && slot === 0 || kind(i) === "busy") turns.push({mission_id: a.id + "-open-" + slot, name: "Long job of " + a.id, type: a.types[0], agent_id: a.id, attempt: 2, started_at: kind(i) === "stuck" ? end + 10 : to - 15, ended_at: null});
		}
		if (kind(i) === "offline") changes.push({agent_id: a.id, online: false, at: to - 1190});
	});
	const replies = {
		"api/supervisor/agents": {agents, agent_count: agents.length},
		"api/agents/activity": {state: "connected", reason: "", from: to - 3600, to, all: true, turns, agents: changes, p95_seconds: Object.fromEntries(types.map((type) => [type, 120])), cursor: "9"},
	};
	window.fetch = async (path, init) => {
		const at = new URL(path, document.baseURI).pathname.slice(1);
		const reply = window.replies?.[at] ?? replies[at];
		return reply ? {ok: true, status: 200, text: async () => JSON.stringify(reply)} : real(path, init);
	};
}`

// A fleet of 200 is legible: those that are stuck or idle are seen first.
func TestLanesOfManyAgents(t *testing.T) {
	t.Parallel()
	s := start(t, "--config", quiet(t))
	for suffix, l := range map[string]look{"": wide, "-dark": night, "-narrow": narrow} {
		t.Run("look"+suffix, func(t *testing.T) {
			t.Parallel()
			b := openTab(t, s.HTTP, l)
			b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": manyAgents}, nil)
			b.open("agents", "Agents")
			b.await("200 lanes", `document.querySelectorAll(".lane-name").length === 200 && document.querySelector(".lane-stuck")`)
			b.awaitText("3 stuck?, 9 idle, 183 busy, 5 offline.")
			if notes := eval[string](b, laneNotes); !strings.HasPrefix(notes, "worker-6: stuck? 14 min\nworker-73: stuck? 14 min\nworker-140: stuck? 14 min\n") || strings.Count(notes, "offline") != 5 {
				t.Error(notes)
			}
			if label := eval[string](b, `document.querySelector(".lanes").getAttribute("aria-label")`); !strings.Contains(label, "3 stuck?, 9 idle, 183 busy, 5 offline. worker-6 stuck? 14 min, worker-73 stuck? 14 min") {
				t.Error(label)
			}
			b.settle()
			b.fits("the lanes"+suffix, l)
			b.audit("the lanes" + suffix)
			b.shoot("lanes-200" + suffix)
			eval[bool](b, `(document.querySelector(".lanes").focus({preventScroll: true}), true)`)
			b.key("ArrowDown")
			b.await("the mission that is stuck", laneSaid+` === "worker-6: Long job of worker-6 (report), running for 14 min 50 s"`)
			b.awaitText("stuck? 95 % of its type run for up to 2 min")
			eval[bool](b, `(document.querySelector("[aria-label='Order of the agents'] [data-value='busy']").click(), true)`) // without the focus
			b.await("the cursor where it was", laneSaid+`.startsWith("worker-6: Long job")`)
		})
	}
}

// The page says what it covers, and why it cannot say more.
func TestLanesSayWhatTheyCover(t *testing.T) {
	t.Parallel()
	s := start(t, "--config", quiet(t))
	b := openTab(t, s.HTTP, wide)
	b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": "window.many = 400;" + manyAgents + fmt.Sprintf(`window.replies = {"api/agents/activity": {state: "degraded", reason: "the broker is away", from: %d, to: %d, all: true, turns: [], agents: [], p95_seconds: {}, cursor: "1"}};`, 1_800_000_000-240, 1_800_000_000)}, nil)
	b.open("agents", "Agents")
	b.awaitText("Only the last 4 min: there are too many missions to show more.")
	b.awaitText("The event stream cannot be read, and what is shown is from before: the broker is away")
	b.awaitText("The first 300 of 400 agents are drawn.")
	b.await("the agents nevertheless", `document.querySelectorAll(".lane-name").length === 300`)
	empty := openTab(t, s.HTTP, wide)
	empty.open("agents", "Agents")
	empty.awaitText("What agents work on is shown here.")
}
