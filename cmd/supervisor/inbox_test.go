package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gdamore/tcell/v2"
	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// asks creates a mission that waits for a signal.
func (h *testbed) asks(t *testing.T, id, prompt string, choices ...string) {
	t.Helper()
	_, _, err := h.client.Create(t.Context(), api.MissionSpec{ID: id, Name: "job " + id, Type: "t",
		After: []missions.Condition{{Signal: "approved", Prompt: prompt, Choices: choices}}})
	must(t, err)
}

// startInbox runs inbox on a display.
func startInbox(t *testing.T, url string, width, height int) (*call, *display) {
	t.Helper()
	d := &display{SimulationScreen: tcell.NewSimulationScreen("UTF-8"), width: width, height: height,
		changed: make(chan struct{}), restored: make(chan struct{})}
	c := newCall(map[string]string{"NATS_URL": url})
	c.cli.Out.Terminal, c.cli.InTerminal = true, true
	c.cli.takeTerminal = func() (tcell.Screen, error) { return d, nil }
	c.start(t, "missions", "inbox")
	return c, d
}

func TestTheInboxIsATableForPrograms(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	_, stdout, note := b.run(t, "missions", "inbox")
	equal(t, "nothing", stdout+note, "Nothing waits for a person.\n")
	b.asks(t, "first", "Deploy to production?", "yes", "not yet")
	b.asks(t, "second", "")
	b.ok(t, "missions", "create", "waits for others", "--after", "first", "--id", "third")
	table := b.ok(t, "missions", "inbox")
	lines := strings.Split(table, "\n")
	equal(t, "columns", strings.Join(strings.Fields(lines[0]), " "), "Since Mission Name Signal Choices Question")
	equal(t, "first", strings.Join(strings.Fields(lines[1])[1:], " "), "first job_first approved yes,not_yet Deploy to production?")
	equal(t, "second", strings.Join(strings.Fields(lines[2])[1:], " "), "second job_second approved - -")
	equal(t, "lines", len(lines), 4)
	equal(t, "names", b.ok(t, "missions", "inbox", "-o", "name"), "first\nsecond\n")
	equal(t, "of another type", b.ok(t, "missions", "inbox", "-o", "name", "--type", "other"), "")
	var reply api.MissionList
	must(t, json.Unmarshal([]byte(b.ok(t, "missions", "inbox", "--json")), &reply))
	equal(t, "missions", len(reply.Missions), 2)
	c := b.start(t, "missions", "inbox", "--watch")
	c.out.await(t, "second", 1)
	b.ok(t, "missions", "signal", "first", "approved", "yes")
	b.ok(t, "missions", "signal", "second", "approved")
	c.err.await(t, "Nothing waits for a person.\n", 1)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
}

// TestTheInboxIsAnsweredByKeys answers one question by choice, one by text and one by amount.
func TestTheInboxIsAnsweredByKeys(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.asks(t, "deploy", "Deploy to production? It is Friday afternoon, and nobody is there.", "yes", "no")
	b.asks(t, "name", "What shall it be called?")
	b.ok(t, "missions", "create", "spends", "--id", "spends", "--type", "spend", "--max-usage", "usd=1", "--on-exceeded", "ask")
	b.overspend(t)

	c, d := startInbox(t, b.url, 60, 24)
	page := d.await(t, "Waiting for a person: 3", " 1  ", "  deploy   approved  job deploy: Deploy", "  name     approved", "  spends   budget",
		" Deploy to production? It is Friday afternoon, and nobody\n is there.\n", "Mission deploy of type t waits for the signal approved", "  1  yes\n", "  2  no\n")
	if strings.Index(page, "  deploy  ") > strings.Index(page, "  name  ") {
		t.Errorf("not those first that have waited longest:\n%s", page)
	}
	d.press("j") // to the next one, and back to the first by its number
	d.await(t, " What shall it be called?\n")
	d.press("1")
	d.await(t, "Press the key of your answer: 1 yes  2 no  Esc back")
	d.press("7x2") // only keys of choices count
	d.await(t, `Answer "no" to mission deploy? y/n`)
	d.press("n1")
	d.await(t, `Answer "yes" to mission deploy? y/n`)
	d.press("y")
	d.await(t, "Mission deploy has its answer", "Waiting for a person: 2", " What shall it be called?\n")
	equal(t, "answer", b.answer(t, "deploy"), `approved "yes"`)

	d.InjectKey(tcell.KeyEnter, 0, 0)
	d.await(t, "\nAnswer:\n")
	d.press("q 12") // letters of the answer, not orders
	d.InjectKey(tcell.KeyBackspace2, 0, 0)
	d.await(t, "Answer: q 1")
	d.InjectKey(tcell.KeyEnter, 0, 0)
	d.await(t, `Answer "q 1" to mission name? y/n`)
	d.press("y")
	d.await(t, "Mission name has its answer", "Waiting for a person: 1", "It has used 1.5 of 1 usd (150 %)")
	equal(t, "answer", b.answer(t, "name"), `approved "q 1"`)

	d.press("1")
	d.await(t, "New maximum, such as usd=10:\n")
	d.press("much")
	d.InjectKey(tcell.KeyEnter, 0, 0)
	d.press("y")
	d.await(t, "Mission spends has no answer: ", "Waiting for a person: 1")
	d.press("1usd=10")
	d.InjectKey(tcell.KeyEnter, 0, 0)
	d.press("y")
	d.await(t, "Mission spends has its answer", "Waiting for a person: 0", "Nothing waits for a person.")
	equal(t, "answer", b.answer(t, "spends"), `budget {"usd":10}`)
	d.press("q")
	d.ended(t, c)
}

// overspend has an agent report more usage than a mission may have.
func (h *testbed) overspend(t *testing.T) {
	t.Helper()
	by := h.client.Agent("spender")
	_, err := by.Register(t.Context(), api.RegisterRequest{Name: "spender", Types: []string{"spend"}, Capacity: 1})
	must(t, err)
	claimed, err := by.Claim(t.Context(), api.ClaimRequest{Max: 1, WaitSeconds: 30})
	must(t, err)
	lease := api.LeaseRef{MissionID: claimed.Missions[0].ID, Lease: claimed.Missions[0].Lease}
	must(t, by.Progress(t.Context(), api.ProgressRequest{LeaseRef: lease, Report: api.Report{Usage: missions.Usage{"usd": 1.5}}}))
}

// answer returns the last signal of a mission.
func (h *testbed) answer(t *testing.T, id string) string {
	t.Helper()
	m, err := h.client.Get(t.Context(), id)
	must(t, err)
	if m.Flow == nil || len(m.Signals) == 0 {
		return ""
	}
	last := m.Signals[len(m.Signals)-1]
	return last.Name + " " + string(last.Data)
}

func TestTheInboxIsLive(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	c, d := startInbox(t, b.url, 100, 20)
	d.await(t, "Nothing waits for a person.")
	b.asks(t, "one", "First?", "yes", "no")
	d.await(t, "Waiting for a person: 1", " First?\n")
	b.asks(t, "two", "Second?", "yes", "no")
	d.await(t, "Waiting for a person: 2")
	d.press("1")
	d.await(t, "Press the key of your answer: ")
	b.ok(t, "missions", "signal", "one", "approved", "no")
	d.await(t, "This question has been answered elsewhere, or nobody waits for the answer any more", "Waiting for a person: 1", " Second?\n")
	d.press("1")
	d.await(t, "Press the key of your answer: ")
	d.InjectKey(tcell.KeyEscape, 0, 0)
	d.press("?")
	d.await(t, "answer the selected question, or the one with this number")
	d.press("?")
	d.SetSize(30, 8)
	d.press("k")
	d.await(t, "Waiting for a person: 1")
	for _, size := range [][2]int{{12, 4}, {1, 1}, {0, 0}} {
		d.SetSize(size[0], size[1])
		d.press("k")
	}
	d.SetSize(80, 20)
	d.await(t, "Waiting for a person: 1", " Second?\n")
	c.interrupt()
	d.ended(t, c)
}

// A hostile mission cannot reach the terminal, and the supervisor's refusal is shown.
func TestAHostileQuestionCannotReachTheTerminal(t *testing.T) {
	t.Parallel()
	quoted, err := json.Marshal("\x1b[2J\x1b]0;owned\a\u009b31m\u202e\r\n\x7fEVIL")
	must(t, err)
	q := string(quoted)
	b := newFake(t)
	answering(t, b.nc, api.SubjectMissionsList, `{"missions":[{"id":`+q+`,"name":`+q+`,"description":`+q+`,"type":`+q+`,"status":"PENDING",`+
		`"waiting_since":1769871845,"waiting_for":[{"signal":`+q+`,"prompt":`+q+`,"choices":[`+q+`],"met":false}]}]}`)
	_, err = b.nc.Subscribe(api.SubjectMissionsSignal, func(m *nats.Msg) {
		reply := nats.NewMsg(m.Reply)
		reply.Header.Set(api.HeaderErrorCode, "409")
		reply.Data = []byte(`{"error":{"code":"conflict","message":` + q + `}}`)
		_ = b.nc.PublishMsg(reply)
	})
	must(t, err)
	must(t, b.nc.Flush())
	c, d := startInbox(t, b.url, 200, 30)
	pages := d.await(t, "Waiting for a person: 1")
	d.press("1")
	pages += d.await(t, "Press the key of your answer: ")
	d.press("1")
	pages += d.await(t, "y/n")
	d.press("y")
	pages += d.await(t, "has no answer: ")
	if strings.Count(pages, "EVIL") < 10 || strings.ContainsAny(pages, "\x1b\a\r\x7f\u009b\u202e") {
		t.Errorf("%q", pages)
	}
	d.press("q")
	d.ended(t, c)
}
