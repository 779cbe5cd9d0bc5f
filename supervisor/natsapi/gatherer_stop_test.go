package natsapi_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// held is a store that holds the first step that creates missions, until it is released or
// the step's time is over.
type held struct {
	missions.Store
	begun, gate chan struct{}
	first       bool  // whether there was one; steps follow one another
	ended       error // why its time was over
}

func (s *held) Create(ctx context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	if !s.first {
		s.first = true
		close(s.begun)
		select {
		case <-s.gate:
		case <-ctx.Done():
			s.ended = ctx.Err()
			return nil, missions.Unavailable("the store is stuck", s.ended)
		}
	}
	return s.Store.Create(ctx, batch)
}

// stopping is a supervisor that is stopped while requests are gathered, and a client that
// goes on sending them.
type stopping struct {
	*rig
	store   *held
	replies chan *nats.Msg
	sent    int
	stopped chan error
	release func() // lets the store work
}

func newStopping(t *testing.T) *stopping {
	t.Helper()
	s := &stopping{store: &held{begun: make(chan struct{}), gate: make(chan struct{})},
		replies: make(chan *nats.Msg, 10_000), stopped: make(chan error, 1)}
	s.rig = newRig(t, rigOptions{wrap: func(store missions.Store) missions.Store { s.store.Store = store; return s.store }})
	s.release = sync.OnceFunc(func() { close(s.store.gate) })
	t.Cleanup(s.release)
	_, err := s.nc.ChanSubscribe("answers.*", s.replies)
	must(t, err)
	s.send(1)
	<-s.store.begun
	s.send(100)
	must(t, s.probe()) // what was sent before it waits now
	return s
}

// send requests n missions.
func (s *stopping) send(n int) {
	s.t.Helper()
	for range n {
		must(s.t, s.nc.PublishRequest(api.SubjectMissionsCreate, fmt.Sprintf("answers.%d", s.sent),
			fmt.Appendf(nil, `{"id":"m-%d","name":"a mission","brief":true}`, s.sent)))
		s.sent++
	}
}

// probe sends a request that is refused at once. It returns an error once nobody listens.
func (s *stopping) probe() error {
	_, err := s.nc.Request(api.SubjectMissionsCreate, []byte(`{"x":1}`), testTimeout)
	return err
}

// begin stops the supervisor, and returns when no request reaches it any more.
func (s *stopping) begin(ctx context.Context) {
	s.t.Helper()
	go func() { s.stopped <- s.stop(ctx) }()
	for {
		s.send(1)
		err := s.probe()
		if errors.Is(err, nats.ErrNoResponders) {
			return
		}
		must(s.t, err)
	}
}

// answers returns how many requests got each answer: the missions that were created, or an
// error. It fails unless each request has exactly one, and the missions that are said to be
// stored are.
func (s *stopping) answers() map[string]int {
	s.t.Helper()
	answers, answered := map[string]int{}, map[string]bool{}
	for range s.sent {
		msg := receive(s.t, s.replies)
		if answered[msg.Subject] {
			s.t.Errorf("%s: a second answer, %s", msg.Subject, msg.Data)
		}
		answered[msg.Subject] = true
		outcome, id := string(msg.Data), strings.Replace(msg.Subject, "answers.", "m-", 1)
		if msg.Header.Get("Status") == "503" {
			outcome = "no responders"
		} else if strings.Contains(outcome, `"id":"`+id+`"`) && strings.HasSuffix(outcome, `"created":true}`) {
			outcome = "created"
		}
		answers[outcome]++
		if _, err := s.rig.store.Get(s.t.Context(), id); (err == nil) != (outcome == "created") {
			s.t.Errorf("%s is answered with %s, and the store says: %v", id, outcome, err)
		}
	}
	must(s.t, s.nc.Flush())
	if more := len(s.replies); more > 0 {
		s.t.Errorf("%d answers too many", more)
	}
	return answers
}

// A clean stop answers the requests that wait for a step of the store, and those that arrive
// until nobody listens any more.
func TestAStopAnswersWhatIsGathered(t *testing.T) {
	t.Parallel()
	s := newStopping(t)
	s.begin(t.Context())
	select {
	case err := <-s.stopped:
		t.Fatalf("it has stopped (%v) while requests waited", err)
	default:
	}
	s.release()
	must(t, <-s.stopped)
	if answers := s.answers(); answers["created"] < 101 {
		t.Errorf("101 requests waited, and the answers are %v", answers)
	}
}

// A stop that may take no longer answers them, too: that they were not done.
func TestAStopThatMayNotWaitAnswersWhatIsGathered(t *testing.T) {
	t.Parallel()
	s := newStopping(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.begin(ctx)
	cancel()
	must(t, <-s.stopped)
	if !errors.Is(s.store.ended, context.Canceled) {
		t.Errorf("the step ended because of: %v", s.store.ended)
	}
	if answers := s.answers(); answers["created"] > 0 {
		t.Errorf("nothing was stored, and the answers are %v", answers)
	}
}
