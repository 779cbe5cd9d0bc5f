package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// taken makes the agent w1 claim the only mission, of type t.
func (h *testbed) taken(t *testing.T) (*client.Agent, api.LeaseRef) {
	t.Helper()
	by := h.client.Agent("w1")
	_, err := by.Register(t.Context(), api.RegisterRequest{Name: "w1", Types: []string{"t"}, Capacity: 1})
	must(t, err)
	claimed, err := by.Claim(t.Context(), api.ClaimRequest{Max: 1, WaitSeconds: 30})
	must(t, err)
	if len(claimed.Missions) != 1 {
		t.Fatalf("claimed %v", claimed.Missions)
	}
	return by, api.LeaseRef{MissionID: claimed.Missions[0].ID, Lease: claimed.Missions[0].Lease}
}

// workLive runs a mission step by step, each one after the previous step is shown.
func workLive(t *testing.T, b *testbed, c *call, shown func(percent, message string)) {
	t.Helper()
	by, lease := b.taken(t)
	c.err.await(t, "PENDING → RUNNING: claimed by agent w1", 1)
	must(t, by.Log(t.Context(), api.LogAppendRequest{LeaseRef: lease, Level: "warn", Message: "only \x1b[31mone\x07 cat"}))
	c.err.await(t, "warn  | only one cat\n", 1)
	half := 45.0
	must(t, by.Progress(t.Context(), api.ProgressRequest{LeaseRef: lease, Percent: &half, Message: "its \x1b[2Jtail"}))
	shown("45 %", "its tail")
	must(t, by.Complete(t.Context(), api.Completion{LeaseRef: lease, Result: []byte(`{"w":80}`)}))
	equal(t, "exit code", c.wait(t), 0)
	contains(t, c.out.String(), "Status: COMPLETED", `Result: {"w":80}`)
	contains(t, c.err.String(), "RUNNING → COMPLETED: completed by agent w1\n")
}

func TestAMissionThatIsWaitedForIsShownAsItGoes(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	c := b.start(t, "missions", "create", "resize", "--id", "m1", "--type", "t", "--wait")
	c.err.await(t, "created, PENDING\n", 1)
	workLive(t, b, c, func(percent, message string) { c.err.await(t, percent+"  "+message+"\n", 1) })
	text := c.err.String()
	if strings.Count(text, "45 %") != 1 || strings.Count(text, "created, PENDING") != 1 || strings.ContainsAny(text, "\x1b\r\a") {
		t.Errorf("told twice, or escapes: %q", text)
	}
}

func TestOnATerminalItsProgressStaysInPlace(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	c := newCall(map[string]string{"NATS_URL": b.url})
	c.cli.Err.Terminal = true
	c.cli.Err.Size = func() (int, int) { return 42, 24 }
	c.start(t, "missions", "create", "resize", "--id", "m1", "--type", "t", "--wait")
	c.err.await(t, "\rm1  PENDING"+clearLineEnd, 1)
	workLive(t, b, c, func(percent, _ string) {
		c.err.await(t, "\rm1  RUNNING on w1  "+percent+"  █████████░░░░░░…"+clearLineEnd, 1) // the rest does not fit
	})
	text := c.err.String()
	if !regexp.MustCompile(`\r\x1b\[K[0-9: -]{19}  warn  | only one cat\nm1  `).MatchString(text) {
		t.Errorf("the log does not stand above the line: %q", text)
	}
	contains(t, text, "RUNNING → COMPLETED")
	if left := text[strings.LastIndex(text, "\n")+1:]; left != "" && !strings.HasSuffix(left, "\r"+clearLineEnd) {
		t.Errorf("behind the log is left: %q", left)
	}
}

func TestAWaitSaysThatTheSupervisorIsAway(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	answering(t, b.nc, api.SubjectMissionsCreate, `{"mission":{"id":"m1","name":"n","status":"PENDING"},"created":true}`)
	answering(t, b.nc, api.SubjectMissionsGet, `{"mission":{"id":"m1","name":"n","status":"PENDING"}}`)
	_, err := b.nc.Subscribe(api.SubjectMissionsWait, func(*nats.Msg) {}) // parked
	must(t, err)
	must(t, b.nc.Flush())
	c := newCall(map[string]string{"NATS_URL": b.url})
	c.cli.Err.Terminal = true
	c.start(t, "missions", "create", "n", "--id", "m1", "--wait") // nothing answers requests for its log
	c.err.await(t, "\rno answer from the supervisor; waiting for it", 1)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 130)
	if !strings.HasSuffix(c.err.String(), "\r"+clearLineEnd+"supervisor: interrupted\n") {
		t.Errorf("the end is %q", c.err)
	}
}
