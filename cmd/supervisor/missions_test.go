package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func TestTheLifeOfAMission(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	equal(t, "create", b.ok(t, "missions", "create", "build it", "--id", "build-1", "--type", "build", "--priority", "high", "--tag", "ci,night",
		"--tag", "x", "--data", `{"target": "all"}`, "--max-attempts", "5", "--timeout", "90s", "--stall", "1m", "--description", "two\nlines",
		"--correlation-id", "c-1", "--not-before", "2026-01-31T10:00:00Z", "--deadline", "2096-01-31T10:00:00Z"), "Created mission build-1\n")

	m, err := b.client.Get(t.Context(), "build-1")
	must(t, err)
	equal(t, "priority", m.Priority, missions.High)
	file := filepath.Join(t.TempDir(), "missions.jsonl")
	must(t, os.WriteFile(file, []byte(`{"id":"lower","name":"n","priority":"critical"}`+"\n"+`{"id":"mixed","name":"n","priority":"Low"}`+"\n"), 0o600))
	if code, _, stderr := b.run(t, "missions", "create", "--file", file); code != 0 {
		t.Errorf("priorities in small letters: %s", stderr)
	}
	for id, want := range map[string]missions.Priority{"lower": missions.Critical, "mixed": missions.Low} {
		small, err := b.client.Get(t.Context(), id)
		must(t, err)
		equal(t, "priority of "+id, small.Priority, want)
	}
	equal(t, "tags", strings.Join(m.Tags, " "), "ci night x")
	equal(t, "data", string(m.Data), `{"target":"all"}`)
	equal(t, "timeout", m.TimeoutSeconds, 90)
	equal(t, "stall", m.StallSeconds, 60)
	equal(t, "attempts", m.MaxAttempts, 5)
	equal(t, "not before", m.NotBefore.Time().Format(time.RFC3339), "2026-01-31T10:00:00Z")

	created := m.CreatedAt.Time().Format(time.DateTime)
	card := b.ok(t, "missions", "get", "build-1")
	equal(t, "get", card, strings.ReplaceAll(`Mission build-1

         Name: build it
  Description: two
               lines
         Type: build
     Priority: HIGH
         Tags: ci, night, x
  Correlation: c-1
         Data: {"target":"all"}

       Status: PENDING
        Waits: for an agent: none is online for the type build; start one: supervisor agent run --type build -- COMMAND
      Attempt: 0 of 5

      Created: CREATED
   Not before: 2026-01-31 10:00:00
     Deadline: 2096-01-31 10:00:00
      Timeout: 1m30s
        Stall: 1m00s
`, "CREATED", created))

	b.refused(t, 1, `mission "build-1" exists with different content`, "missions", "create", "other", "--id", "build-1")
	equal(t, "cancel", b.ok(t, "missions", "cancel", "build-1", "--reason", "not needed"), "Cancelled mission build-1 (build it)\n")
	b.refused(t, 1, "cannot cancel a mission that is CANCELLED", "missions", "cancel", "build-1")
	equal(t, "retry", b.ok(t, "missions", "retry", "build-1"), "Requeued mission build-1 (build it)\n")
	log := b.ok(t, "missions", "log", "build-1")
	for i, want := range []string{"created, PENDING", "PENDING → CANCELLED: cancelled by supervisor-cli: not needed", "CANCELLED → PENDING"} {
		if line := strings.Split(log, "\n")[i]; !regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  info  `).MatchString(line) || !strings.Contains(line, want) {
			t.Errorf("line %d of the log is %q, want %q", i, line, want)
		}
	}
	equal(t, "delete", b.ok(t, "missions", "delete", "build-1", "--yes"), "Deleted mission build-1 (build it)\n")
	b.refused(t, 1, `there is no mission "build-1"`, "missions", "get", "build-1")
}

func TestMissionsHaveIDsBeforeTheyAreSent(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	out := b.ok(t, "missions", "create", "hello")
	id, err := uuid.Parse(strings.TrimSpace(strings.TrimPrefix(out, "Created mission ")))
	must(t, err)
	equal(t, "version of the UUID", int(id.Version()), 7)
	var reply struct {
		Mission missions.Mission `json:"mission"`
		Created bool             `json:"created"`
	}
	must(t, json.Unmarshal([]byte(b.ok(t, "missions", "create", "again", "--json")), &reply))
	equal(t, "created", reply.Created, true)
	equal(t, "name", reply.Mission.Name, "again")
	out = b.ok(t, "missions", "create", "again", "--id", reply.Mission.ID)
	equal(t, "the same once more", out, "Mission "+reply.Mission.ID+" already exists (PENDING)\n")
}

func TestACreationIsSentAgainWhenItsFateIsUnknown(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	var ids []string
	_, err := b.nc.Subscribe(api.SubjectMissionsCreate, func(m *nats.Msg) {
		var spec api.MissionSpec
		_ = json.Unmarshal(m.Data, &spec)
		if ids = append(ids, spec.ID); len(ids) < 3 {
			reply := nats.NewMsg(m.Reply)
			reply.Header.Set(api.HeaderErrorCode, "503")
			reply.Data = []byte(`{"error":{"code":"unavailable","message":"stopping"}}`)
			if len(ids) == 1 {
				reply.Data = []byte(`{"error":{"code":"timeout","message":"late"}}`)
			}
			_ = b.nc.PublishMsg(reply)
			return
		}
		_ = m.Respond([]byte(`{"mission":{"id":"` + spec.ID + `","name":"n"},"created":true}`))
	})
	must(t, err)
	must(t, b.nc.Flush())
	contains(t, b.ok(t, "missions", "create", "n"), "Created mission ")
	if len(ids) != 3 || ids[0] == "" || ids[0] != ids[1] || ids[1] != ids[2] {
		t.Errorf("sent with the ids %q", ids)
	}
}

// TestAMissionThatIsWaitedForIsKnownAtOnce creates missions that no agent works on.
func TestAMissionThatIsWaitedForIsKnownAtOnce(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	c := b.start(t, "missions", "create", "n", "--id", "m1", "--type", "t", "--wait")
	c.err.await(t, "Created mission m1; waiting for it to end\n", 1)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 130)
	equal(t, "stdout", c.out.String(), "")
	contains(t, c.err.String(), "supervisor: interrupted\n")

	code, stdout, stderr := b.run(t, "missions", "create", "n", "--id", "m1", "--type", "t", "--wait", "--json", "--wait-timeout", "50ms")
	equal(t, "exit code", code, 1)
	equal(t, "stdout", stdout, "")
	contains(t, stderr, "Mission m1 already exists (PENDING); waiting for it to end\n",
		"supervisor: mission m1 has not ended within the --wait-timeout of 50 milliseconds\n")

	c = b.start(t, "missions", "create", "n", "--id", "m1", "--type", "t", "--wait", "--json", "--wait-timeout", "1h")
	b.finish(t, "m1", true)
	equal(t, "exit code", c.wait(t), 0)
	contains(t, c.out.String(), `{"mission":{"id":"m1"`)
}

func TestACreationWhoseFateIsUnknownNamesTheMission(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	asked := make(chan struct{}, 1)
	_, err := b.nc.Subscribe(api.SubjectMissionsCreate, func(*nats.Msg) { asked <- struct{}{} })
	must(t, err)
	must(t, b.nc.Flush())
	c := b.start(t, "missions", "create", "n", "--id", "m1")
	<-asked
	c.interrupt()
	equal(t, "exit code", c.wait(t), 130)
	equal(t, "stderr", c.err.String(), "supervisor: it is not known whether mission m1 was created: interrupted\n")
}

func TestDeletingAsks(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	for _, id := range []string{"m1", "m2"} {
		b.ok(t, "missions", "create", "x", "--id", id)
	}
	ask := func(answer string) (int, string) {
		c := newCall(map[string]string{"NATS_URL": b.url})
		c.cli.In, c.cli.Err.Terminal = strings.NewReader(answer), true
		return c.start(t, "missions", "delete", "m1", "m2").wait(t), c.out.String() + c.err.String()
	}
	for _, answer := range []string{"", "\n", "n\n", "maybe\n"} {
		code, text := ask(answer)
		equal(t, "exit code", code, 1)
		equal(t, "text", text, "Delete 2 missions? This cannot be undone. [y/N] Nothing was deleted.\n")
	}
	code, text := ask("Yes\n")
	equal(t, "exit code", code, 0)
	equal(t, "text", text, "Deleted mission m1 (x)\nDeleted mission m2 (x)\nDelete 2 missions? This cannot be undone. [y/N] ")
}

func TestOneBadIDDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.ok(t, "missions", "create", "x", "--id", "m1")
	b.ok(t, "missions", "create", "x", "--id", "m2")
	code, stdout, stderr := b.run(t, "missions", "cancel", "none", "m1", "nil", "m2")
	equal(t, "exit code", code, 1)
	equal(t, "stdout", stdout, "Cancelled mission m1 (x)\nCancelled mission m2 (x)\n")
	equal(t, "stderr", stderr, "supervisor: there is no mission \"none\"\nsupervisor: there is no mission \"nil\"\n")
	code, _, stderr = b.run(t, "missions", "cancel", "m1", "m2")
	equal(t, "exit code", code, 1)
	equal(t, "stderr", stderr, "supervisor: mission m1: cannot cancel a mission that is CANCELLED\nsupervisor: mission m2: cannot cancel a mission that is CANCELLED\n")
	code, stdout, _ = b.run(t, "missions", "retry", "m1", "m2", "--json")
	equal(t, "exit code", code, 0)
	equal(t, "lines", strings.Count(stdout, "\n"), 2)
	for line := range strings.Lines(stdout) {
		if !json.Valid([]byte(line)) || !strings.HasPrefix(line, `{"mission":{"id":"m`) {
			t.Errorf("not a reply: %s", line)
		}
	}
}

func TestListFiltersAndPages(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	for i := range 5 {
		b.ok(t, "missions", "create", fmt.Sprintf("Invoice %d", i), "--id", fmt.Sprintf("m%d", i), "--type", "bill", "--tag", "t"+fmt.Sprint(i%2))
	}
	b.ok(t, "missions", "create", "other", "--id", "other")
	b.ok(t, "missions", "cancel", "m4")
	created := func(id string) string {
		m, err := b.client.Get(t.Context(), id)
		must(t, err)
		return m.CreatedAt.Time().Format(time.DateTime)
	}
	_, table, note := b.run(t, "missions", "list", "--type", "bill", "--limit", "2")
	want := "ID  Type  Status     Priority  Attempt  Agent  Progress  Took  Created              Name\n" +
		"m4  bill  CANCELLED  NORMAL    0/3      -      -         -     " + strings.Replace(created("m4"), " ", "T", 1) + "  Invoice 4\n" +
		"m3  bill  PENDING    NORMAL    0/3      -      -         -     " + strings.Replace(created("m3"), " ", "T", 1) + "  Invoice 3\n"
	equal(t, "table", table, want)
	const more = "Showing the newest 2; there may be more. Use --limit N or --all.\n"
	equal(t, "note", note, more)

	_, names, note := b.run(t, "missions", "list", "--type", "bill", "--limit", "2", "-o", "name")
	equal(t, "names", names, "m4\nm3\n")
	equal(t, "note with names", note, more)
	equal(t, "names of none", b.ok(t, "missions", "list", "--type", "none", "-o", "name"), "")
	equal(t, "JSON", b.ok(t, "missions", "list", "--type", "bill", "-o", "json"), b.ok(t, "missions", "list", "--type", "bill", "--json"))
	equal(t, "the last one counts", b.ok(t, "missions", "list", "--type", "bill", "--json", "--output", "name"), "m4\nm3\nm2\nm1\nm0\n")
	long := strings.Repeat("long ", 20) + "name"
	b.ok(t, "missions", "create", long, "--id", "long", "--type", "long")
	contains(t, b.ok(t, "missions", "list", "--type", "long"), "…\n")
	contains(t, b.ok(t, "missions", "list", "--type", "long", "-o", "wide"), "  "+long+"\n")
	b.ok(t, "missions", "delete", "long", "--yes")
	b.refused(t, 2, `--output: "yaml" is not table, wide, json or name`, "missions", "list", "-o", "yaml")
	b.refused(t, 2, `--output: "name" is not text or json`, "status", "-o", "name")

	for filter, ids := range map[string]string{
		"--text voice":                       "m4 m3 m2 m1 m0",
		"--tag t1":                           "m3 m1",
		"--status cancelled":                 "m4",
		"--type bill --status PENDING":       "m3 m2 m1 m0",
		"--agent nobody":                     "",
		"--after 1h":                         "other m4 m3 m2 m1 m0",
		"--before 1h":                        "",
		"--before 2096-01-01 --limit 1":      "other",
		"--all":                              "other m4 m3 m2 m1 m0",
		"--limit 1000 --text INVOICE\u00a01": "",
	} {
		var reply struct{ Missions []missions.Mission }
		must(t, json.Unmarshal([]byte(b.ok(t, append([]string{"missions", "list", "--json"}, strings.Split(filter, " ")...)...)), &reply))
		var got []string
		for _, m := range reply.Missions {
			got = append(got, m.ID)
		}
		equal(t, filter, strings.Join(got, " "), ids)
	}
	_, stdout, note := b.run(t, "missions", "list", "--tag", "none")
	equal(t, "nothing", stdout, "")
	equal(t, "note of nothing", note, "No matching missions.\n")
}

func TestListOfSeveralPagesIsOneDocument(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	pages := []string{`{"missions":[{"id":"a"},{"id":"b"}],"next_cursor":"7"}`, `{"missions":[],"next_cursor":"3"}`, `{"missions":[{"id":"c"}]}`}
	var asked atomic.Int32
	_, err := b.nc.Subscribe(api.SubjectMissionsList, func(m *nats.Msg) {
		_ = m.Respond([]byte(pages[asked.Add(1)-1]))
	})
	must(t, err)
	must(t, b.nc.Flush())
	equal(t, "JSON", b.ok(t, "missions", "list", "--all", "--json"), "{\"missions\":[\n{\"id\":\"a\"},\n{\"id\":\"b\"},\n{\"id\":\"c\"}\n]}\n")
	equal(t, "pages asked for", asked.Load(), 3)
}

func TestAFileOfMissions(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	var lines []string
	for i := range 2500 {
		lines = append(lines, fmt.Sprintf(`{"id":"f%d","name":"n %d","data":{"i":%d}}`, i, i, i))
	}
	lines[6] = `{"name":""}`
	lines[8] = ""
	lines[9] = `{"name":"x","colour":"red"}`
	lines[1200] = `{"name":"a\u001b[31m"}`
	lines[2000] = lines[1999]
	lines[2001] = `{"id":"f1999","name":"another"}`
	lines[2002] = `{"name":"x","data":{"long":"` + strings.Repeat("x", 3<<20) + `"}}`
	lines[2003] = "not json"
	file := filepath.Join(t.TempDir(), "missions.jsonl")
	must(t, os.WriteFile(file, []byte(strings.Join(lines, "\r\n")), 0o600))

	code, stdout, stderr := b.run(t, "missions", "create", "--file", file)
	equal(t, "exit code", code, 1)
	equal(t, "stdout", stdout, "")
	for _, want := range []string{
		":7: name is required\n", ":10: colour is not a field of this request\n", ":1201: name contains a control character\n",
		`:2002: mission "f1999" exists with different content` + "\n", ":2003: line is longer than 2048 KiB\n", ":2004: body is not valid JSON at byte 1\n",
	} {
		contains(t, stderr, file+want)
	}
	contains(t, stderr, "Created 2,492 missions, 1 already existed, 6 failed, in ")
	stats, err := b.client.Stats(t.Context(), "")
	must(t, err)
	equal(t, "stored", stats.Total, 2492)

	code, stdout, stderr = b.runWith(t, strings.NewReader(lines[0]+"\n"+`{"name":"new"}`+"\n{}"), "missions", "create", "--file", "-", "--json")
	equal(t, "exit code", code, 1)
	contains(t, stdout, `{"line":1,"mission":{"id":"f0",`, `"created":false}`, `{"line":2,"mission":`, `"created":true}`,
		`{"line":3,"error":{"code":"invalid_request","message":"name is required","field":"name"}}`)
	equal(t, "stderr", stderr, "standard input:3: name is required\n")

	b.refused(t, 2, "--file: cannot read /does/not/exist: no such file or directory", "missions", "create", "--file", "/does/not/exist")
}

func TestAFileShowsABarOnATerminal(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	c := newCall(map[string]string{"NATS_URL": b.url})
	c.cli.In, c.cli.Err.Terminal = strings.NewReader("{\"name\":\"a\"}\n{\"name\":\"\"}\n"), true
	equal(t, "exit code", c.start(t, "missions", "create", "--file", "-").wait(t), 1)
	contains(t, c.err.String(), "Creating missions", "standard input:2: name is required", "Created 1 mission, 0 already existed, 1 failed")
}

func TestALargeMissionFitsIntoABatchOfItsOwn(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	var file strings.Builder
	for i := range 40 {
		fmt.Fprintf(&file, `{"id":"big%d","name":"n","data":{"x":"%s"}}`+"\n", i, strings.Repeat("x", 500<<10))
	}
	code, _, stderr := b.runWith(t, strings.NewReader(file.String()), "missions", "create", "--file", "-")
	equal(t, "exit code", code, 0)
	contains(t, stderr, "Created 40 missions, 0 already existed, 0 failed")
}

func TestWait(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	for _, id := range []string{"m1", "m2", "m3"} {
		b.ok(t, "missions", "create", "job "+id, "--id", id, "--type", "t")
	}
	b.refused(t, 1, "mission m1 has not ended within the --timeout of 50 milliseconds", "missions", "wait", "m1", "--timeout", "50ms")
	b.refused(t, 1, "not all missions have ended within the --timeout of 50 milliseconds", "missions", "wait", "m1", "m2", "--timeout", "50ms")
	c := b.start(t, "missions", "wait", "m1", "m2")
	b.finish(t, "m1", true)
	c.out.await(t, "m1  COMPLETED  job m1 in ", 1)
	b.finish(t, "m2", false)
	equal(t, "exit code", c.wait(t), 1)
	contains(t, c.out.String(), "m2  FAILED  job m2 in ", ": broken\n")
	equal(t, "stderr", c.err.String(), "")

	b.finish(t, "m3", true)
	code, stdout, _ := b.run(t, "missions", "wait", "m3")
	equal(t, "exit code", code, 0)
	contains(t, stdout, "Mission m3\n", "Status: COMPLETED", "Result: {\"by\":\"hand\"}", "Took: ")
	code, stdout, _ = b.run(t, "missions", "wait", "m3", "--json")
	equal(t, "exit code", code, 0)
	contains(t, stdout, `{"mission":{"id":"m3"`)
}

func TestWaitForAnyMission(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	for _, id := range []string{"m1", "m2"} {
		b.ok(t, "missions", "create", "job "+id, "--id", id, "--type", "t")
	}
	b.refused(t, 1, "no mission has ended within the --timeout of 50 milliseconds", "missions", "wait", "--any", "m1", "m2", "--timeout", "50ms")
	b.refused(t, 1, `there is no mission "m3"`, "missions", "wait", "--any", "m1", "m3")
	b.refused(t, 2, "--any takes at most 100 missions", append([]string{"missions", "wait", "--any"}, strings.Split(strings.Repeat("m1 ", 101), " ")[:101]...)...)
	c := b.start(t, "missions", "wait", "m1", "m2", "--any")
	b.finish(t, "m1", true)
	equal(t, "exit code", c.wait(t), 0)
	contains(t, c.out.String(), "m1  COMPLETED  job m1 in ")
	b.finish(t, "m2", false)
	code, stdout, _ := b.run(t, "missions", "wait", "--any", "m1", "m2", "--json")
	equal(t, "exit code", code, 1)
	contains(t, stdout, `"status":"FAILED"`, `"done":true`)
}

// finish completes or fails a mission as an agent would.
func (h *testbed) finish(t *testing.T, id string, well bool) {
	t.Helper()
	by := h.client.Agent("by-hand")
	_, err := by.Register(t.Context(), api.RegisterRequest{Name: "by hand", Types: []string{"t"}, Capacity: 10})
	must(t, err)
	claimed, err := by.Claim(t.Context(), api.ClaimRequest{Max: 1, WaitSeconds: 10})
	must(t, err)
	if len(claimed.Missions) != 1 || claimed.Missions[0].ID != id {
		t.Fatalf("claimed %v, want %s", claimed.Missions, id)
	}
	lease := api.LeaseRef{MissionID: id, Lease: claimed.Missions[0].Lease}
	if well {
		must(t, by.Complete(t.Context(), api.Completion{LeaseRef: lease, Result: json.RawMessage(`{"by":"hand"}`)}))
		return
	}
	final := false
	must(t, by.Fail(t.Context(), api.Failure{LeaseRef: lease, Error: "broken", Retryable: &final}))
}

func TestWaitOutlivesASupervisor(t *testing.T) {
	t.Parallel()
	broker := newFake(t)
	waiting := make(chan struct{}, 1)
	answering(t, broker.nc, api.SubjectMissionsGet, `{"mission":{"id":"m","name":"n","status":"RUNNING"}}`)
	sub, err := broker.nc.Subscribe(api.SubjectMissionsWait, func(m *nats.Msg) {
		reply := nats.NewMsg(m.Reply)
		reply.Header.Set(api.HeaderErrorCode, "503")
		reply.Data = []byte(`{"error":{"code":"unavailable","message":"stopping"}}`)
		_ = broker.nc.PublishMsg(reply)
		waiting <- struct{}{}
	})
	must(t, err)
	must(t, broker.nc.Flush())
	c := broker.start(t, "missions", "wait", "m")
	<-waiting
	must(t, sub.Unsubscribe())
	answering(t, broker.nc, api.SubjectMissionsWait, `{"mission":{"id":"m","name":"n","status":"COMPLETED"}}`)
	equal(t, "exit code", c.wait(t), 0)
}

func TestLogIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.ok(t, "missions", "create", "n", "--id", "m1", "--type", "t")
	c := b.start(t, "missions", "log", "m1", "--follow")
	c.out.await(t, "created, PENDING", 1)
	b.finish(t, "m1", true)
	equal(t, "exit code", c.wait(t), 0)
	equal(t, "lines", strings.Count(c.out.String(), "\n"), 3)
	contains(t, c.out.String(), "PENDING → RUNNING", "RUNNING → COMPLETED")

	lines := strings.Split(strings.TrimSpace(b.ok(t, "missions", "log", "m1", "--json")), "\n")
	equal(t, "entries", len(lines), 3)
	for _, line := range lines {
		var entry missions.LogEntry
		must(t, json.Unmarshal([]byte(line), &entry))
	}
}

func TestLongLogsAreReadPageByPage(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	entry := func(i int) string {
		return fmt.Sprintf(`{"timestamp":%d,"level":"info","message":"m%d","data":null}`, i, i)
	}
	replies := []string{
		`{"log":[` + entry(1) + `,` + entry(2) + `],"next_cursor":"2"}`, `{"log":[` + entry(3) + `]}`, // the first look
		`{"log":[` + entry(3) + `,` + entry(4) + `],"next_cursor":"4"}`, `{"log":[]}`, // the second: one entry was already seen
		`{"log":[` + entry(5) + `]}`, // the third
	}
	var asked []string
	_, err := b.nc.Subscribe(api.SubjectMissionsLog, func(m *nats.Msg) {
		asked = append(asked, string(m.Data))
		_ = m.Respond([]byte(replies[len(asked)-1]))
	})
	must(t, err)
	var looks atomic.Int32
	_, err = b.nc.Subscribe(api.SubjectMissionsGet, func(m *nats.Msg) {
		status := "RUNNING"
		if looks.Add(1) == 3 {
			status = "COMPLETED"
		}
		_ = m.Respond([]byte(`{"mission":{"id":"m","status":"` + status + `"}}`))
	})
	must(t, err)
	must(t, b.nc.Flush())
	out := b.ok(t, "missions", "log", "m", "-f")
	equal(t, "log", out, `1970-01-01 00:00:01  info  m1
1970-01-01 00:00:02  info  m2
1970-01-01 00:00:03  info  m3
1970-01-01 00:00:04  info  m4
1970-01-01 00:00:05  info  m5
`)
	equal(t, "asked", strings.Join(asked, " "), `{"id":"m","limit":1000} {"id":"m","after":"2","limit":1000} {"id":"m","after":"2","limit":1000} `+
		`{"id":"m","after":"4","limit":1000} {"id":"m","after":"4","limit":1000}`)
}

// A mission's place in the queue is what a claim would do: priority first, then age,
// without those that must wait.
func TestAPendingMissionHasItsPlaceInTheQueue(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	for _, args := range []string{"first --type t", "other --type u", "later --type t --not-before 1h", "low --type t --priority low", "mine --type t", "urgent --type t --priority high", "last --type t"} {
		name, flags, _ := strings.Cut(args, " ")
		b.ok(t, append([]string{"missions", "create", name, "--id", name}, strings.Fields(flags)...)...)
	}
	_, err := b.client.Agent("w1").Register(t.Context(), api.RegisterRequest{Name: "w1", Types: []string{"t"}, Capacity: 2})
	must(t, err)
	for id, place := range map[string]string{"urgent": "1", "first": "2", "mine": "3", "last": "4", "low": "5"} {
		contains(t, b.ok(t, "missions", "get", id),
			"Waits: for a free agent: 1 agent is online for its type, with 0 of 2 slots busy; place "+place+" in the queue of its type\n")
	}
	contains(t, b.ok(t, "missions", "get", "later"), "Waits: until it may begin, at ")
	contains(t, b.ok(t, "missions", "get", "other"), "Waits: for an agent: none is online for the type u; ")
}
