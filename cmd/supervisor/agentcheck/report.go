package agentcheck

import (
	"github.com/go-json-experiment/json"

	"missioncontrol/cmd/supervisor/ui"
)

// report is a run as JSON.
type report struct {
	Status    status   `json:"status"`    // the worst of all
	Transport string   `json:"transport"` // nats or http
	Checks    []result `json:"checks"`
}

// worst returns the worst status of some results.
func worst(results []result) status {
	order := map[status]int{passed: 0, skipped: 1, warned: 2, failed: 3}
	worst := passed
	for _, r := range results {
		if order[r.Status] > order[worst] {
			worst = r.Status
		}
	}
	if worst == skipped {
		return passed
	}
	return worst
}

func printJSON(out *ui.Screen, http bool, results []result) error {
	transport := "nats"
	if http {
		transport = "http"
	}
	raw, err := json.Marshal(report{worst(results), transport, results})
	if err != nil {
		return err
	}
	out.JSON(raw)
	return nil
}

// marks are the signs and colours of the statuses.
var marks = map[status]struct{ sign, colour string }{passed: {"✔", ui.Green}, skipped: {"-", ui.Faint}, warned: {"!", ui.Yellow}, failed: {"✘", ui.Red}}

func printText(out *ui.Screen, results []result) {
	tally, width := map[status]int{}, 0
	for _, r := range results {
		tally[r.Status]++
		width = max(width, len(r.Check))
	}
	for _, r := range results {
		marker := marks[r.Status]
		out.Printf("%s %s  %s\n", out.Paint(marker.colour, marker.sign), ui.PadRight(r.Check, width), ui.Clean(r.Expected))
		if r.Seen != "" {
			out.Printf("  %s  → %s\n", ui.PadRight("", width), ui.Clean(r.Seen))
		}
	}
	out.Printf("\n%d failed, %s, %d skipped, %d passed.\n", tally[failed], ui.Plural(tally[warned], "warning", "warnings"), tally[skipped], tally[passed])
}
