package natsapi_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// A request's trace context is in every event that the request causes, for a mission's
// whole life, and in the headers of its messages.
func TestTracesAreCarriedOn(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	sub, err := r.nc.SubscribeSync("events.>")
	must(t, err)
	agent := r.register("a", "t")
	_, err = sub.NextMsg(testTimeout) // agent.online
	must(t, err)

	ask := func(subject, body string) {
		t.Helper()
		msg := nats.NewMsg(subject)
		msg.Data = []byte(body)
		msg.Header.Set("traceparent", trace)
		reply, err := r.nc.RequestMsg(msg, testTimeout)
		must(t, err)
		if reply.Header.Get(api.HeaderErrorCode) != "" {
			t.Fatalf("%s: %s", subject, reply.Data)
		}
	}
	ask("supervisor.status", "")
	ask("supervisor.missions.create", `{"id":"m","name":"m","type":"t","correlation_id":"order 17"}`)
	claimed, err := agent.Claim(t.Context(), api.ClaimRequest{Max: 1})
	must(t, err)
	lease := api.LeaseRef{MissionID: "m", Lease: claimed.Missions[0].Lease}
	if claimed.Missions[0].Traceparent != trace {
		t.Errorf("the agent is told of trace %q", claimed.Missions[0].Traceparent)
	}
	half := 50.0
	must(t, agent.Progress(t.Context(), api.ProgressRequest{LeaseRef: lease, Percent: &half}))
	must(t, agent.Log(t.Context(), api.LogAppendRequest{LeaseRef: lease, Message: "x"}))

	wanted := map[string]bool{"supervisor.status_queried": false, "mission.created": true, "mission.status_changed": true,
		"mission.progressed": true, "mission.log_appended": true}
	for range len(wanted) {
		msg, err := sub.NextMsg(testTimeout)
		must(t, err)
		var e struct {
			Type string
			Meta struct {
				Traceparent   string
				CorrelationID string `json:"correlation_id"`
			}
		}
		must(t, json.Unmarshal(msg.Data, &e))
		correlated, known := wanted[e.Type]
		if !known || e.Meta.Traceparent != trace || msg.Header.Get("traceparent") != trace || (e.Meta.CorrelationID == "order 17") != correlated {
			t.Errorf("%v %s", msg.Header, msg.Data)
		}
		delete(wanted, e.Type)
	}
}

// A completed request is never answered with an error because the reply is too large:
// large parts are left out, and the reply says so.
func TestAReplyThatWouldNotFitIsTrimmed(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	data := `{"x":"` + strings.Repeat("x", 500<<10) + `"}`
	var batch []string
	for range 17 { // 8.3 MB in missions that arrive one by one; the reply to a batch would hold them all
		batch = append(batch, `{"name":"n","type":"t","data":`+data[:len(data)-30<<10]+`"}}`)
	}
	agent := r.register("a", "t")
	body := `{"missions":[` + strings.Join(batch, ",") + `]}`
	if len(body) > int(r.nc.MaxPayload()) {
		t.Fatalf("the request of %d bytes does not fit itself", len(body))
	}
	reply := r.request("supervisor.missions.create", []byte(body))
	var created struct {
		Results []struct {
			Mission missions.Mission
			Created bool
		}
	}
	must(t, json.Unmarshal(reply.Data, &created))
	if len(created.Results) != 17 || !created.Results[0].Created {
		t.Fatalf("%.300s", reply.Data)
	}
	claimed, err := agent.Claim(t.Context(), api.ClaimRequest{Max: 20})
	must(t, err)
	var results []string
	for _, m := range claimed.Missions {
		ref, err := json.Marshal(api.LeaseRef{MissionID: m.ID, Lease: m.Lease})
		must(t, err)
		results = append(results, strings.TrimSuffix(string(ref), "}")+`,"result":`+data[:200<<10]+`"}}`)
	}
	reply = r.request("supervisor.agent.a.complete", []byte(`{"results":[`+strings.Join(results, ",")+`]}`))
	var finished struct {
		Results []struct{ Mission missions.Mission }
	}
	must(t, json.Unmarshal(reply.Data, &finished))
	if len(finished.Results) != len(claimed.Missions) {
		t.Fatalf("%.300s", reply.Data)
	}
	m := finished.Results[0].Mission
	if m.Status != missions.Completed || len(m.Trimmed) != 1 || m.Trimmed[0] != "data" || string(m.Data) != "null" || len(m.Result) < 100<<10 {
		t.Errorf("trimmed is %v, data %.20s, result %d bytes", m.Trimmed, m.Data, len(m.Result))
	}
	whole, err := r.client.Get(t.Context(), m.ID)
	must(t, err)
	if whole.Trimmed != nil || len(whole.Data) < 400<<10 {
		t.Errorf("what fits is trimmed: %v, data %d bytes", whole.Trimmed, len(whole.Data))
	}
}

func TestFieldsBesideABatchAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	agent := r.register("a", "t")
	_, _, err := r.client.Create(t.Context(), api.MissionSpec{ID: "m", Name: "m", Type: "t"})
	must(t, err)
	claimed, err := agent.Claim(t.Context(), api.ClaimRequest{Max: 1})
	must(t, err)
	item, err := json.Marshal(api.LeaseRef{MissionID: "m", Lease: claimed.Missions[0].Lease})
	must(t, err)
	for subject, body := range map[string]string{
		"supervisor.missions.create":  `{"missions":[{"name":"a"}],"priority":"HIGH"}`,
		"supervisor.agent.a.fail":     `{"results":[` + string(item) + `],"retryable":false}`,
		"supervisor.agent.a.complete": `{"results":[` + string(item) + `],"result":{"x":1}}`,
		"supervisor.agent.a.release":  `{"results":[` + string(item) + `],"lease":7}`,
	} {
		var refused api.ErrorReply
		must(t, json.Unmarshal(r.request(subject, []byte(body)).Data, &refused))
		if refused.Error == nil || !errors.Is(refused.Error, api.ErrInvalid) || !strings.Contains(refused.Error.Message, "cannot be combined") {
			t.Errorf("%s %s: %+v", subject, body, refused.Error)
		}
	}
	if m, err := r.client.Get(t.Context(), "m"); err != nil || m.Status != missions.Running {
		t.Errorf("the mission is %s (%v)", m.Status, err)
	}
}
