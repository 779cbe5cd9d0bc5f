package test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions"
	"missioncontrol/missions/redisstore/redistest"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/test/eventually"
)

// traffic is a set of creators and agents at work on a site. They repeat requests
// until they are answered, and record answers that no correct supervisor would
// give.
type traffic struct {
	t      *testing.T
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu        sync.Mutex
	confirmed map[string]bool // missions that a reply has confirmed
	created   chan struct{}   // a value for each of them
	completed atomic.Int64
	refused   atomic.Int64 // requests that were answered 503
}

// begin starts the given number of creators, and of agents, which work until end.
func begin(t *testing.T, broker string, each int) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &traffic{t: t, cancel: cancel, confirmed: map[string]bool{}, created: make(chan struct{}, 1<<16)}
	for i := range each {
		c := client.New(dial(t, broker))
		w.wg.Go(func() { w.create(ctx, c, i) })
		agent := client.New(dial(t, broker)).Agent(fmt.Sprint("agent-", i))
		w.wg.Go(func() { w.work(ctx, agent) })
	}
	t.Cleanup(w.end)
	return w
}

func dial(t *testing.T, broker string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(broker, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.RetryOnFailedConnect(true))
	must(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// end stops all of them and waits.
func (w *traffic) end() {
	w.cancel()
	w.wg.Wait()
}

// await waits until n more missions are confirmed.
func (w *traffic) await(n int) {
	w.t.Helper()
	timeout := time.After(4 * testTimeout)
	for range n {
		select {
		case <-w.created:
		case <-timeout:
			w.t.Fatalf("nothing is confirmed any more, after %d missions", len(w.confirmed))
		}
	}
}

// asked is how long a request may take before it is sent again.
const asked = 2 * time.Second

// passing reports whether an error says only that the request must be repeated.
func (w *traffic) passing(ctx context.Context, err error) bool {
	if errors.Is(err, api.ErrUnavailable) {
		w.refused.Add(1)
		return true
	}
	return ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, client.ErrNoSupervisor) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrConnectionClosed) ||
		errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrConnectionReconnecting)
}

func (w *traffic) create(ctx context.Context, c *client.Client, who int) {
	for i := 0; ctx.Err() == nil; i++ {
		id := fmt.Sprintf("c%d-%d", who, i)
		for ctx.Err() == nil {
			once, cancel := context.WithTimeout(ctx, asked)
			m, _, err := c.Create(once, api.MissionSpec{ID: id, Name: id, MaxAttempts: ptr(1000)})
			cancel()
			if err == nil {
				if m.ID != id || m.Name != id {
					w.t.Errorf("create %s is answered with %s", id, m.ID)
				}
				w.mu.Lock()
				w.confirmed[id] = true
				w.mu.Unlock()
				w.created <- struct{}{}
				break
			}
			if !w.passing(ctx, err) {
				w.t.Errorf("create %s: %v", id, err)
				return
			}
			w.breathe(ctx)
		}
	}
}

// breathe keeps a request that is refused at once from being repeated in a busy
// loop.
func (w *traffic) breathe(ctx context.Context) {
	select {
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
	}
}

func (w *traffic) work(ctx context.Context, agent *client.Agent) {
	for ctx.Err() == nil {
		once, cancel := context.WithTimeout(ctx, asked)
		_, err := agent.Register(once, api.RegisterRequest{Name: "agent", Types: []string{"default"}, Capacity: 10})
		for err == nil {
			err = w.workOnce(once, agent)
		}
		cancel()
		if !w.passing(ctx, err) && !errors.Is(err, api.ErrNotFound) {
			w.t.Errorf("an agent: %v", err)
			return
		}
		w.breathe(ctx)
	}
}

func (w *traffic) workOnce(ctx context.Context, agent *client.Agent) error {
	claimed, err := agent.Claim(ctx, api.ClaimRequest{Max: 3, WaitSeconds: 1})
	if err != nil {
		return err
	}
	for _, m := range claimed.Missions {
		err := agent.Complete(ctx, api.Completion{LeaseRef: api.LeaseRef{MissionID: m.ID, Lease: m.Lease}})
		if err == nil {
			w.completed.Add(1)
		} else if !errors.Is(err, api.ErrLeaseLost) { // it took too long: another agent has it
			return err
		}
	}
	return nil
}

// check finishes the remaining missions and compares what was confirmed with the
// store and the stream.
func (w *traffic) check(broker string) {
	w.t.Helper()
	w.end()
	finishAll(w.t, client.New(dial(w.t, broker)))
	seen := readHistories(w.t, broker)
	for id := range w.confirmed {
		if seen[id] != missions.Completed {
			w.t.Errorf("mission %s was confirmed; its events end with %q", id, seen[id])
		}
	}
	w.t.Logf("%d missions confirmed, %d completions, %d requests answered with 503", len(w.confirmed), w.completed.Load(), w.refused.Load())
}

// Of two supervisors on one store and one broker, one is killed with -9 repeatedly
// under load: no request gets a wrong answer, and no event is missing, duplicated
// or out of order.
func TestTwoSupervisorsOneKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	for name, addStore := range map[string]func(*testing.T) []string{"redis": stores["redis"], "redis-cluster": stores["redis-cluster"]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := newSite(t, addStore(t), streamtest.StartCluster(t, 3).URL())
			pair := []*supervisor{at.start("--lease", "2s", "--heartbeat", "500ms"), at.start("--lease", "2s", "--heartbeat", "500ms")}
			w := begin(t, at.broker, 3)
			for round := range 6 {
				w.await(60)
				pair[round%2].Kill()
				w.await(60) // the other one continues
				pair[round%2] = at.start("--lease", "2s", "--heartbeat", "500ms")
			}
			w.await(60)
			w.check(at.broker)
			for _, p := range pair {
				p.stop()
			}
		})
	}
}

// Each node of the broker's cluster is stopped in turn, under load, and returns.
func TestEveryNodeOfTheBrokersClusterIsLostOnce(t *testing.T) {
	t.Parallel()
	cluster := streamtest.StartCluster(t, 3)
	at := newSite(t, stores["redis"](t), cluster.URL())
	pair := []*supervisor{at.start("--lease", "3s", "--heartbeat", "1s"), at.start("--lease", "3s", "--heartbeat", "1s")}
	w := begin(t, at.broker, 3)
	for i := range 3 {
		w.await(60)
		cluster.Kill(i)
		w.await(60)
		cluster.Restart(i)
		cluster.AwaitReady()
	}
	w.await(60)
	w.check(at.broker)
	for _, p := range pair {
		p.stop()
	}
}

// While Redis is unavailable in any way, requests are answered 503, and health says
// error and why. When it is back, work resumes automatically and nothing confirmed
// is lost.
func TestRedisOutages(t *testing.T) {
	t.Parallel()
	type outage struct {
		url         string
		away        func()
		back        func()
		mayLoseLast bool // replication to the new master is asynchronous
	}
	for name, prepare := range map[string]func(t *testing.T) outage{
		"killed": func(t *testing.T) outage {
			s := redistest.Start(t)
			return outage{url: s.URL(), away: s.Kill, back: s.Restart}
		},
		"hung": func(t *testing.T) outage {
			s := redistest.Start(t)
			return outage{url: s.URL(), away: s.Freeze, back: s.Thaw}
		},
		"failover": func(t *testing.T) outage {
			s := redistest.StartSentinel(t)
			return outage{url: s.URL(), away: s.Master.Kill, back: func() { s.AwaitPromotion(t) }, mayLoseLast: true}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := prepare(t)
			at := newSite(t, []string{"--store", o.url}, "")
			p := at.start("--lease", "3s", "--heartbeat", "1s")
			w := begin(t, p.Broker, 2)
			w.await(50)
			if o.mayLoseLast {
				w.end() // there is no guarantee for what a master had not replicated when it died
			}
			o.away()
			c := p.client()
			health := awaitHealth(t, c, api.HealthError)
			if health.Checks.Store.Message == "" {
				t.Error("health does not say why")
			}
			if !o.mayLoseLast { // else the store is back by itself
				awaitNoStatus(t, c)
			}
			o.back()
			awaitHealth(t, c, api.HealthOK)
			if !o.mayLoseLast {
				w.await(50)
			}
			w.check(p.Broker)
			p.stop()
		})
	}
}

// awaitNoStatus requests status until it is refused: the supervisor that leads answers from memory
// for as long as nobody else can lead.
func awaitNoStatus(t *testing.T, c *client.Client) {
	t.Helper()
	eventually.Holds(t, func() bool {
		_, err := c.Status(t.Context())
		if !errors.Is(err, api.ErrUnavailable) {
			must(t, err)
		}
		return err != nil
	}, func() string { return "status is answered" })
}

// awaitHealth requests health until it is as wanted.
func awaitHealth(t *testing.T, c *client.Client, want string) api.Health {
	t.Helper()
	var health api.Health
	eventually.Holds(t, func() bool {
		var err error
		health, err = c.Health(t.Context())
		must(t, err)
		return health.Status == want
	}, func() string { return fmt.Sprintf("health is %+v, want %s", health, want) })
	return health
}
