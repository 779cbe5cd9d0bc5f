package browser

import (
	"context"
	"strings"
	"testing"

	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// pastRunTimes makes the history's run times those of an hour, or a day, that ends two days
// before the browser's time: n samples, in which runs take longer with time. The next answer is
// the one in window.runTimes, if there is any.
const pastRunTimes = `{
	const real = window.fetch;
	window.asked = [];
	window.fetch = async (path, init) => {
		const url = new URL(path, document.baseURI);
		if (!url.searchParams.get("run_times")) return real(path, init);
		window.asked.push(url.search);
		const long = url.searchParams.get("minutes") === "1440";
		const [n, length] = long ? [144, 600] : [60, 60];
		const end = Math.floor((Date.now() / 1000 - 2 * 86400) / 600) * 600 - 30;
		const bounds = [0.178, 0.316, 0.562, 1, 1.78, 3.16, 5.62, 10, 17.8, 31.6, 56.2, 100];
		const sample = (i) => {
			const middle = 2 + Math.floor(i / n * 4) + (i % 7 === 3 ? 1 : 0);
			const buckets = bounds.map((bound, at) => [bound, Math.round(200 * (1 + Math.sin(i / 5)) * Math.exp(-Math.abs(at - middle) * 1.1))]).filter(([, count]) => count > 0);
			if (i === 20 || url.searchParams.get("type") === "mail") buckets.length = 0;
			const none = buckets.length === 0;
			return {from: end - (n - i) * length, to: end - (n - 1 - i) * length, p50: none ? null : bounds[middle] * 0.8, p95: none ? null : bounds[middle + 3] * 0.9, buckets};
		};
		const reply = window.runTimes ?? {status: 200, body: {minutes: [], run_times: Array.from({length: n}, (_, i) => sample(i))}};
		return {ok: reply.status === 200, status: reply.status, text: async () => JSON.stringify(reply.body)};
	};
}`

// heatCell is what is said of the cell under the cursor, and heatSum what is said of all.
const (
	heatCell = `document.querySelector(".heat-body .bars-says:not([hidden]) b")?.textContent`
	heatSum  = `(document.querySelector(".heat")?.getAttribute("aria-label") ?? "")`
)

// The run times of real missions are in the heat map: of all types, of one, and of a type of
// which none has completed.
func TestRunTimesOfMissions(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.works(agent.Config{ID: "w", Name: "w", Types: []string{"copy", "mail"}, Handler: func(context.Context, *agent.Task) (any, error) { return nil, nil }})
	b := openTab(t, s.HTTP, wide)
	b.open("overview", "Overview")
	b.awaitText("No mission completed in the last hour")
	s.batch("copy", "copy %d", 3, "")
	s.batch("mail", "mail %d", 2, "")
	s.batch("idle", "idle %d", 1, "")
	s.awaitCounts(func(c *api.Status) bool { return c.CompletedMissions == 5 })
	b.open("overview?type=mail", "Overview")
	b.reload()
	b.awaitText("Type mail, in the last hour: 2 missions completed, half of them within ")
	const choose = `((e, value) => { e.value = value; e.dispatchEvent(new Event("change")); return true; })(document.querySelector("[aria-label='Type of the run times']"), `
	b.await("the types", `document.querySelector("[aria-label='Type of the run times']").options.length === 4`)
	eval[bool](b, choose+`"idle")`)
	b.awaitText("No mission of the type idle completed in the last hour")
	if got := b.address(); got != "/overview?type=idle" {
		t.Errorf("the address is %s", got)
	}
	eval[bool](b, choose+`"")`)
	b.awaitText("All types, in the last hour: 5 missions completed")
	b.press("Last day")
	b.awaitText("All types, in the last day: 5 missions completed")
	if got := b.address(); got != "/overview?period=24h" {
		t.Errorf("the address is %s", got)
	}
}

// The heat map is read with the pointer, with the keys and by screen readers. Its times are the
// supervisor's.
func TestHeatMap(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.batch("mail", "mail %d", 1, "")
	for suffix, l := range map[string]look{"": wide, "-dark": night, "-narrow": narrow} {
		t.Run("look"+suffix, func(t *testing.T) {
			t.Parallel()
			b := openTab(t, s.HTTP, l)
			b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": pastRunTimes}, nil)
			b.open("overview", "Overview")
			b.await("the heat map", `document.querySelectorAll(".heat-cell").length === 5`)
			if sum := eval[string](b, heatSum); !strings.Contains(sum, "Run times as a heat map. All types, in the last hour: ") || !strings.Contains(sum, " missions completed, half of them within 1 s and 95 % within 5.62 s.") {
				t.Errorf("it says %q", sum)
			}
			b.fits("the heat map"+suffix, l)
			b.audit("the heat map" + suffix)
			reads(b)
			eval[bool](b, `(document.querySelector(".heat").scrollIntoView({block: "center"}), true)`)
			b.shoot("heat" + suffix)
			b.press("Last day")
			b.await("the day", heatSum+`.includes("in the last day")`)
			b.settle()
			b.shoot("heat-day" + suffix)
		})
	}
}

// reads reads the heat map with the keys and the pointer.
func reads(b *tab) {
	b.t.Helper()
	eval[bool](b, `(document.querySelector(".heat").focus(), true)`)
	b.key("ArrowLeft")
	b.await("the fullest cell of the last minute", `/^\d\d:\d\d, [\d.]+ s to [\d.]+ s: [\d,]+ missions$/.test(`+heatCell+`)`)
	first := eval[string](b, heatCell)
	b.key("ArrowLeft")
	b.await("the minute before", heatCell+` !== `+quote(first))
	b.key("ArrowRight")
	b.await("the last minute again", heatCell+` === `+quote(first))
	eval[bool](b, `(document.activeElement.blur(), true)`)
	b.await("no cell", heatCell+` === undefined`)
	at := eval[struct{ X, Y float64 }](b, `(() => { const e = document.querySelector(".heat"); e.scrollIntoView({block: "center"}); const r = e.getBoundingClientRect(); return {X: r.x + r.width - 40, Y: r.y + 100}; })()`)
	b.call("Input.dispatchMouseEvent", map[string]any{"type": "mouseMoved", "x": at.X, "y": at.Y}, nil)
	b.await("the cell under the pointer", `/^\d\d:\d\d, .* to .*: [\d,]+ missions?$/.test(`+heatCell+`)`)
	// The minute is of the supervisor's time, two days before the browser's.
	if !eval[bool](b, `(() => { const [hour, minute] = `+heatCell+`.slice(0, 5).split(":").map(Number); const d = new Date(); d.setHours(hour, minute, 0, 0);
		const end = Math.floor((Date.now() / 1000) / 600) * 600 - 30; return [0, 86400].some((day) => { const age = end - (d / 1000 - day); return age > 0 && age < 3600; }); })()`) {
		b.t.Errorf("the cell is %s", eval[string](b, heatCell))
	}
}

// A refused request is shown in the API's words, and what was there stays while the supervisor
// is away.
func TestHeatMapWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": pastRunTimes + `window.runTimes = {status: 503, body: {error: {code: "unavailable", message: "the store is away for a test"}}};`}, nil)
	b.open("overview", "Overview")
	b.awaitText("the store is away for a test")
	eval[bool](b, `(window.runTimes = null, true)`)
	b.press("Last day")
	b.await("the heat map", heatSum+`.includes("in the last day")`)
}
