package browser

import (
	"cmp"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// axe is the accessibility checker; test/prepare fetches it.
const axe = "../../.cache/npm/node_modules/axe-core/axe.min.js"

// audit fails the test for every problem on the page that the accessibility checker
// calls serious.
func (b *tab) audit(what string) {
	b.t.Helper()
	source, err := os.ReadFile(filepath.FromSlash(axe))
	if err != nil {
		b.t.Fatalf("%v: run make tools", err)
	}
	// The checker is injected through the debugger, which bypasses the page's
	// policy.
	b.call("Runtime.evaluate", map[string]any{"expression": string(source) + ";0"}, nil)
	type violation struct {
		ID, Impact, Help string
		Nodes            []struct{ HTML, FailureSummary string }
	}
	found := eval[[]violation](b, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"]}).then((r) =>
		r.violations.map((v) => ({id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.slice(0, 3).map((n) => ({html: n.html, failureSummary: n.failureSummary}))})))`)
	for _, v := range found {
		if v.Impact == "serious" || v.Impact == "critical" {
			b.t.Errorf("%s: %s (%s): %s\n%v", what, v.ID, v.Impact, v.Help, v.Nodes)
		}
	}
}

// fits fails the test if something is wider than the page, and on a narrow screen also if
// something slides sideways or the link to the alerts is out of sight.
func (b *tab) fits(what string, l look) {
	b.t.Helper()
	if over := eval[int](b, "document.documentElement.scrollWidth - innerWidth"); over > 0 {
		b.t.Errorf("%s is %d px too wide", what, over)
	}
	if l != narrow {
		return
	}
	if slides := eval[string](b, `[...document.querySelectorAll("body *")].filter((e) => e.scrollWidth > e.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(e).overflowX) && e.checkVisibility()).map((e) => e.className).join()`); slides != "" {
		b.t.Errorf("%s: these slide sideways: %s", what, slides)
	}
	if !eval[bool](b, `((r) => r.left >= 0 && r.right <= innerWidth)(document.querySelector(".nav a[href='#/alerts']").getBoundingClientRect())`) {
		b.t.Errorf("%s: Alerts is out of reach", what)
	}
}

// Each page shows its content, in the light and the dark theme and on a narrow
// screen. Nothing overflows, and the accessibility checker finds nothing serious.
func TestPages(t *testing.T) {
	t.Parallel()
	s := fleet(t)
	s.capacity()
	s.campaign()
	slow := s.find("Slow trailer, cut 3")
	bad := s.find("Bad archive 2")
	pages := []struct {
		name, where, heading, text string
		picture                    bool
		top                        string // the part that the picture begins with; "" for the page's top
	}{
		{"overview", "overview", "Overview", "93.9 %", true, ""},
		{"usage", "overview", "Overview", "93.9 %", true, ".dense"},
		{"inbox", "inbox", "Needs you", "Pull request 812", true, ""},
		{"turns", "mission/billing", "Move billing", "all of them are from before", true, ""},
		{"graph", "mission/deploy", "Deploy 4.2", "48 × test", true, ".graph"},
		{"steered", "mission/archive", "Index the archive", "not seen yet", true, ".graph"},
		{"missions", "missions", "Missions", "Deploy 4.2", true, ""},
		{"mission", "mission/" + slow, "Slow trailer", "the cache is cold", true, ""},
		{"failed", "mission/" + bad, "Bad archive", "unexpected end of archive", false, ""},
		{"queue", "queue", "Queue", "No agent serves it", false, ""},
		{"schedules", "schedules", "Schedules", "No schedules yet", false, ""},
		{"limits", "limits", "Limits", "Until the new disks are in.", true, ""},
		{"limit", "limits/anthropic", "anthropic", "tenant-7", true, ""},
		{"agents", "agents", "Agents", "Slow trailer, cut 1", true, ""},
		{"events", "events", "Events", "agent.online", true, ""},
		{"alerts", "alerts", "Alerts", "Raised and resolved", true, ""},
		{"queries", "queries", "Queries", "nightly-report", true, ""},
	}
	for suffix, l := range map[string]look{"": wide, "-dark": night, "-narrow": narrow} {
		t.Run("look"+suffix, func(t *testing.T) {
			t.Parallel()
			b := openTab(t, s.HTTP, l)
			for _, p := range pages {
				b.open(p.where, p.heading)
				b.awaitText(p.text)
				if p.name == "events" {
					eval[bool](b, `(document.querySelectorAll(".feed-row")[2].click(), true)`)
				}
				if dark := eval[bool](b, `document.documentElement.dataset.theme === "dark"`); dark != l.dark {
					t.Errorf("%s%s: dark is %t", p.name, suffix, dark)
				}
				b.settle()
				b.fits(p.name+suffix, l)
				b.audit(p.name + suffix)
				eval[bool](b, "(scrollTo(0, "+quote(p.top)+" ? document.querySelector("+quote(cmp.Or(p.top, "main"))+").getBoundingClientRect().top + scrollY - 14 : 0), true)")
				if p.picture {
					b.shoot(p.name + suffix)
				}
			}
		})
	}
}

// The dashboard is small, all its pages together.
func TestSize(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.open("overview", "Overview")
	b.awaitText("No missions yet")
	paint := eval[float64](b, `performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1`)
	plain := eval[int](b, `performance.getEntriesByType("resource").filter((e) => e.name.includes("/ui/")).reduce((sum, e) => sum + e.decodedBodySize, 0)`)
	t.Logf("first paint after %.0f ms; %d bytes over the network, %d bytes of files", paint, b.received(), plain)
	if plain == 0 || plain > 400_000 {
		t.Errorf("%d bytes", plain)
	}
}

// quiet is a configuration without alerts that fire.
func quiet(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "supervisor.yaml")
	must(t, os.WriteFile(file, []byte("alerts: [{name: none, metric: agents.online, comparison: \">\", threshold: 1000, for: 0s}]\n"), 0o600))
	return file
}

// The page's parts reserve their space: what arrives late moves little of what is there.
func TestLayoutShift(t *testing.T) {
	t.Parallel()
	s := fleet(t, "--config", quiet(t)) // an alert that begins meanwhile moves the page
	s.capacity()
	s.campaign()
	pages := map[string]string{"overview": "93.9 %", "inbox": "Pull request 812", "missions": "Deploy 4.2", "mission/billing": "all of them are from before", "mission/deploy": "48 × test", "mission/" + s.find("Slow trailer, cut 3"): "the cache is cold",
		"mission/" + s.find("Bad archive 2"): "unexpected end of archive", "queue": "No agent serves it", "schedules": "No schedules yet", "limits": "Until the new disks are in.", "limits/anthropic": "tenant-7", "agents": "Slow trailer, cut 1", "events": "agent.online", "alerts": "Raised and resolved", "queries": "nightly-report"}
	for suffix, l := range map[string]look{"": wide, "-narrow": narrow} {
		b := openTab(t, s.HTTP, l)
		b.call("Network.setCacheDisabled", map[string]any{"cacheDisabled": true}, nil) // as if each page was the first
		for page, text := range pages {
			t.Run(page+suffix, func(t *testing.T) { b.stays(t, page, text) })
		}
	}
}

// stays checks that little moves on a page while it arrives.
func (b *tab) stays(t *testing.T, page, text string) {
	t.Helper()
	defer func(of *testing.T) { b.t = of }(b.t)
	b.t = t
	b.call("Page.navigate", map[string]any{"url": "about:blank"}, nil)
	b.call("Page.navigate", map[string]any{"url": b.base + "/#/" + page}, nil)
	b.awaitText(text)
	b.awaitText("Connected")
	b.settle()
	moved := eval[[]string](b, `new Promise((done) => { const moved = []; new PerformanceObserver((l) => { for (const e of l.getEntries()) {
		moved.push(e.value + " " + e.sources.map((s) => s.node?.className || s.node?.nodeName).join(", ")); } }).observe({type: "layout-shift", buffered: true});
		requestAnimationFrame(() => setTimeout(() => done(moved))); })`)
	var shift float64
	for _, each := range moved {
		value, _, _ := strings.Cut(each, " ")
		v, err := strconv.ParseFloat(value, 64)
		must(t, err)
		shift += v
	}
	if shift >= 0.05 {
		t.Errorf("it shifts by %.3f: %s", shift, moved)
	}
}
