package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/natsapi"
)

// On a broker without authentication, any client can send hints and claim to be a
// supervisor.

// The values of a hint never count for more than they can be.
func TestTheFiguresOfAForgedHint(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	nc := f.connect()
	hints := f.receiveHints(nc)
	root := api.PeersSubject(f.store.Identity()) + "."
	for _, forged := range []struct{ subject, body string }{
		{"ready.x", `{"count":9223372036854775807}`},
		{"ready.x", `{"count":-9223372036854775808}`},
		{"ready.x", `{"count":1e18}`},
		{"ready.x", `{"count":1e19}`},
		{"ready.x.y", `{}`},
		{"due", `{}`},
		{"due", `{"at":null}`},
		{"due", `{"at":0}`},
		{"due", `{"at":-1}`},
		{"due", `{"at":1e300}`},
		{"due", `{"at":0.000001}`},
		{"due", `{"at":9007199254}`},
		{"thought.of.later", `{}`},
		{"presence", `{}`},
		{"resigned", `{}`},
	} {
		must(t, nc.Publish(root+forged.subject, []byte(forged.body)))
	}
	want := []supervisor.Hint{
		{Kind: supervisor.HintReady, Of: "x", Count: math.MaxInt32},
		{Kind: supervisor.HintReady, Of: "x"},
		{Kind: supervisor.HintDue, At: 1},
		{Kind: supervisor.HintDue, At: 9007199254e6},
		{Kind: supervisor.HintResigned},
	}
	for _, want := range want {
		select {
		case h := <-hints:
			if h != want {
				t.Errorf("received %+v, want %+v", h, want)
			}
		case <-time.After(testTimeout):
			t.Fatal("no hint is received")
		}
	}
}

// counting counts the store calls that hints cause.
type counting struct {
	missions.Store
	claims, dues atomic.Int64
}

func (c *counting) Claim(ctx context.Context, batch []missions.ClaimRequest) ([]missions.ClaimResult, error) {
	c.claims.Add(1)
	return c.Store.Claim(ctx, batch)
}

func (c *counting) Due(ctx context.Context, limit int) (missions.DueResult, error) {
	c.dues.Add(1)
	return c.Store.Due(ctx, limit)
}

// A forged hint costs at most one read of the store, whatever its values are. A flood
// of forged hints about missions and agents changes nothing.
func TestAFloodOfForgedHintsChangesNothing(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	store := &counting{Store: f.store}
	m := f.start(memberOptions{store: store})
	m.register(t, "worker", "x")
	held := m.hold(t, "holder", "held")
	nc := f.connect()
	root := api.PeersSubject(f.store.Identity()) + "."
	claims, dues := store.claims.Load(), store.dues.Load()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	got := make(chan api.Claimed, 1)
	var worker sync.WaitGroup
	asked := int64(0)
	worker.Go(func() {
		for { // like an agent: it claims again if it gets nothing
			asked++
			claimed, err := m.Claim(ctx, "worker", api.ClaimRequest{Max: 1, WaitSeconds: 60})
			if err != nil || len(claimed.Missions) > 0 {
				got <- claimed
				return
			}
		}
	})
	const floods = 300
	hints := int64(0)
	for i := range floods {
		for _, forged := range []struct{ subject, body string }{
			{"ready.x", `{"count":9223372036854775807}`},
			{fmt.Sprint("ready.none-", i), `{"count":9223372036854775807}`},
			{"dismissed.worker", `{}`}, {"dismissed.holder", `{}`}, {"dismissed.nobody", `{}`},
			{"due", `{"at":0.000001}`}, {"due", `{"at":9007199254}`}, {"due", `{"at":null}`},
			{"grown", `{}`}, {"resigned", `{}`}, {"ended." + held.MissionID, `{}`}, {"ended.nobody's", `{}`},
		} {
			must(t, nc.Publish(root+forged.subject, []byte(forged.body)))
			hints++
		}
	}
	must(t, nc.Flush())
	id := m.create(t, api.MissionSpec{Type: "x"}).ID
	claimed := <-got
	worker.Wait()
	if len(claimed.Missions) != 1 || claimed.Missions[0].ID != id {
		t.Fatalf("claimed: %+v", claimed)
	}
	if looks := store.claims.Load() - claims; looks > hints+asked {
		t.Errorf("%d hints and %d claims have made %d looks for missions", hints, asked, looks)
	}
	if looks := store.dues.Load() - dues; looks > hints+1 {
		t.Errorf("%d hints have made %d looks for what is due", hints, looks)
	}
	still, err := m.Get(t.Context(), api.IDRequest{ID: held.MissionID})
	must(t, err)
	agents, err := m.Agents(t.Context(), api.AgentsRequest{})
	must(t, err)
	if still.Mission.Status != missions.Running || agents.AgentCount != 2 || !m.Leads() {
		t.Errorf("the mission is %s, there are %d agents, leading: %t", still.Mission.Status, agents.AgentCount, m.Leads())
	}
	_, err = m.Complete(t.Context(), "holder", api.CompleteRequest{Completion: api.Completion{LeaseRef: held}})
	must(t, err)
}

// A client that claims to be a supervisor may answer anything, any number of times.
// Start-up is refused with one line, or continues.
func TestForgedAnswersToTheQuestionWhoIsThere(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body, want string
		times      int
	}{
		"a different store":    {`{"store":"other","host":"h","pid":1}`, `the one on "h" with pid 1;`, 1},
		"a host with commands": {`{"store":"other","host":"h\n\u001b[2Jred","pid":-1}`, `the one on "h\n\x1b[2Jred" with pid -1;`, 1},
		"a host without end":   {`{"store":"other","host":"` + strings.Repeat("h", 100_000) + `"}`, strings.Repeat("h", 253) + `" with pid 0;`, 1},
		"a store that is none": {`{"store":"a store\n"}`, "", 1},
		"a store without end":  {`{"store":"` + strings.Repeat("s", 100_000) + `"}`, "", 1},
		"no store":             {`{}`, "", 1},
		"junk":                 {"junk", "", 1},
		"the same without end": {`{"store":"mine"}`, "", 5000},
		"others without end":   {`{"store":"other"}`, "with pid 0;", 5000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t)
			forger := f.connect()
			sub, err := forger.SubscribeSync(api.SubjectPresence)
			must(t, err)
			must(t, forger.Flush())
			var answers sync.WaitGroup
			answers.Go(func() {
				asked, err := sub.NextMsg(testTimeout)
				if err != nil {
					return
				}
				for range test.times {
					_ = forger.Publish(asked.Reply, []byte(test.body)) // fails only when the test ends
				}
			})
			leave, err := natsapi.Announce(t.Context(), f.connect(), func() string { return "mine" }, quiet)
			answers.Wait()
			switch {
			case test.want == "" && err != nil:
				t.Errorf("the start is refused: %v", err)
			case test.want == "":
				leave()
			case !errors.Is(err, natsapi.ErrOtherStore) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000:
				t.Errorf("the start is refused with %.1000q, want %q", fmt.Sprint(err), test.want)
			}
		})
	}
}
