package sqlitestore

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// eachConn calls do with every connection of a store, while nobody else uses it.
func eachConn(t testing.TB, s *Store, do func(*conn)) {
	t.Helper()
	b := s.backend
	if err := b.settle(); err != nil {
		t.Fatal(err)
	}
	func() {
		b.writing.Lock()
		defer b.writing.Unlock()
		do(b.writer)
	}()
	borrowed := make([]*conn, b.readers.opened)
	for i := range borrowed {
		borrowed[i] = <-b.readers.free
	}
	for _, reader := range borrowed {
		do(reader)
		b.readers.free <- reader
	}
}

var (
	// smallTables have as many rows as there are agents, leases or mission types, however
	// many missions there are.
	smallTables = regexp.MustCompile(`^SCAN (agents|totals|marks|alerts|notices|identity|journal|l|leases|CONSTANT ROW|sqlite_master)\b`)

	seenPlans sync.Map // SQL that has been checked
)

// checkPlans fails the test for every statement that the store has prepared and
// that reads a table from end to end, or sorts what grows with the missions.
func checkPlans(t *testing.T, s *Store) {
	t.Helper()
	eachConn(t, s, func(c *conn) {
		for sql := range c.stmts {
			if _, seen := seenPlans.LoadOrStore(sql, true); !seen {
				checkPlan(t, c, sql)
			}
		}
	})
}

func checkPlan(t *testing.T, c *conn, sql string) {
	t.Helper()
	plan, err := planOf(c, sql)
	if err != nil {
		t.Errorf("explain %q: %v", sql, err)
	}
	for _, line := range plan {
		scans := strings.HasPrefix(line, "SCAN") && !smallTables.MatchString(line)
		sorts := strings.Contains(line, "TEMP B-TREE") && !strings.Contains(sql, "FROM agents")
		if scans || sorts {
			t.Errorf("%s\n\tin the plan of %s", line, sql)
		}
	}
}

func planOf(c *conn, sql string) (plan []string, err error) {
	stmt, _, err := c.db.Prepare("EXPLAIN QUERY PLAN " + sql)
	if err != nil || stmt == nil {
		return nil, err
	}
	defer func() { _ = stmt.Close() }()
	for stmt.Step() {
		plan = append(plan, stmt.ColumnText(3))
	}
	return plan, stmt.Err()
}

// TestThePlanCheckFindsScans makes sure that checkPlans can fail.
func TestThePlanCheckFindsScans(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Config{})
	eachConn(t, s, func(c *conn) {
		for sql, want := range map[string]string{
			"SELECT * FROM missions WHERE name = 'x'":                          "SCAN missions",
			"SELECT * FROM missions WHERE status = 0 ORDER BY name":            "USE TEMP B-TREE FOR ORDER BY",
			"SELECT t.tag FROM tags t JOIN missions m ON m.seq = t.seq":        "SCAN t",
			"SELECT count(*) FROM outbox":                                      "SCAN outbox",
			"SELECT min(due_at) FROM missions WHERE due_at IS NOT NULL":        "",
			"SELECT seq FROM missions WHERE status = 0 ORDER BY seq DESC":      "",
			"SELECT count(*) FROM missions INDEXED BY missions_status LIMIT 1": "SCAN missions",
		} {
			plan, err := planOf(c, sql)
			if err != nil {
				t.Fatal(err)
			}
			found := ""
			for _, line := range plan {
				if strings.HasPrefix(line, "SCAN") && !smallTables.MatchString(line) || strings.Contains(line, "TEMP B-TREE") {
					found = line
				}
			}
			if !strings.HasPrefix(found, want) || (want == "") != (found == "") {
				t.Errorf("in %q the check finds %q, want %q", sql, found, want)
			}
		}
	})
}

// TestWorkDoesNotGrowWithTheStore counts the instructions that SQLite's machine
// runs for the same work in a small store and in one ten times larger. A plan
// alone does not show it: max() over an index is a SEARCH, whether it takes the
// last entry or walks them all.
func TestWorkDoesNotGrowWithTheStore(t *testing.T) {
	t.Parallel()
	small, large := workIn(t, 250), workIn(t, 2500)
	for name, steps := range small {
		// A B-tree that is one level deeper costs no instruction; a quarter is for
		// the histogram, which has a row per bucket seen.
		if most := steps + steps/4 + 50; large[name] > most {
			t.Errorf("%s runs %d instructions among 250 missions and %d among 2500", name, steps, large[name])
		}
	}
}

// workIn returns how many instructions each kind of work costs in a store that
// holds n missions in every status.
func workIn(t *testing.T, n int) map[string]int {
	t.Helper()
	clock := newClock()
	s := mustOpen(t, Config{Now: clock.Now, Readers: 1})
	furnish(t, s, clock, n)
	clock.Advance(leaseTime / 2)
	cost := map[string]int{}
	work := func(name string, do func() error) {
		t.Helper()
		before := instructions(t, s) // which settles
		if err := do(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		cost[name] = instructions(t, s) - before
	}
	just := func(_ any, err error) error { return err }
	ctx := t.Context()
	var m missions.Mission
	last := fmt.Sprintf("b%d-249", n/250-1)
	work("create", func() error { return just(s.Create(ctx, []missions.Mission{mission("new", "t")})) })
	work("create again", func() error { return just(s.Create(ctx, []missions.Mission{mission("new", "t")})) })
	work("claim", func() error {
		results, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: leaseTime}})
		m = results[0].Missions[0]
		return err
	})
	ref := missions.LeaseRef{MissionID: m.ID, Lease: m.Lease}
	work("progress", func() error {
		return just(s.Progress(ctx, []missions.ProgressUpdate{{AgentID: "a", LeaseRef: ref, Progress: missions.Progress{Percent: 1}}}))
	})
	line := missions.LogAppend{AgentID: "a", LeaseRef: ref, Level: "info", Message: "x"}
	if _, err := s.AppendLog(ctx, slices.Repeat([]missions.LogAppend{line}, n)); err != nil {
		t.Fatal(err)
	}
	work("log", func() error { return just(s.AppendLog(ctx, []missions.LogAppend{line})) })
	work("complete", func() error {
		return just(s.Finish(ctx, []missions.Finish{{AgentID: "a", LeaseRef: ref, Outcome: missions.OutcomeComplete}}))
	})
	work("get", func() error { return just(s.Get(ctx, "new")) })
	work("counts", func() error { return just(s.Counts(ctx)) })
	work("stats", func() error { return just(s.Stats(ctx, "")) })
	work("stats of a type", func() error { return just(s.Stats(ctx, "t")) })
	work("stats of a rare type", func() error { return just(s.Stats(ctx, "rare")) })
	work("sample", func() error { return just(s.Sample(ctx)) })
	clock.Advance(time.Minute)
	work("another sample", func() error { return just(s.Sample(ctx)) })
	work("stats after samples", func() error { return just(s.Stats(ctx, "t")) })
	work("history", func() error { return just(s.History(ctx, "t", 10)) })
	work("unserved", func() error { return just(s.Unserved(ctx)) })
	raise := missions.AlertChange{Alert: missions.Alert{Rule: "r", State: missions.AlertFiring}, Tell: true, Notify: true}
	work("change of an alert", func() error { return just(s.ChangeAlerts(ctx, []missions.AlertChange{raise})) })
	work("alerts", func() error { return just(s.Alerts(ctx)) })
	work("notices", func() error { return just(s.Notices(ctx, 10)) })
	work("a notice less", func() error { return s.Noticed(ctx, 1) })
	if _, err := s.Due(ctx, 10); err != nil { // loads what is planned first, as many as are kept in memory
		t.Fatal(err)
	}
	work("due", func() error { return just(s.Due(ctx, 10)) })
	work("retain", func() error { return just(s.Retain(ctx, day, 10)) })
	work("waiting", func() error { return just(s.Waiting(ctx)) })
	work("pending events", func() error { return just(s.Outboxes()[0].Pending(ctx, 0, 10)) })
	for _, f := range []missions.Filter{
		{}, {Status: missions.Pending}, {Type: "t"}, {Type: "t", Status: missions.Failed}, {AgentID: "a"}, {Tag: "red"},
		{Type: "rare"}, {Type: "rare", Status: missions.Pending}, {Tag: "rare"}, {AgentID: "nobody"},
	} {
		f.Limit = 10
		work(fmt.Sprintf("list %+v", f), func() error { return just(s.List(ctx, f)) })
	}
	// One commit each: how often several are settled depends on how fast they come.
	work("cancel", func() error { return just(s.Cancel(ctx, []missions.CancelRequest{{ID: last}})) })
	work("retry", func() error { return just(s.Retry(ctx, []missions.RetryRequest{{ID: last}})) })
	work("delete", func() error { return just(s.Delete(ctx, []string{last})) })
	checkPlans(t, s)
	return cost
}

// day is longer than anything in these tests but what waits for good.
const day = 24 * leaseTime

// furnish fills a store with n missions: most wait, some are held, completed or
// failed, some wait for a time that does not come, and the newest is rare.
func furnish(t *testing.T, s *Store, clock *clock, n int) {
	t.Helper()
	if _, err := s.Register(t.Context(), missions.Agent{ID: "a", Types: []string{"t"}, Capacity: 1}, leaseTime); err != nil {
		t.Fatal(err)
	}
	for batch := range n / 250 {
		list := batchOf(batch, 250)
		for i := range list {
			switch i % 5 {
			case 0:
				list[i].Tags = []string{"red"}
			case 1:
				list[i].NotBefore = missions.At(clock.Now()).Add(day)
			case 2:
				list[i].Deadline = missions.At(clock.Now()).Add(day)
			}
		}
		if _, err := s.Create(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	rare := mission("rare", "rare")
	rare.Tags = []string{"rare"}
	if _, err := s.Create(t.Context(), []missions.Mission{rare}); err != nil {
		t.Fatal(err)
	}
	for range n / 250 {
		results, err := s.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "a", Max: 100, Lease: leaseTime}})
		if err != nil {
			t.Fatal(err)
		}
		var ends []missions.Finish
		var lines []missions.LogAppend
		for i, m := range results[0].Missions {
			ref := missions.LeaseRef{MissionID: m.ID, Lease: m.Lease}
			lines = append(lines, missions.LogAppend{AgentID: "a", LeaseRef: ref, Level: "info", Message: "x"})
			if i%10 > 0 {
				outcome := []missions.Outcome{missions.OutcomeComplete, missions.OutcomeFail}[i%2]
				ends = append(ends, missions.Finish{AgentID: "a", LeaseRef: ref, Outcome: outcome, Error: "x"})
			}
		}
		if _, err := s.AppendLog(t.Context(), lines); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Finish(t.Context(), ends); err != nil {
			t.Fatal(err)
		}
	}
}

// instructions sums up what the virtual machine has run so far.
func instructions(t *testing.T, s *Store) (sum int) {
	t.Helper()
	eachConn(t, s, func(c *conn) {
		for _, stmt := range c.stmts {
			sum += stmt.Status(sqlite3.STMTSTATUS_VM_STEP, false)
		}
	})
	return sum
}
