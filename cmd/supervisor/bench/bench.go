// Package bench puts a load on a running supervisor and measures it.
package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

// benchFlags describe the requested load.
type benchFlags struct {
	missions, agents, concurrency int
	callers, batch, payload       int
	kind                          string
	keep, json                    bool
}

// Command returns the command bench.
func Command(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "bench",
		GroupID: ui.GroupRun,
		Short:   "Measure how fast a supervisor is",
		Long: `Create missions on a running supervisor, work on them with agents that do nothing, and
report throughput and latency.

The missions are real: their events are in the stream, they count in the statistics, and
other agents of their type may claim some of them. bench deletes them at the end, unless
you set --keep. Ctrl-C stops bench early; it reports the results so far.`,
		Example: `  supervisor bench
  supervisor bench --missions 100000 --batch 1000 --callers 4
  supervisor bench --agents 1 --concurrency 1 --callers 1     one after another: latency
  supervisor bench --json | jq .missions_per_second`,
		Args: ui.NoArguments, ValidArgsFunction: ui.CompleteNothing,
	}
	var f benchFlags
	flags := cmd.Flags()
	flags.IntVar(&f.missions, "missions", 10_000, "create `N` missions")
	flags.IntVar(&f.agents, "agents", 4, "run `N` agents, each with its own connection")
	flags.IntVar(&f.concurrency, "concurrency", 32, "work on `N` missions per agent at once")
	flags.IntVar(&f.callers, "callers", 32, "create missions with `N` concurrent callers")
	flags.IntVar(&f.batch, "batch", 1, "create `N` missions per request")
	flags.IntVar(&f.payload, "payload", 64, "give each mission `BYTES` of data")
	flags.StringVar(&f.kind, "type", "bench", "`TYPE` of the missions")
	flags.BoolVar(&f.keep, "keep", false, "keep the missions in the store")
	flags.BoolVar(&f.json, "json", false, "print the report as JSON")
	ui.CompleteFlag(cmd, "type", remote.MissionTypes(c))
	config.AddConnectionFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := f.check(); err != nil {
			return err
		}
		return remote.Connect(c, cmd, remote.ConnectTimeout, func(ctx context.Context, s *remote.Session) error { return runBench(ctx, c, s, &f) })
	}
	return cmd
}

// check rejects loads that are not possible.
func (f *benchFlags) check() error {
	for _, flag := range []struct {
		name        string
		value, most int
	}{
		{"missions", f.missions, 10_000_000},
		{"agents", f.agents, 1000},
		{"concurrency", f.concurrency, missions.MaxBatch},
		{"callers", f.callers, 10_000},
		{"batch", f.batch, missions.MaxBatch},
	} {
		if flag.value < 1 || flag.value > flag.most {
			return ui.Usagef("--%s must be between 1 and %d, not %d", flag.name, flag.most, flag.value)
		}
	}
	if most := missions.MaxDataBytes - len(benchData(0)); f.payload < 0 || f.payload > most {
		return ui.Usagef("--payload must be between 0 and %d bytes, not %d", most, f.payload)
	}
	if err := missions.CheckToken("type", f.kind); err != nil {
		return ui.Usagef("--type: %v", remote.ErrorText(err))
	}
	return nil
}

// benchReport is the result of a run. Times are in seconds.
type benchReport struct {
	Missions          int       `json:"missions"` // completed
	Failed            int       `json:"failed"`   // failed create requests; the first error is reported
	Agents            int       `json:"agents"`
	Concurrency       int       `json:"concurrency"`
	Callers           int       `json:"callers"`
	Batch             int       `json:"batch"`
	PayloadBytes      int       `json:"payload_bytes"`
	Seconds           float64   `json:"seconds"` // from the first request until the last mission completed
	MissionsPerSecond float64   `json:"missions_per_second"`
	CreatesPerSecond  float64   `json:"creates_per_second"` // missions
	Create            latencies `json:"create_seconds"`     // of one request
	ToAgent           latencies `json:"to_agent_seconds"`   // from the request until a handler has the mission
}

// runBench runs a load, reports the result, and deletes the missions it created.
func runBench(ctx context.Context, c *ui.Console, s *remote.Session, f *benchFlags) error {
	run := newBenchRun(c, s, f)
	err := run.run(ctx)
	report := run.report()
	if report.Missions > 0 {
		showBench(c, s, &report, f.json)
	}
	if f.keep {
		return err
	}
	// Clean up after an interrupted run, too.
	cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), benchCleaning)
	defer cancel()
	if left := run.clean(cleaning); left > 0 && err == nil {
		return fmt.Errorf("cannot delete %s; the supervisor deletes them after its retention time",
			ui.Plural(left, "mission", "missions"))
	}
	return err
}

// benchCleaning bounds the deletion.
const benchCleaning = 5 * time.Minute

func showBench(c *ui.Console, s *remote.Session, r *benchReport, asJSON bool) {
	if asJSON {
		if raw, err := json.Marshal(r); err == nil { // numbers always marshal
			c.Out.JSON(raw)
		}
		return
	}
	b := c.Out.Card("Benchmark of " + s.Conn.ConnectedUrlRedacted())
	b.Line("Missions", fmt.Sprintf("%s of %s each, created by %s in batches of %s",
		ui.Count(r.Missions), ui.ByteSize(int64(r.PayloadBytes)), ui.Plural(r.Callers, "caller", "callers"), ui.Count(r.Batch)))
	b.Line("Agents", fmt.Sprintf("%s with %s at once", ui.Count(r.Agents), ui.Count(r.Concurrency)))
	b.Gap()
	b.Line("Done", c.Out.Paint(ui.Bold, ui.Count(int64(r.MissionsPerSecond))+" missions/s"))
	b.Line("Created", ui.Count(int64(r.CreatesPerSecond))+" missions/s")
	b.Gap()
	b.Line("Create", r.Create.String())
	b.Line("To an agent", r.ToAgent.String())
	b.Print()
}
