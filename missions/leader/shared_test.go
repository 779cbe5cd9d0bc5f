package leader_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/engine/enginetest"
	"missioncontrol/missions/leader"
	"missioncontrol/missions/storetest"
)

// elector elects leaders like a store does.
type elector struct {
	now func() time.Time

	mu     sync.Mutex
	holder string
	until  time.Time
}

// Lead implements [missions.Leaders].
func (e *elector) Lead(_ context.Context, candidate string, ttl time.Duration) (missions.Leadership, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.holder == candidate || !e.now().Before(e.until) {
		e.holder, e.until = candidate, e.now().Add(ttl)
	}
	return missions.Leadership{Holder: e.holder, Left: e.until.Sub(e.now())}, nil
}

// Resign implements [missions.Leaders].
func (e *elector) Resign(_ context.Context, candidate string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.holder == candidate {
		e.holder = ""
		e.until = time.Time{}
	}
	return nil
}

// fleet is several supervisors on one backend, that reach each other unless a test disturbs it.
type fleet struct {
	backend engine.SharedBackend
	elector *elector
	now     func() time.Time
	cfg     engine.Config

	mu      sync.Mutex
	stores  map[string]*leader.Shared
	disturb func() disturbance
}

// disturbance is what happens to a message.
type disturbance int

const (
	undisturbed disturbance = iota
	undelivered
	answerLost
)

// join adds a supervisor.
func (f *fleet) join(t *testing.T, name string) *leader.Shared {
	t.Helper()
	s, err := leader.OpenShared(t.Context(), leader.SharedConfig{
		Config:  leader.Config{Engine: f.cfg, Identity: identity, Now: f.now, Logger: quiet},
		Backend: f.backend, Leaders: f.elector, Send: f.send,
	})
	must(t, err)
	f.mu.Lock()
	f.stores[name] = s
	f.mu.Unlock()
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func (f *fleet) send(ctx context.Context, holder string, message []byte) ([]byte, error) {
	f.mu.Lock()
	to, disturb := f.stores[holder], f.disturb
	f.mu.Unlock()
	happens := undisturbed
	if disturb != nil {
		happens = disturb()
	}
	if to == nil || happens == undelivered {
		return nil, leader.ErrNotDelivered
	}
	answer := to.Answer(ctx, message)
	if happens == answerLost {
		return nil, errors.New("the connection broke")
	}
	return answer, nil
}

func newFleet(cfg engine.Config, now func() time.Time) *fleet {
	return &fleet{backend: enginetest.NewMemory(), cfg: cfg, now: now, elector: &elector{now: now}, stores: map[string]*leader.Shared{}}
}

func lead(t *testing.T, s *leader.Shared, name string) {
	t.Helper()
	_, err := s.Lead(t.Context(), name, time.Hour)
	must(t, err)
}

// TestConformanceOfAFrontEnd runs the suite of stores on a supervisor that another one leads.
func TestConformanceOfAFrontEnd(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, options storetest.Options) storetest.Harness {
		var ahead atomic.Int64
		f := newFleet(engine.Config{OutboxLimit: options.OutboxLimit, Retry: options.Retry},
			func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
		lead(t, f.join(t, "leader"), "leader")
		var front *frontEnd
		open := func(t *testing.T) missions.Store {
			t.Helper()
			if front != nil {
				must(t, front.Close())
			}
			elections, err := leader.Open(t.Context(), leader.Config{Backend: enginetest.NewMemory(), Logger: quiet, Now: f.now})
			must(t, err)
			front = &frontEnd{f.join(t, "front"), elections}
			t.Cleanup(func() { must(t, elections.Close()) })
			lead(t, front.Shared, "front") // it learns who leads
			return front
		}
		return storetest.Harness{Store: open(t), Advance: func(d time.Duration) { ahead.Add(int64(d)) }, Reopen: open}
	})
}

// frontEnd is a store that another supervisor leads whatever the suite does: elections are held
// elsewhere.
type frontEnd struct {
	*leader.Shared
	elections *leader.Store
}

func (f *frontEnd) Lead(ctx context.Context, candidate string, ttl time.Duration) (missions.Leadership, error) {
	return f.elections.Lead(ctx, candidate, ttl)
}

func (f *frontEnd) Resign(ctx context.Context, candidate string) error {
	return f.elections.Resign(ctx, candidate)
}

func (f *frontEnd) Close() error { return errors.Join(f.Shared.Close(), f.elections.Close()) }

// TestForwardedChangesAreDoneOnce forwards changes that show how often they were done, while
// messages and answers are lost and leadership moves.
func TestForwardedChangesAreDoneOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(engine.Config{OutboxLimit: 1 << 40}, time.Now)
	names := []string{"one", "two", "three"}
	stores := map[string]*leader.Shared{}
	for _, name := range names {
		stores[name] = f.join(t, name)
	}
	lead(t, stores["one"], "one")
	lead(t, stores["two"], "two")
	lead(t, stores["three"], "three")
	_, err := stores["three"].Register(t.Context(), missions.Agent{ID: "a", Types: []string{"default"}, Capacity: 100}, time.Hour)
	must(t, err)
	var random sync.Mutex
	chance := rand.New(rand.NewPCG(1, 2))
	f.mu.Lock()
	f.disturb = func() disturbance {
		random.Lock()
		defer random.Unlock()
		switch chance.IntN(6) {
		case 0:
			return undelivered
		case 1:
			return answerLost
		}
		return undisturbed
	}
	f.mu.Unlock()

	stop, moved := make(chan struct{}), make(chan struct{})
	go func() { // leadership moves on, by resignation or without the old leader's notice
		defer close(moved)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			old, next := names[i%3], names[(i+1)%3]
			if i%2 == 0 {
				_ = stores[old].Resign(context.Background(), old)
			} else {
				_ = f.elector.Resign(context.Background(), old)
			}
			for _, name := range []string{next, names[(i+2)%3], old} {
				_, _ = stores[name].Lead(context.Background(), name, time.Hour)
			}
		}
	}()
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() { // each mission's log gets one entry for each append that succeeded
			s, id := stores[names[i%3]], fmt.Sprint("m", i)
			appendTo(t, s, id)
		})
	}
	all.Wait()
	close(stop)
	<-moved
}

// appendTo creates a mission, claims it, appends to its log, and checks what is there then.
func appendTo(t *testing.T, s *leader.Shared, id string) {
	const lines = 60
	m := mission(id)
	m.Type = id
	created, err := s.Create(t.Context(), []missions.Mission{m})
	if err != nil || !created[0].Created {
		t.Errorf("create: %v, %+v", err, created)
		return
	}
	claimed, err := s.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "a", Types: []string{id}, Max: 5, Lease: time.Hour}})
	if err != nil || len(claimed[0].Missions) != 1 {
		t.Errorf("claim: %v, %+v", err, claimed)
		return
	}
	ref := missions.LeaseRef{MissionID: id, Lease: claimed[0].Missions[0].Lease}
	for i := range lines {
		errs, err := s.AppendLog(t.Context(), []missions.LogAppend{{AgentID: "a", LeaseRef: ref, Level: "info", Message: fmt.Sprint(i)}})
		if err != nil || errs[0] != nil {
			t.Errorf("append: %v, %v", err, errs)
			return
		}
	}
	page, err := s.Log(t.Context(), id, 2, 1000) // after the creation and the claim
	if err != nil || len(page.Entries) != lines {
		t.Errorf("the log of %s has %d entries (%v), want %d", id, len(page.Entries), err, lines)
		return
	}
	for i, e := range page.Entries {
		if e.Message != fmt.Sprint(i) {
			t.Errorf("entry %d of %s is %q", i, id, e.Message)
			return
		}
	}
}

// TestAChangeWaitsForALeader: no supervisor leads when the change comes.
func TestAChangeWaitsForALeader(t *testing.T) {
	t.Parallel()
	f := newFleet(engine.Config{OutboxLimit: 1000}, time.Now)
	front, next := f.join(t, "front"), f.join(t, "next")
	done := make(chan error, 1)
	go func() {
		_, err := front.Create(context.Background(), []missions.Mission{mission("m")})
		done <- err
	}()
	lead(t, next, "next")
	lead(t, front, "front")
	must(t, <-done)
	if m, err := next.Get(t.Context(), "m"); err != nil || m.ID != "m" {
		t.Errorf("get: %+v, %v", m, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	must(t, next.Resign(t.Context(), "next"))
	must(t, front.Resign(t.Context(), "front")) // it knows of no leader
	cancelled := make(chan error, 1)
	go func() {
		_, err := front.Create(ctx, []missions.Mission{mission("n")})
		cancelled <- err
	}()
	cancel()
	if err := <-cancelled; !errors.Is(err, context.Canceled) {
		t.Errorf("a change that was given up: %v", err)
	}
}
