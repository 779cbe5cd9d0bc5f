package supervisor

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// told records what a connected agent is told. It stops when it is told what it fails at.
type told struct {
	lines  chan string
	failAt string
}

func (t told) tell(line string) error {
	t.lines <- line
	if line == t.failAt {
		return errors.New("the client is gone")
	}
	return nil
}

func (t told) Ready() error                { return t.tell("ready") }
func (t told) Command(c api.Command) error { return t.tell(c.MissionID) }
func (t told) Idle() error                 { return t.tell("idle") }

// oneBroker carries commands to the services that receive them; sends says whether it has a
// connection.
type oneBroker struct {
	sends    bool
	receives []func(string, api.Command)
}

func (b *oneBroker) Push(agentID string, command api.Command) bool {
	if b.sends {
		for _, receive := range b.receives {
			receive(agentID, command)
		}
	}
	return b.sends
}

func (b *oneBroker) Receive(_ context.Context, receive func(string, api.Command)) func() {
	b.receives = append(b.receives, receive)
	return func() { b.receives = nil }
}

// withCommands returns a service that has only what commands need.
func withCommands(commands Commands) *Service {
	connected := newConnectedAgents()
	cfg := Config{Commands: commands, Grace: testGrace}
	take := func(context.Context, string, missions.Time) error { return nil }
	return &Service{cfg: cfg, connected: connected, liveness: &liveness{grace: testGrace, connected: connected, take: take, candidates: map[string]candidate{}}}
}

// A command reaches an agent once, wherever it is connected, and whether or not the broker
// is there.
func TestCommandsReachConnectedAgents(t *testing.T) {
	for _, sends := range []bool{true, false} {
		t.Run(fmt.Sprint("broker ", sends), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broker := &oneBroker{sends: sends}
				here, there := withCommands(broker), withCommands(broker)
				here.push("w1", api.Command{MissionID: "early"}) // nobody is connected
				ctx, cancel := context.WithCancel(t.Context())
				w1 := told{lines: make(chan string, 10)}
				go func() { _ = here.Commands(ctx, "w1", w1) }()
				synctest.Wait()
				here.push("w1", api.Command{MissionID: "m1"})
				here.push("w2", api.Command{MissionID: "m2"})
				want := []string{"ready", "m1"}
				if sends {
					there.push("w1", api.Command{MissionID: "m3"})
					want = append(want, "m3")
				}
				synctest.Wait()
				cancel()
				synctest.Wait()
				here.push("w1", api.Command{MissionID: "late"})
				close(w1.lines)
				var got []string
				for line := range w1.lines {
					got = append(got, line)
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("the agent was told %v, want %v", got, want)
				}
			})
		})
	}
}

// The end of a connection makes its agent one that may be lost, unless the supervisor itself
// stops: then it has ended all connections.
func TestTheEndOfAnAgentsConnection(t *testing.T) {
	for name, c := range map[string]struct {
		cause error
		fails string
		lost  int
	}{
		"the client has left":      {context.Canceled, "", 1},
		"the client does not read": {nil, "idle", 1},
		"it left at once":          {nil, "ready", 1},
		"the supervisor stops":     {ErrStopping, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := withCommands(noCommands{})
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				done := make(chan struct{})
				go func() {
					_ = s.Commands(ctx, "w1", told{make(chan string, 10), c.fails})
					close(done)
				}()
				synctest.Wait()
				s.push("w1", api.Command{MissionID: "m1"})
				synctest.Wait()
				if c.cause != nil {
					cancel(c.cause)
				}
				<-done // for what is idle, after some time
				if got := s.liveness.candidatesLeft(); got != c.lost {
					t.Errorf("%d agents may be lost, want %d", got, c.lost)
				}
				if n := s.connected.count("w1"); n != 0 {
					t.Errorf("it still has %d connections", n)
				}
			})
		})
	}
}

// An agent that has connected to another supervisor since is not lost when the end of its old
// connection is noticed, but when that of the new one is.
func TestAnAgentThatHasMovedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := &oneBroker{sends: true}
		services, ends := map[string]*Service{}, map[string]func(){}
		for _, id := range []string{"old", "new"} {
			s := withCommands(broker)
			s.cfg.ID = id
			ctx, cancel := context.WithCancel(t.Context())
			go func() { _ = s.Commands(ctx, "w1", told{make(chan string, 10), ""}) }()
			synctest.Wait()
			services[id], ends[id] = s, cancel
		}
		for id, lost := range map[string]int{"old": 0, "new": 1} {
			ends[id]()
			synctest.Wait()
			if got := services[id].liveness.candidatesLeft(); got != lost {
				t.Errorf("after the end of the %s connection, %d agents may be lost, want %d", id, got, lost)
			}
		}
	})
}

// An agent that does not read its commands holds up nobody.
func TestAnAgentThatDoesNotReadCommands(t *testing.T) {
	s := withCommands(noCommands{})
	commands := s.connected.join("w1")
	for range 2 * commandsAhead {
		s.push("w1", api.Command{MissionID: "m1"})
	}
	if len(commands) != commandsAhead {
		t.Errorf("%d commands wait for it, want %d", len(commands), commandsAhead)
	}
}
