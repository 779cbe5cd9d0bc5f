package natsapi_test

import (
	"fmt"
	"strings"
	"testing"

	"missioncontrol/missions"
)

// The reply to a brief request has ids, statuses and errors only.
func TestBriefRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	agent := r.register("a1", "default")
	ask := func(subject, body, want string) {
		t.Helper()
		if got := string(r.request("supervisor."+subject, []byte(body)).Data); got != want {
			t.Errorf("%s %s\ngot  %s\nwant %s", subject, body, got, want)
		}
	}
	ask("missions.create", `{"id":"m-1","name":"one","brief":true}`, `{"mission":{"id":"m-1","status":"PENDING"},"created":true}`)
	ask("missions.create", `{"id":"m-1","name":"one","brief":true}`, `{"mission":{"id":"m-1","status":"PENDING"},"created":false}`)
	ask("missions.create", `{"id":"m-1","name":"two","brief":true}`,
		`{"error":{"code":"conflict","message":"mission \"m-1\" exists with different content"}}`)
	ask("missions.create", `{"missions":[{"id":"m-2","name":"two"},{"name":""},{"id":"m-1","name":"x"}],"brief":true}`,
		`{"results":[{"mission":{"id":"m-2","status":"PENDING"},"created":true},{"error":{"code":"invalid_request","message":"name is required","field":"name"}},`+
			`{"error":{"code":"conflict","message":"mission \"m-1\" exists with different content"}}]}`)
	if m, err := r.client.Get(t.Context(), "m-1"); err != nil || m.Name != "one" || m.MaxAttempts != 3 {
		t.Errorf("the mission is stored as %+v (%v)", m, err)
	}

	lease := r.claimAll(agent)
	ask("agent.a1.release", fmt.Sprintf(`{"mission_id":"m-1","lease":%d,"brief":true}`, lease["m-1"]), `{"mission":{"id":"m-1","status":"PENDING"}}`)
	lease["m-1"] = r.claimAll(agent)["m-1"]
	ask("agent.a1.fail", fmt.Sprintf(`{"results":[{"mission_id":"m-1","lease":%d,"error":"e","retryable":false}],"brief":true}`, lease["m-1"]),
		`{"results":[{"mission":{"id":"m-1","status":"FAILED"}}]}`)
	ask("agent.a1.complete", fmt.Sprintf(`{"results":[{"mission_id":"m-1","lease":%d},{"mission_id":"m-2","lease":%d,"result":{"ok":true}}],"brief":true}`, lease["m-1"], lease["m-2"]),
		`{"results":[{"error":{"code":"lease_lost","message":"mission \"m-1\" is FAILED; the lease has ended"}},{"mission":{"id":"m-2","status":"COMPLETED"}}]}`)
	ask("agent.a1.complete", fmt.Sprintf(`{"mission_id":"m-2","lease":%d,"result":{"ok":true},"brief":true}`, lease["m-2"]), `{"mission":{"id":"m-2","status":"COMPLETED"}}`)
	if m, err := r.client.Get(t.Context(), "m-2"); err != nil || string(m.Result) != `{"ok":true}` {
		t.Errorf("the mission is stored as %+v (%v)", m, err)
	}
	ask("missions.create", `{"id":"m-2","name":"two","brief":true}`, `{"mission":{"id":"m-2","status":"COMPLETED"},"created":false}`)
}

// Requests whose reply is not brief refuse the field.
func TestOtherRequestsAreNotBrief(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.register("a1", "default")
	brief := map[string]bool{"missions.create": true, "agent.a1.complete": true, "agent.a1.fail": true, "agent.a1.release": true}
	for _, s := range subjects {
		e := checkErrorBody(t, s.subject, r.request(s.subject, []byte(`{"brief":true,"x":1}`)).Data)
		want := "brief"
		if brief[strings.TrimPrefix(s.subject, "supervisor.")] {
			want = "x"
		}
		if e.Code != missions.CodeInvalid || e.Field != want {
			t.Errorf("%s: %+v, want %s to be refused", s.subject, e, want)
		}
	}
}
