package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const alertRules = `alert_interval: 50ms
alerts:
  - name: no-agent
    metric: missions.pending_without_agent
    comparison: ">"
    threshold: 0
    for: 0s
  - name: missions-failing
    metric: missions.windows.1h.success_rate
    comparison: "<"
    threshold: 0.95
    for: 0s
    min_samples: 1
  - name: few-agents
    metric: agents.online
    comparison: "<"
    threshold: 5
    for: 0s
  - name: queue-slow
    metric: missions.queue_seconds.p95
    comparison: ">="
    threshold: 900
    for: 0s
`

// An alert has units, names the types that it is about, says what to do, and leads to the
// page that shows them. On a narrow screen nothing is wider than it.
func TestAnAlertSaysWhatToDo(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "supervisor.yaml")
	must(t, os.WriteFile(file, []byte(alertRules), 0o600))
	s := fleet(t, "--config", file)
	for suffix, l := range map[string]look{"": wide, "-narrow": narrow} {
		b := openTab(t, s.HTTP, l)
		b.open("alerts", "Alerts")
		for _, text := range []string{"9 missions", "0 missions", "93.2 %", "95 %", "3 agents", "5 agents", "15 min", "supervisor missions retry", "supervisor agent run, or cancel them"} {
			b.awaitText(text)
		}
		b.audit("alerts while some fire" + suffix)
		b.fits("alerts"+suffix, l)
		b.shoot("alerts-firing" + suffix)
		for name, want := range map[string]string{
			"Show pending missions": "/missions?status=PENDING&type=translate",
			"Show failed missions":  "/missions?status=FAILED",
			"mail":                  "/missions?status=FAILED&type=mail",
			"Show agents":           "/agents",
			"queue-slow":            "/missions?status=PENDING",
		} {
			b.open("alerts", "Alerts")
			b.await(name, control(name))
			b.await("what was raised", `document.querySelectorAll("tbody")[1]?.children.length >= 3`)
			b.settle()
			b.press(name)
			b.await(name, "location.hash === "+quote("#"+want))
		}
		for page, heading := range map[string]string{"overview": "Overview", "inbox": "Needs you", "missions": "Missions", "agents": "Agents", "events": "Events", "queries": "Queries", "mission/" + s.find("Bad archive 2"): "Bad archive"} {
			b.open(page, heading)
			b.awaitText("3 alerts")
			b.settle()
			b.fits(page+suffix, l)
		}
		b.open("overview", "Overview")
		b.audit("a page below alerts" + suffix)
		rule, missions, one := "no-agent", "PENDING&type=translate", "Translate chapter 9"
		if suffix != "" { // there is room for the first alert only
			rule, missions, one = "missions-failing", "FAILED", "Bad archive 2"
		}
		b.settle()
		b.press(rule) // in the line above the page
		b.await("its missions", "location.hash === "+quote("#/missions?status="+missions))
		b.awaitText(one)
		if text := eval[string](b, `document.querySelector(".firing").innerText`); !strings.Contains(text, "no-agent: 9 missions, translate") {
			t.Errorf("the line above the page says %q", text)
		}
	}
}
