package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream/streamtest"
	"missioncontrol/supervisor/api"
)

func TestWatchRedrawsInPlaceUntilCtrlC(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answering(t, b.nc, api.SubjectStatus, statusReply)
	c := newCall(map[string]string{"NATS_URL": b.url})
	c.cli.Out.Terminal = true
	c.start(t, "status", "--watch")
	c.out.await(t, "Utilization", 3)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
	text := c.out.String()
	if !strings.HasPrefix(text, "\x1b[2J\x1b[HMission Control at 2026-01-31 15:04:05\x1b[K\n\x1b[K\n") {
		t.Errorf("the first page begins with %q", text[:60])
	}
	equal(t, "clearings", strings.Count(text, "\x1b[2J"), 1)
	equal(t, "pages that begin at the top", strings.Count(text, "\x1b[HMission"), strings.Count(text, "Utilization"))
	equal(t, "stderr", c.err.String(), "")
}

func TestListsAreWatchedInPlaceToo(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answering(t, b.nc, api.SubjectMissionsList, `{"missions":[{"id":"build-1","name":"build","status":"RUNNING","progress":{"percent":45}}]}`)
	answering(t, b.nc, api.SubjectAgents, `{"agents":[{"id":"worker-1","name":"w","state":"online","capacity":2,"missions_running":1}],"agent_count":1}`)
	for row, args := range map[string][]string{"build-1": {"missions", "list", "--watch"}, "worker-1": {"agents", "-w"}} {
		c := newCall(map[string]string{"NATS_URL": b.url})
		c.cli.Out.Terminal = true
		c.start(t, args...)
		c.out.await(t, row, 3)
		c.interrupt()
		equal(t, "exit code", c.wait(t), 0)
		text := c.out.String()
		equal(t, "clearings", strings.Count(text, clearScreen), 1)
		equal(t, "pages that begin at the top", strings.Count(text, cursorHome+"╭"), strings.Count(text, row))
	}
}

func TestWatchAppendsWhereThereIsNoTerminalAndOutlivesTheSupervisor(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	sub, err := b.nc.Subscribe(api.SubjectStatus, func(m *nats.Msg) { _ = m.Respond([]byte(statusReply)) })
	must(t, err)
	must(t, b.nc.Flush())
	c := b.start(t, "status", "--watch", "--json")
	c.out.await(t, statusReply+"\n", 2)
	must(t, sub.Unsubscribe())
	c.err.await(t, "supervisor: no answer since ", 1)
	c.err.await(t, ": no supervisor answers on this broker", 1)
	answering(t, b.nc, api.SubjectStatus, `{"status":"back"}`)
	c.out.await(t, `{"status":"back"}`, 1)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
	if strings.Contains(c.out.String(), "\x1b") {
		t.Errorf("escapes in %q", c.out)
	}
}

// What a terminal is sent when a page replaces another.
const (
	cursorHome     = "\x1b[H"
	clearLineEnd   = "\x1b[K"
	clearScreenEnd = "\x1b[J"
	clearScreen    = "\x1b[2J"
)

// lastPage returns the last page that a terminal shows.
func lastPage(c *call) string {
	text := c.out.String()
	page, _, _ := strings.Cut(text[strings.LastIndex(text, cursorHome)+len(cursorHome):], clearScreenEnd)
	return strings.ReplaceAll(page, clearLineEnd, "")
}

// watchThroughProxy watches the status on a terminal, over a network that a test can
// interrupt.
func watchThroughProxy(t *testing.T, prepare func(*cli)) (*call, *streamtest.Proxy, string) {
	t.Helper()
	b := newFake(t)
	answering(t, b.nc, api.SubjectStatus, statusReply)
	address := strings.TrimPrefix(b.url, "nats://")
	proxy := streamtest.NewProxy(t, address)
	c := newCall(map[string]string{"NATS_URL": proxy.URL()})
	c.cli.Out.Terminal = true
	prepare(c.cli)
	c.start(t, "status", "--watch")
	c.out.await(t, "Utilization", 1)
	return c, proxy, address
}

// TestWatchSaysAtOnceThatTheBrokerIsAway uses a long refresh interval: only the lost
// connection can cause the report.
func TestWatchSaysAtOnceThatTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	c, proxy, address := watchThroughProxy(t, func(c *cli) { c.Interval = time.Hour })
	proxy.SetTarget("127.0.0.1:1")
	proxy.Cut()
	c.out.await(t, ": the broker is unavailable", 1)
	page := lastPage(c)
	if !strings.HasPrefix(page, "no answer since ") || !strings.Contains(page, ": the broker is unavailable\nMission Control at 2026-01-31 15:04:05\n") {
		t.Errorf("the page is\n%s", page)
	}
	pages := strings.Count(c.out.String(), "Utilization")
	proxy.SetTarget(address)
	c.out.await(t, "Utilization", pages+1)
	c.out.await(t, cursorHome+"Mission Control", 1)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
	equal(t, "stderr", c.err.String(), "")
}

func TestWatchDoesNotWaitLongForAnAnswer(t *testing.T) {
	t.Parallel()
	c, proxy, _ := watchThroughProxy(t, func(c *cli) { c.RefreshTimeout = time.Second })
	proxy.Hang()
	c.out.await(t, ": the supervisor has not answered within 1 second", 2)
	contains(t, lastPage(c), "no answer since ", "Missions: 1,234,567", "Utilization")
	seen := strings.Count(c.out.String(), cursorHome+"Mission Control")
	proxy.Resume()
	c.out.await(t, cursorHome+"Mission Control", seen+1)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
}

func TestWatchShowsTheTopOfWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answering(t, b.nc, api.SubjectStatus, statusReply)
	c := newCall(map[string]string{"NATS_URL": b.url})
	c.cli.Out.Terminal = true
	c.cli.Out.Size = func() (int, int) { return 80, 6 }
	c.start(t, "status", "--watch")
	c.out.await(t, clearScreenEnd, 2)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
	equal(t, "page", lastPage(c), `Mission Control at 2026-01-31 15:04:05

            Status: degraded
          Missions: 1,234,567
… 9 more lines
`)
}

func TestAnHTTPAddressThatDoesNotAnswerIsNotAdvised(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, silent.Close()) }()
	c := newCall(nil)
	c.cli.RefreshTimeout = 50 * time.Millisecond
	equal(t, "exit code", c.start(t, "health", "--watch", "--http", silent.Addr().String()).wait(t), 1)
	equal(t, "stderr", c.err.String(), "supervisor: no supervisor answers over HTTP at "+silent.Addr().String()+": timed out\n")
}
