package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

func (b bench) signal(t *testing.T, id, name, data string) api.Signalled {
	t.Helper()
	request := api.SignalRequest{ID: id, Name: name}
	if data != "" {
		request.Data = json.RawMessage(data)
	}
	reply, err := b.client.Signal(t.Context(), request)
	must(t, err)
	return reply
}

// Signals reach a handler in order: those that were sent before it ran come first. What it
// has taken is reported as seen, and what it has not goes to the next turn.
func TestSignalsReachAHandler(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	taken := make(chan string, 10)
	again := make(chan struct{})
	b.start(t, agent.Config{ID: "w1", Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		signals := task.Signals()
		if task.Signals() != signals {
			t.Error("there are two channels")
		}
		for range 3 {
			s := <-signals
			taken <- fmt.Sprintf("%d %s %s", s.Seq, s.Name, s.Data)
		}
		if task.Turn() == 1 {
			<-again
			return nil, fmt.Errorf("again")
		}
		return nil, nil
	}})
	m := b.create(t, api.MissionSpec{Name: "m", NotBefore: missions.At(time.Now().Add(300 * time.Millisecond))})
	large := `"` + strings.Repeat("x", 60<<10) + `"`
	b.signal(t, m.ID, "early", `{"n":1}`)
	b.signal(t, m.ID, "large", large)
	for _, want := range []string{`1 early {"n":1}`, "2 large " + large} {
		if got := <-taken; got != want {
			t.Errorf("%.40q came, want %.40q", got, want)
		}
	}
	if sent := b.signal(t, m.ID, "steer", ""); sent.Delivered != missions.DeliveredRunning {
		t.Errorf("delivered: %s", sent.Delivered)
	}
	if got := <-taken; got != "3 steer " {
		t.Errorf("%q came", got)
	}
	seen := b.awaitMission(t, m.ID, func(m *missions.Mission) bool { return m.Signals[2].SeenAt != 0 })
	if seen.Status != missions.Running || seen.Signals[0].SeenBy != "w1" || seen.Signals[0].SeenAt == 0 {
		t.Errorf("%s with %+v", seen.Status, seen.Signals)
	}
	for n := range 3 {
		b.signal(t, m.ID, "next", fmt.Sprint(n))
	}
	close(again)
	for n := range 3 {
		if got := <-taken; got != fmt.Sprintf("%d next %d", n+4, n) {
			t.Errorf("%q came as the %dth", got, n)
		}
	}
	if m := b.wait(t, m.ID); m.Status != missions.Completed || m.Turn != 2 || m.Signals[5].SeenAt == 0 {
		t.Errorf("%s after %d turns with %+v", m.Status, m.Turn, m.Signals)
	}
}

// A handler that does not listen is not disturbed, and its signals stay unseen.
func TestAHandlerThatDoesNotListen(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	started, end := make(chan struct{}), make(chan struct{})
	b.start(t, agent.Config{Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		close(started)
		<-end
		return nil, nil
	}})
	id := b.create(t, api.MissionSpec{Name: "m"}).ID
	<-started
	b.signal(t, id, "steer", "")
	close(end)
	if m := b.wait(t, id); m.Status != missions.Completed || m.Signals[0].SeenAt != 0 {
		t.Errorf("%s with %+v", m.Status, m.Signals)
	}
}

// The channel is closed when the mission is cancelled, and when the handler has returned.
func TestTheChannelOfSignalsIsClosed(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	started, tasks := make(chan string, 1), make(chan *agent.Task, 2)
	b.start(t, agent.Config{Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		tasks <- task
		if task.Mission.Name == "short" {
			return nil, nil
		}
		started <- task.Mission.ID
		for range task.Signals() { // until it is closed
		}
		return nil, ctx.Err()
	}})
	b.create(t, api.MissionSpec{Name: "endless"})
	id := <-started
	_, err := b.client.Cancel(t.Context(), id, "")
	must(t, err)
	b.wait(t, b.create(t, api.MissionSpec{Name: "short"}).ID)
	for range 2 {
		task := <-tasks
		if _, open := <-task.Signals(); open {
			t.Errorf("the channel of %s is open", task.Mission.Name)
		}
	}
}

// A signal that was taken does not answer the question that is asked after it.
func TestATakenSignalAnswersNothing(t *testing.T) {
	t.Parallel()
	b := newPatientBench(t)
	first := make(chan string, 1)
	b.start(t, agent.Config{Handler: func(_ context.Context, task *agent.Task) (any, error) {
		if task.Turn() == 1 {
			first <- task.Mission.ID
		}
		s := <-task.Signals()
		if task.Turn() == 1 {
			return nil, agent.Park(agent.AfterSignal("go", "And now?"))
		}
		return s.Seq, nil
	}})
	b.create(t, api.MissionSpec{Name: "m"})
	id := <-first
	b.signal(t, id, "go", "")
	b.awaitMission(t, id, func(m *missions.Mission) bool {
		return m.Status == missions.Pending && m.Flow != nil && len(m.WaitingFor) > 0
	})
	b.signal(t, id, "go", "")
	if m := b.wait(t, id); string(m.Result) != "2" {
		t.Errorf("it went on with signal %s", m.Result)
	}
}
