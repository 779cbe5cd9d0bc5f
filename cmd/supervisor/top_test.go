package main

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// display is a terminal in a test: it records what is shown.
type display struct {
	tcell.SimulationScreen

	mu            sync.Mutex
	width, height int
	page          string
	changed       chan struct{}
	restored      chan struct{}
}

func (d *display) Init() error {
	if err := d.SimulationScreen.Init(); err != nil {
		return err
	}
	d.SetSize(d.width, d.height)
	return nil
}

// Fini records that the terminal is restored.
func (d *display) Fini() {
	d.SimulationScreen.Fini()
	close(d.restored)
}

func (d *display) Show() {
	d.SimulationScreen.Show()
	cells, width, _ := d.GetContents()
	var page strings.Builder
	for i, cell := range cells {
		page.WriteString(string(cell.Runes))
		if (i+1)%width == 0 {
			page.WriteString("\n")
		}
	}
	lines := strings.Split(page.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.page = strings.Join(lines, "\n")
	close(d.changed)
	d.changed = make(chan struct{})
}

// await returns the page when it has all the texts.
func (d *display) await(t *testing.T, texts ...string) string {
	t.Helper()
	return d.until(t, strings.Join(texts, "\" and \""), func(page string) bool {
		for _, text := range texts {
			if !strings.Contains(page, text) {
				return false
			}
		}
		return true
	})
}

func (d *display) until(t *testing.T, what string, fits func(page string) bool) string {
	t.Helper()
	deadline := time.After(testTimeout)
	for {
		d.mu.Lock()
		page, changed := d.page, d.changed
		d.mu.Unlock()
		if fits(page) {
			return page
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%q was not shown:\n%s", what, page)
		}
	}
}

// press types letters.
func (d *display) press(letters string) {
	for _, letter := range letters {
		d.InjectKey(tcell.KeyRune, letter, 0)
	}
}

// startTop runs top on a display.
func startTop(t *testing.T, url string, width, height int) (*call, *display) {
	t.Helper()
	d := &display{SimulationScreen: tcell.NewSimulationScreen("UTF-8"), width: width, height: height,
		changed: make(chan struct{}), restored: make(chan struct{})}
	c := newCall(map[string]string{"NATS_URL": url})
	c.cli.Out.Terminal = true
	c.cli.takeTerminal = func() (tcell.Screen, error) { return d, nil }
	c.start(t, "top")
	return c, d
}

// ended waits until top has ended without an error and restored the terminal.
func (d *display) ended(t *testing.T, c *call) {
	t.Helper()
	equal(t, "exit code", c.wait(t), 0)
	<-d.restored
	equal(t, "output", c.out.String()+c.err.String(), "")
}

func TestTopShowsAndCancels(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.awaitEvents(t)
	b.ok(t, "missions", "create", "resize cat.png", "--id", "cat", "--type", "t")
	by, lease := b.taken(t)
	half := 45.0
	must(t, by.Progress(t.Context(), api.ProgressRequest{LeaseRef: lease, Percent: &half, Message: "its tail"}))
	cpu, bytes := 0.25, int64(64<<20)
	_, err := by.Heartbeat(t.Context(), api.HeartbeatRequest{Running: &[]api.Held{{LeaseRef: lease}}, CPU: &cpu, MemoryBytes: &bytes})
	must(t, err)
	b.ok(t, "missions", "create", "waits", "--id", "later", "--type", "nobody")

	c, d := startTop(t, b.url, 110, 30)
	page := d.await(t, "pending 1  running 1", "created 2", " w1     online  1/1   25 %  64.0 MiB  resize cat.png 45 %",
		"cat      t     w1", " 45 % ████░░░░░░  resize cat.png: its tail", "mission.status_changed", "later  \"waits\" nobody NORMAL")
	if strings.Index(page, "Agents: 1") > strings.Index(page, "Running missions: 1") || strings.Index(page, "Running missions: 1") > strings.Index(page, "Latest events: ") {
		t.Errorf("the lists are in disorder:\n%s", page)
	}
	d.press("c")
	d.await(t, "Cancel mission cat (resize cat.png)? y/n")
	d.press("n")
	d.await(t, "Mission cat goes on")
	d.press("cy")
	d.await(t, "Cancelled mission cat", "Running missions: 0", "RUNNING → CANCELLED")
	m, err := b.client.Get(t.Context(), "cat")
	must(t, err)
	equal(t, "status", m.Status, missions.Cancelled)

	b.ok(t, "missions", "create", "bad.png", "--id", "bad", "--type", "t", "--max-attempts", "1")
	by, lease = b.taken(t)
	err = by.Fail(t.Context(), api.Failure{LeaseRef: lease, Error: "no such file\nat line 5"})
	must(t, err)
	page = d.await(t, "Running and failed missions: 1", "  1/1      no such file  bad.png")
	if strings.Contains(page, "at line 5") {
		t.Errorf("more than a line of the error:\n%s", page)
	}
	b.ok(t, "missions", "create", "deploy", "--id", "deploy", "--type", "t", "--after", "signal:approved", "--prompt", "Sure?")
	page = d.await(t, "Waiting, running and failed missions: 2", "waits for signal approved  deploy: Sure?", "deploy  waits for signal approved")
	if strings.Index(page, "deploy: Sure?") > strings.Index(page, "no such file ") {
		t.Errorf("what waits for a person is not first:\n%s", page)
	}
	d.press("c")
	d.await(t, "This mission has failed already; put it back into the queue with: supervisor missions retry bad")
	d.press("q")
	d.ended(t, c)
}

func TestTopFiltersAndMoves(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answering(t, b.nc, api.SubjectMissionsStats, `{"stats":{"total":3,"by_status":{"RUNNING":3}}}`)
	answering(t, b.nc, api.SubjectAgents, `{"agents":[{"id":"gone","state":"offline"},{"id":"here","state":"online","missions_running":2}],"agent_count":2}`)
	answering(t, b.nc, api.SubjectMissionsList, `{"missions":[{"id":"m3","name":"three","status":"RUNNING"},`+
		`{"id":"m2","name":"two","status":"RUNNING"},{"id":"m1","name":"one","status":"RUNNING"}]}`)
	c, d := startTop(t, b.url, 130, 24)
	page := d.await(t, "Running missions: 3", "has no JetStream for this user")
	if strings.Index(page, " here ") > strings.Index(page, " gone ") {
		t.Errorf("agents that are gone stand first:\n%s", page)
	}
	contains(t, page, "here   online   2/0   -    -       2 missions")
	d.press("jc")
	d.await(t, "Cancel mission m2 (two)?")
	d.press("n")
	d.press("/tHre")
	d.until(t, "/tHre", func(page string) bool {
		return strings.Contains(page, "/tHre\n") && strings.Contains(page, "three") && !strings.Contains(page, " two")
	})
	d.InjectKey(tcell.KeyEnter, 0, 0)
	d.await(t, `only what contains "tHre"`, "Running missions: 1 of 3", "Agents: 0 of 2")
	d.press("c")
	d.await(t, "Cancel mission m3 (three)?")
	d.press("x")
	d.InjectKey(tcell.KeyEscape, 0, 0)
	d.InjectKey(tcell.KeyEscape, 0, 0)
	d.await(t, "Running missions: 3", "q quit")
	d.InjectKey(tcell.KeyTab, 0, 0)
	d.press("c")
	d.await(t, "Only missions can be cancelled; press Tab to get to their list")
	d.press("?")
	d.await(t, "cancel the selected mission, after confirmation")
	d.press("?")
	d.until(t, "the lists again", func(page string) bool { return !strings.Contains(page, "after confirmation") })
	d.InjectKey(tcell.KeyCtrlC, 0, tcell.ModCtrl)
	d.ended(t, c)
}

func TestTopFollowsTheTerminalsSize(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answering(t, b.nc, api.SubjectMissionsStats, `{"stats":{"total":1,"by_status":{"RUNNING":1}}}`)
	answering(t, b.nc, api.SubjectAgents, `{"agents":[]}`)
	answering(t, b.nc, api.SubjectMissionsList, `{"missions":[{"id":"0198c5b0-6f3c-7c55-9d3a-2b8c1de0a001","name":"a long name","status":"RUNNING"}]}`)
	c, d := startTop(t, b.url, 100, 30)
	d.await(t, "Agents: 0", "Latest events", "0198c5b0-6f3c-7c55-9d3a-2b8c1de0a001", "a long name")
	for _, size := range [][2]int{{60, 14}, {30, 8}, {5, 3}, {1, 1}, {0, 0}} {
		d.SetSize(size[0], size[1])
		d.press("j") // something happens
		if size[0] == 60 {
			page := d.until(t, "one list", func(page string) bool { return !strings.Contains(page, "Agents: ") })
			contains(t, page, "Running missions: 1", "0198c5…e0a001", "a long name")
		}
	}
	d.SetSize(100, 30)
	d.await(t, "Agents: 0", "Latest events", "a long name")
	c.interrupt() // SIGTERM
	d.ended(t, c)
}

func TestTopOutlivesTheBroker(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	address := strings.TrimPrefix(b.url, "nats://")
	proxy := streamtest.NewProxy(t, address)
	c, d := startTop(t, proxy.URL(), 100, 30)
	d.await(t, "no answer yet: no supervisor answers on this broker")
	answering(t, b.nc, api.SubjectMissionsStats, `{"stats":{"total":77}}`)
	answering(t, b.nc, api.SubjectAgents, `{"agents":[]}`)
	answering(t, b.nc, api.SubjectMissionsList, `{"missions":[]}`)
	d.await(t, "total 77")
	proxy.SetTarget("127.0.0.1:1")
	proxy.Cut()
	d.await(t, "no answer since ", ": the broker is unavailable", "total 77")
	proxy.SetTarget(address)
	d.until(t, "no trouble", func(page string) bool {
		return !strings.Contains(page, "no answer") && strings.Contains(page, "total 77")
	})
	d.press("q")
	d.ended(t, c)
}

func TestTopNeedsATerminal(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := runIn(t, nil, "top")
	equal(t, "exit code", code, 2)
	equal(t, "output", stdout+stderr, "supervisor: top needs a terminal; programs can use: supervisor status --watch --json\n")
}

// TestAHostileReplyCannotReachTheWholeTerminalEither checks every cell that would be
// sent.
func TestAHostileReplyCannotReachTheWholeTerminalEither(t *testing.T) {
	t.Parallel()
	evil := "\x1b[2J\x1b]0;owned\a\u009b31m\u202e\r\n\x7fEVIL"
	quoted, err := json.Marshal(evil)
	must(t, err)
	q := string(quoted)
	b := newFake(t)
	answering(t, b.nc, api.SubjectMissionsStats, `{"stats":{"by_status":{`+q+`:1}}}`)
	answering(t, b.nc, api.SubjectAgents, `{"agents":[{"id":`+q+`,"name":`+q+`,"state":`+q+`,"missions_running":1}]}`)
	answering(t, b.nc, api.SubjectMissionsList, `{"missions":[{"id":`+q+`,"name":`+q+`,"type":`+q+`,"agent_id":`+q+`,"status":"RUNNING","progress":{"percent":1,"message":`+q+`}}]}`)
	refused := make(chan struct{})
	_, err = b.nc.Subscribe(api.SubjectMissionsCancel, func(m *nats.Msg) {
		reply := nats.NewMsg(m.Reply)
		reply.Header.Set(api.HeaderErrorCode, "409")
		reply.Data = []byte(`{"error":{"code":"conflict","message":` + q + `}}`)
		_ = b.nc.PublishMsg(reply)
		close(refused)
	})
	must(t, err)
	must(t, b.nc.Flush())
	c, d := startTop(t, b.url, 200, 30)
	pages := d.await(t, "Running missions: 1")
	d.press("c")
	pages += d.await(t, "Cancel mission ")
	d.press("y")
	<-refused
	pages += d.await(t, "was not cancelled: ")
	if strings.Count(pages, "EVIL") < 10 || strings.ContainsAny(pages, "\x1b\a\r\x7f\u009b\u202e") {
		t.Errorf("%q", pages)
	}
	d.press("q")
	d.ended(t, c)
}

func TestAPanicGivesTheTerminalBack(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	d := &display{SimulationScreen: tcell.NewSimulationScreen("UTF-8"), changed: make(chan struct{}), restored: make(chan struct{})}
	close(d.changed) // the first page panics
	c := newCall(map[string]string{"NATS_URL": b.url})
	c.cli.Out.Terminal = true
	c.cli.takeTerminal = func() (tcell.Screen, error) { return d, nil }
	defer func() {
		if recover() == nil {
			t.Error("it did not panic")
		}
		<-d.restored
	}()
	c.cli.run(t.Context(), []string{"top"})
}
