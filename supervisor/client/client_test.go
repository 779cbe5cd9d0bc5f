package client_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream/embedded"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/test/fatal"
)

var must = fatal.If

// overdue is a context just after its deadline, before its timer has fired.
type overdue struct{ context.Context }

func (overdue) Deadline() (time.Time, bool) { return time.Now().Add(-time.Second), true }

func TestWaitThatIsOverdueSaysSo(t *testing.T) {
	t.Parallel()
	m, err := client.New(nil).Wait(overdue{t.Context()}, "m")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("mission %q and the error %v, want %v", m.ID, err, context.DeadlineExceeded)
	}
}

// A supervisor of an earlier version, which does not know brief requests, gets ordinary
// ones.
func TestBriefRequestsToAnEarlierVersion(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	var asked []string
	_, err := nc.Subscribe("supervisor.>", func(msg *nats.Msg) {
		asked = append(asked, string(msg.Data))
		var reply any
		switch {
		case strings.Contains(string(msg.Data), `"brief"`):
			refusal, err := api.Encode(api.ErrorReply{Error: &api.Error{Code: missions.CodeInvalid, Message: "brief is not a field of this request", Field: "brief"}})
			must(t, err)
			must(t, msg.RespondMsg(&nats.Msg{Header: nats.Header{api.HeaderErrorCode: {"400"}}, Data: refusal}))
			return
		case strings.HasSuffix(msg.Subject, ".create"):
			yes := true
			reply = api.CreateReply{Created: &api.Created{Mission: &missions.Mission{ID: "m", Status: missions.Pending}, Created: &yes}}
		default:
			reply = api.FinishReply{Results: []api.Finished{{Mission: &missions.Mission{ID: "m"}}, {Error: &api.Error{Code: missions.CodeLeaseLost}}}}
		}
		body, err := api.Encode(reply)
		must(t, err)
		must(t, msg.Respond(body))
	})
	must(t, err)
	c := client.New(nc)
	if m, created, err := c.CreateBrief(t.Context(), api.MissionSpec{Name: "x"}); err != nil || !created || m != (api.BriefMission{ID: "m", Status: missions.Pending}) {
		t.Errorf("%+v, %t, %v", m, created, err)
	}
	a := c.Agent("a")
	errs, err := a.CompleteAll(t.Context(), make([]api.Completion, 2))
	if err != nil || len(errs) != 2 || errs[0] != nil || !errors.Is(errs[1], api.ErrLeaseLost) {
		t.Errorf("%v, %v", errs, err)
	}
	must(t, a.Fail(t.Context(), api.Failure{Error: "e"}))
	must(t, a.Release(t.Context(), api.LeaseRef{}))
	must(t, nc.Flush())
	if len(asked) != 5 || !strings.Contains(asked[0], `"brief":true`) {
		t.Errorf("the requests were %q, want one that is refused, and four without the field", asked)
	}
}

// Any other refusal of a brief request is its answer.
func TestRefusedBriefRequests(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	n := 0
	_, err := nc.Subscribe("supervisor.>", func(msg *nats.Msg) {
		n++
		refusal, err := api.Encode(api.ErrorReply{Error: &api.Error{Code: missions.CodeInvalid, Message: "name is required", Field: "name"}})
		must(t, err)
		must(t, msg.RespondMsg(&nats.Msg{Header: nats.Header{api.HeaderErrorCode: {"400"}}, Data: refusal}))
	})
	must(t, err)
	if _, err := client.New(nc).CreateBatchBrief(t.Context(), []api.MissionSpec{{}}); !errors.Is(err, api.ErrInvalid) || n != 1 {
		t.Errorf("%v after %d requests", err, n)
	}
}

// connect returns a connection to a broker of its own.
func connect(t *testing.T) *nats.Conn {
	t.Helper()
	broker, err := embedded.Start(t.Context(), embedded.Config{StoreDir: filepath.Join(t.TempDir(), "js"), Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	must(t, err)
	t.Cleanup(func() { must(t, broker.Shutdown(context.Background())) })
	nc, err := nats.Connect(broker.ClientURL())
	must(t, err)
	t.Cleanup(nc.Close)
	return nc
}
