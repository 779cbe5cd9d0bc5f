package client

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// onTerminal returns a screen with colours and a width that writes into a builder.
func onTerminal(width int) (*ui.Screen, *strings.Builder) {
	var out strings.Builder
	screen := ui.NewScreen(&out, os.LookupEnv)
	screen.Terminal, screen.Colours, screen.Width, screen.Zone = true, true, width, time.UTC
	return screen, &out
}

var (
	colourSequence = regexp.MustCompile("\x1b\\[[0-9]+m")
	wholeColour    = regexp.MustCompile("\x1b\\[[1-9][0-9]*m[^\x1b]*\x1b\\[0m")
)

// fits checks that no line is wider than the terminal, and that every colour ends on the
// line where it began.
func fits(t *testing.T, table string, width int) (plain string) {
	t.Helper()
	for line := range strings.Lines(table) {
		if got := text.StringWidthWithoutEscSequences(strings.TrimSuffix(line, "\n")); got > width {
			t.Errorf("a line of %d characters on a terminal with %d:\n%s", got, width, table)
		}
		if rest := wholeColour.ReplaceAllString(line, ""); strings.Contains(rest, "\x1b") {
			t.Errorf("a broken colour in %q", line)
		}
	}
	return colourSequence.ReplaceAllString(table, "")
}

// missionsTable lists missions whose ids are UUIDs, as they are by default.
func missionsTable(width int) string {
	out, text := onTerminal(width)
	g := listGrid(out)
	for i, status := range missions.Statuses() {
		listRow(g, out, &missions.Mission{
			ID: fmt.Sprintf("0198c5b0-6f3c-7c55-9d3a-2b8c1de0a%03d", i), Name: "resize the 生命 of image number " + fmt.Sprint(i), Type: "resize-large",
			Status: status, Priority: missions.Critical, Attempt: 2, MaxAttempts: 10, AgentID: "resizer-of-large-images-0f3a",
			Progress: &missions.Progress{Percent: 50}, CreatedAt: 1769871845000000,
		})
	}
	g.Print()
	return text.String()
}

func TestTheListOfMissionsFitsTheTerminal(t *testing.T) {
	t.Parallel()
	wide := fits(t, missionsTable(300), 300)
	contains(t, wide, "│ 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a000 │ resize the 生命 of image number 0 │", "Priority", "Created", "50 %")
	for width, columns := range map[int][]string{
		60: {"Status", "COMPLETED", "CANCELLED"}, 80: {"Status", "Name", "Attempt", "2/10"}, 100: {"Name", "number 0 ", "Attempt"}, 120: {"Name", "Agent", "Attempt"},
	} {
		contains(t, fits(t, missionsTable(width), width), append(columns, "│ 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a001 │")...)
	}
	equal(t, "80 characters", fits(t, missionsTable(80), 80), `╭─────────────────────────────────────────────────────────────────────────────╮
│                                   Missions                                  │
├──────────────────────────────────────┬────────────────┬───────────┬─────────┤
│ ID                                   │ Name           │ Status    │ Attempt │
├──────────────────────────────────────┼────────────────┼───────────┼─────────┤
│ 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a000 │ resize the 生… │ PENDING   │    2/10 │
│ 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a001 │ resize the 生… │ RUNNING   │    2/10 │
│ 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a002 │ resize the 生… │ COMPLETED │    2/10 │
│ 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a003 │ resize the 生… │ FAILED    │    2/10 │
│ 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a004 │ resize the 生… │ CANCELLED │    2/10 │
╰──────────────────────────────────────┴────────────────┴───────────┴─────────╯
`)
	fits(t, missionsTable(40), 40)
}

func TestAgentsTable(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	cpu, bytes := 0.256, int64(64<<20)
	now := time.Unix(1769871845, 0)
	reply := api.Agents{AgentCount: 2, Agents: []missions.Agent{
		{ID: "a-1", Name: "Resizer", Role: "worker", State: missions.Online, LastHeartbeat: missions.At(now.Add(-1500 * time.Millisecond)),
			MissionsRunning: 3, Capacity: 4, Types: []string{"resize", "crop"}, Version: "1.0", Host: "h1", CPU: &cpu, MemoryBytes: &bytes},
		{ID: "b-2", Name: "b-2", State: missions.Offline, LastHeartbeat: missions.At(now.Add(-3 * time.Hour)), Capacity: 1, Types: []string{"default"}},
	}}
	agentsTable(ui.NewScreen(&out, os.LookupEnv), &reply, now)
	equal(t, "agents", out.String(), `ID   Role    State    Busy  Types        CPU  Memory   Version  Host  Last_seen  Name
a-1  worker  online   3/4   resize,crop  26%  64.0MiB  1.0      h1    1s         Resizer
b-2  -       offline  0/1   default      -    -        -        -     3h00m      -
`)
}

func TestTheListOfAgentsFitsTheTerminal(t *testing.T) {
	t.Parallel()
	now := time.Unix(1769871845, 0)
	cpu, bytes := 0.256, int64(64<<20)
	table := func(width int) string {
		out, text := onTerminal(width)
		agentsTable(out, &api.Agents{AgentCount: 1, Agents: []missions.Agent{{
			ID: "resizer-of-large-images-0f3a51b2", Name: "The resizer of large images", Role: "resizing", State: missions.Draining,
			LastHeartbeat: missions.At(now.Add(-90 * time.Second)), MissionsRunning: 3, Capacity: 4, Types: []string{"resize-large", "crop"},
			Version: "1.0.4", Host: "worker-17.example.com", CPU: &cpu, MemoryBytes: &bytes,
		}}}, now)
		return text.String()
	}
	contains(t, fits(t, table(300), 300), "The resizer of large images", "worker-17.example.com", "resize-large, crop", "64.0 MiB", "26 %")
	for width, columns := range map[int][]string{
		60: {"State", "draining", "Busy", "3/4"}, 80: {"Busy", "Last seen", "1m30s ago"}, 100: {"Types", "resize-large, crop"}, 120: {"CPU", "26 %"},
	} {
		contains(t, fits(t, table(width), width), append(columns, "│ resizer-of-large-images-0f3a51b2 │")...)
	}
	fits(t, table(40), 40)
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

// A long value is shown by its beginning, with how to see the rest; a list shows why
// missions failed, and how long they took.
func TestLongValuesAndFailuresAreShort(t *testing.T) {
	t.Parallel()
	out, text := onTerminal(0)
	m := &missions.Mission{ID: "m", Name: "n", Status: missions.Failed, StartedAt: 1769871845000000, FinishedAt: 1769871847000000,
		Result: []byte(`{"a":[` + strings.Repeat("1,", 5000) + `1]}`), Error: "first line\nsecond line"}
	missionCard(out, m, "")
	contains(t, text.String(), "… 5,005 lines in all; everything: supervisor missions get m --json | jq .mission.result")
	if lines := strings.Count(text.String(), "\n"); lines > 40 {
		t.Errorf("%d lines", lines)
	}
	text.Reset()
	g := listGrid(out)
	listRow(g, out, m)
	g.Print()
	contains(t, text.String(), "first line", "2.00s")
	if strings.Contains(text.String(), "second line") {
		t.Errorf("more than a line of the error:\n%s", text)
	}
}

// A log has room for so many entries; what a program writes after that is lost.
func TestALogThatIsFullSaysSo(t *testing.T) {
	t.Parallel()
	out, text := onTerminal(0)
	r := &logPrinter{out: out, total: missions.MaxLogEntries - 2}
	entry := []byte(`{"timestamp":1,"level":"info","message":"x","by":"agent"}`)
	const full = "The log is full: it keeps 100,000 entries. What the agent writes from here on is lost; changes of status are still logged.\n"
	for i, ends := range []string{"| x\n", full, "| x\n"} {
		text.Reset()
		if err := r.print(entry); err != nil || !strings.HasSuffix(text.String(), ends) {
			t.Errorf("entry %d: %q, %v", i, text, err)
		}
	}
}
