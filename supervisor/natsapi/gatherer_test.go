package natsapi_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// counted is a store that counts steps, and stops before the first one that creates missions.
type counted struct {
	missions.Store
	begun, gate chan struct{}
	creates     atomic.Int64
}

func (s *counted) Create(ctx context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	if s.creates.Add(1) == 1 {
		close(s.begun)
		<-s.gate
	}
	return s.Store.Create(ctx, batch)
}

// Creations that arrive during a step are stored in the next one, each with its own answer.
func TestCreationsThatArriveTogetherShareAStep(t *testing.T) {
	t.Parallel()
	store := &counted{begun: make(chan struct{}), gate: make(chan struct{})}
	r := newRig(t, rigOptions{wrap: func(s missions.Store) missions.Store { store.Store = s; return store }})
	answers := make(chan *nats.Msg, 2000)
	send := func(n int, body string) {
		msg := &nats.Msg{Subject: api.SubjectMissionsCreate, Reply: fmt.Sprintf("answers.%d", n), Data: []byte(body), Header: nats.Header{}}
		msg.Header.Set(api.HeaderTraceparent, fmt.Sprintf("00-0af7651916cd43dd8448eb211c80319c-%016x-01", n+1))
		must(t, r.nc.PublishMsg(msg))
	}
	_, err := r.nc.ChanSubscribe("answers.*", answers)
	must(t, err)
	send(0, `{"id":"m-0","name":"first"}`)
	<-store.begun
	want := map[string]string{
		"answers.1":  `{"mission":{"id":"m-1","status":"PENDING"},"created":true}`,
		"answers.2":  `{"error":{"code":"conflict","message":"mission \"m-1\" exists with different content"}}`,
		"answers.3":  `{"error":{"code":"invalid_request","message":"name is required","field":"name"}}`,
		"answers.4":  `{"results":[{"mission":{"id":"m-4","status":"PENDING"},"created":true},{"error":{"code":"invalid_request","message":"name is required","field":"name"}}]}`,
		"answers.5":  `{"error":{"code":"invalid_request","message":"missions is empty","field":"missions"}}`,
		"answers.6":  `{"mission":{"id":"m-1","status":"PENDING"},"created":false}`,
		"answers.99": `{"error":{"code":"invalid_request","message":"x is not a field of this request","field":"x"}}`,
	}
	send(1, `{"id":"m-1","name":"one","brief":true}`)
	send(2, `{"id":"m-1","name":"other","brief":true}`)
	send(3, `{"brief":true}`)
	send(4, `{"missions":[{"id":"m-4","name":"four"},{}],"brief":true}`)
	send(5, `{"missions":[]}`)
	send(6, `{"id":"m-1","name":"one","brief":true}`)
	send(99, `{"x":1}`) // refused at once: all before it have been read
	for n := 0; n < len(want)+1; n++ {
		msg := receive(t, answers)
		if msg.Subject == "answers.99" {
			close(store.gate)
		}
		if want := want[msg.Subject]; want != "" && want != string(msg.Data) {
			t.Errorf("%s: got  %s\nwant %s", msg.Subject, msg.Data, want)
		}
		if msg.Subject == "answers.0" && !strings.Contains(string(msg.Data), `"name":"first"`) {
			t.Errorf("the first answer is %s", msg.Data)
		}
	}
	if n := store.creates.Load(); n != 2 {
		t.Errorf("%d steps, want 2", n)
	}
	for id, n := range map[string]int{"m-0": 0, "m-1": 1, "m-4": 4} {
		m, err := r.client.Get(t.Context(), id)
		if want := fmt.Sprintf("00-0af7651916cd43dd8448eb211c80319c-%016x-01", n+1); err != nil || m.Traceparent != want {
			t.Errorf("%s belongs to trace %s (%v), want %s", id, m.Traceparent, err, want)
		}
	}
}
