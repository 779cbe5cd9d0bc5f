package manifests

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

var alert = regexp.MustCompile(`(?m)^    (missioncontrol_.*|(?:sum|max) .*)$`)

// The dashboard's queries, and the alerts recommended in METRICS.md, are valid
// PromQL.
func TestQueries(t *testing.T) {
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text, err := os.ReadFile("../../docs/grafana/missioncontrol.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	queries := map[string][]string{}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			// Grafana replaces this with a duration before it sends the query.
			queries[panel.Title] = append(queries[panel.Title], strings.ReplaceAll(target.Expr, "$__rate_interval", "1m"))
		}
	}
	if text, err = os.ReadFile("../../docs/METRICS.md"); err != nil {
		t.Fatal(err)
	}
	for _, line := range alert.FindAllStringSubmatch(string(text), -1) {
		queries["METRICS.md"] = append(queries["METRICS.md"], line[1])
	}
	want(t, "alerts", len(queries["METRICS.md"]), 11)
	for where, all := range queries {
		for _, query := range all {
			if _, err := parser.NewParser(parser.Options{}).ParseExpr(query); err != nil {
				t.Errorf("%s: %s: %v", where, query, err)
			}
		}
	}
}
