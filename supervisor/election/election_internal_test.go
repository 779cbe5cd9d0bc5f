package election

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"missioncontrol/missions"
)

// throne is a minimal store of the leadership, with configurable faults.
type throne struct {
	mu     sync.Mutex
	holder string
	until  time.Time
	faults map[string]fault // by candidate
}

// fault is what goes wrong between a candidate and the store.
type fault func(ctx context.Context, lead func() missions.Leadership) (missions.Leadership, error)

func (s *throne) Lead(ctx context.Context, candidate string, ttl time.Duration) (missions.Leadership, error) {
	lead := func() missions.Leadership {
		s.mu.Lock()
		defer s.mu.Unlock()
		if now := time.Now(); s.holder == candidate || !now.Before(s.until) {
			s.holder, s.until = candidate, now.Add(ttl)
		}
		return missions.Leadership{Holder: s.holder, Left: time.Until(s.until)}
	}
	s.mu.Lock()
	f := s.faults[candidate]
	s.mu.Unlock()
	if f != nil {
		return f(ctx, lead)
	}
	return lead(), nil
}

func (s *throne) Resign(_ context.Context, candidate string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holder == candidate {
		s.holder, s.until = "", time.Time{}
	}
	return nil
}

func (s *throne) order(candidate string, f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[candidate] = f
}

// reign is a period in which a candidate acted.
type reign struct {
	who         string
	began, over time.Time
}

// court has several candidates for one throne, and a record of who acted when.
type court struct {
	throne *throne

	mu     sync.Mutex
	reigns []reign
}

// candidacy starts a candidate. The returned function ends it cleanly.
func (c *court) candidacy(id string) (l *Candidate, stop func()) {
	l = New(c.throne, id, 3*time.Second, slog.New(slog.DiscardHandler), slog.LevelDebug)
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() {
		l.Run(ctx, func(ctx context.Context, _ *Term) {
			began := time.Now()
			<-ctx.Done()
			c.mu.Lock()
			defer c.mu.Unlock()
			c.reigns = append(c.reigns, reign{id, began, time.Now()})
		})
	})
	synctest.Wait()
	return l, sync.OnceFunc(func() { cancel(); loop.Wait() })
}

// check fails if two reigns overlap, or if their order is not as wanted.
func (c *court) check(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for i, r := range c.reigns {
		got = append(got, r.who)
		if i > 0 && r.began.Before(c.reigns[i-1].over) {
			t.Errorf("%s began to act at %s, before %s had stopped at %s", r.who, r.began, c.reigns[i-1].who, c.reigns[i-1].over)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("reigns: %v, want %v", got, want)
	}
}

func inCourt(t *testing.T, test func(t *testing.T, c *court)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, &court{throne: &throne{faults: map[string]fault{}}}) })
}

func TestALeaderStaysAndMakesWayAtOnceWhenItStops(t *testing.T) {
	t.Parallel()
	inCourt(t, func(t *testing.T, c *court) {
		a, stopA := c.candidacy("a")
		if !a.Leads() {
			t.Fatal("the only candidate does not lead at once")
		}
		b, stopB := c.candidacy("b")
		time.Sleep(time.Minute)
		if !a.Leads() || b.Leads() {
			t.Fatal("the leader has changed")
		}
		stopA()
		began := time.Now()
		b.LeadershipFree()
		synctest.Wait()
		if !b.Leads() || time.Since(began) != 0 {
			t.Fatalf("nobody took over by %s", time.Since(began))
		}
		stopB()
		c.check(t, "a", "b")
	})
}

// Whatever goes wrong between the leader and the store, another candidate takes over,
// and never before the leader has stopped.
func TestALeaderThatCannotRenewStopsBeforeAnotherBegins(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]fault{
		"the store fails": func(context.Context, func() missions.Leadership) (missions.Leadership, error) {
			return missions.Leadership{}, errors.New("no store")
		},
		"the store hangs": func(ctx context.Context, _ func() missions.Leadership) (missions.Leadership, error) {
			<-ctx.Done()
			return missions.Leadership{}, ctx.Err()
		},
		"the store hangs and knows no context": func(context.Context, func() missions.Leadership) (missions.Leadership, error) {
			time.Sleep(time.Minute)
			return missions.Leadership{}, errors.New("at last")
		},
		"the answer comes too late": func(_ context.Context, lead func() missions.Leadership) (missions.Leadership, error) {
			led := lead()
			time.Sleep(10 * time.Second)
			return led, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inCourt(t, func(t *testing.T, c *court) {
				a, stopA := c.candidacy("a")
				b, stopB := c.candidacy("b")
				c.throne.order("a", broken)
				time.Sleep(8 * time.Second)
				if a.Leads() || !b.Leads() {
					t.Fatalf("a leads: %t, b leads: %t", a.Leads(), b.Leads())
				}
				stopB()
				c.throne.order("a", nil)
				time.Sleep(2 * time.Minute)
				if !a.Leads() {
					t.Error("the store is well again, and nobody leads")
				}
				stopA()
				c.check(t, "a", "b", "a")
			})
		})
	}
}

// A lost reply has made a candidate the leader without its knowledge.
func TestALeaderThatDoesNotKnowItResignsToo(t *testing.T) {
	t.Parallel()
	inCourt(t, func(t *testing.T, c *court) {
		c.throne.order("a", func(ctx context.Context, lead func() missions.Leadership) (missions.Leadership, error) {
			lead()
			<-ctx.Done()
			return missions.Leadership{}, ctx.Err()
		})
		a, stopA := c.candidacy("a")
		if a.Leads() {
			t.Fatal("a acts though it cannot know that it leads")
		}
		stopA()
		b, stopB := c.candidacy("b")
		if !b.Leads() {
			t.Error("the leadership was not resigned")
		}
		stopB()
		c.check(t, "b")
	})
}

// If renewals are lost at random times, still only one leader acts at a time.
func TestNoTwoLeadersAct(t *testing.T) {
	t.Parallel()
	inCourt(t, func(t *testing.T, c *court) {
		var stops []func()
		for i := range 3 {
			id := fmt.Sprint("candidate ", i)
			calls := 0
			c.throne.order(id, func(ctx context.Context, lead func() missions.Leadership) (missions.Leadership, error) {
				calls++
				time.Sleep(time.Duration(calls*(7+i)%11) * 300 * time.Millisecond) // request
				if ctx.Err() != nil {
					return missions.Leadership{}, ctx.Err()
				}
				led := lead()
				time.Sleep(time.Duration(calls*(5+i)%13) * 300 * time.Millisecond) // reply
				return led, nil
			})
			_, stop := c.candidacy(id)
			stops = append(stops, stop)
		}
		time.Sleep(10 * time.Minute)
		for _, stop := range stops {
			stop()
		}
		if len(c.reigns) < 10 {
			t.Fatalf("only %d reigns: the faults have no effect", len(c.reigns))
		}
		slices.SortFunc(c.reigns, func(a, b reign) int { return a.began.Compare(b.began) })
		for i, r := range c.reigns[1:] {
			if r.began.Before(c.reigns[i].over) {
				t.Errorf("%v began before %v had stopped", r, c.reigns[i])
			}
		}
	})
}
