package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions/redisstore/redistest"
)

// pair is two supervisors on one Redis.
type pair struct {
	t      testing.TB
	redis  *redis.Client
	start  func() *supervisor
	stands []*supervisor
}

// startPair starts two supervisors on one Redis: on one broker, or each with its own.
func startPair(t testing.TB, oneBroker bool) *pair {
	t.Helper()
	server := redistest.Start(t)
	p := &pair{t: t, redis: server.Client()}
	args := []string{"--store", server.URL()}
	if oneBroker {
		args = append(args, "--server", streamtest.StartBroker(t, streamtest.FreePorts(t, 1)[0], t.TempDir()).ClientURL())
	}
	p.start = func() *supervisor { return start(t, t.TempDir(), args...) }
	p.stands = []*supervisor{p.start(), p.start()}
	return p
}

// leader returns the supervisor that leads, and the other one.
func (p *pair) leader() (leads, other *supervisor) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), testTimeout)
	defer cancel()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for {
		holder, _ := p.redis.HGet(ctx, "{mc:0}:leader", "holder").Result() // none between two leaders
		for i, s := range p.stands {
			if strings.Contains(holder, fmt.Sprintf("-%d-", s.Cmd.Process.Pid)) {
				return s, p.stands[1-i]
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			p.t.Fatal("nobody leads")
		}
	}
}

// replace starts a supervisor in place of one that has ended.
func (p *pair) replace(gone *supervisor) {
	p.stands[slices.Index(p.stands, gone)] = p.start()
}

// createOver creates a mission over a supervisor's HTTP.
func createOver(ctx context.Context, s *supervisor, id string) error {
	body := fmt.Sprintf(`{"missions":[{"id":%q,"name":%q}]}`, id, id)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.HTTP+"/api/missions", bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		err = fmt.Errorf("status %d: %s", response.StatusCode, said)
	}
	return errors.Join(err, response.Body.Close())
}

// BenchmarkTakeover kills the supervisor that leads in each iteration, and measures how long the
// longest of the changes took that another supervisor was asked for meanwhile. None of them may
// fail. `make takeover` runs it.
func BenchmarkTakeover(b *testing.B) {
	p := startPair(b, true)
	var times []time.Duration
	for i := 0; b.Loop(); i++ {
		leads, other := p.leader()
		times = append(times, p.silence(leads.Kill, other, i))
		p.replace(leads)
	}
	slices.Sort(times)
	percent := func(p int) float64 { return times[(len(times)*p+99)/100-1].Seconds() }
	b.ReportMetric(percent(50), "s-median")
	b.ReportMetric(percent(99), "s-p99")
	b.ReportMetric(percent(100), "s-max")
}

// silence ends the supervisor that leads, and returns how long the longest of the changes took
// that another one was asked for until it led.
func (p *pair) silence(end func(), other *supervisor, round int) (longest time.Duration) {
	p.t.Helper()
	ctx, stop := context.WithCancel(p.t.Context())
	var creators sync.WaitGroup
	var mu sync.Mutex
	first := make(chan struct{}, 4)
	for c := range 4 {
		creators.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				asked := time.Now()
				if err := createOver(p.t.Context(), other, fmt.Sprintf("r%d-%d-%d", round, c, i)); err != nil {
					p.t.Errorf("while leadership moves: %v\n%s", err, other.Logs)
					return
				}
				mu.Lock()
				longest = max(longest, time.Since(asked))
				mu.Unlock()
				if i == 0 {
					first <- struct{}{}
				}
			}
		})
	}
	for range 4 {
		<-first
	}
	end()
	for leads, _ := p.leader(); leads != other; leads, _ = p.leader() {
	}
	stop()
	creators.Wait()
	return longest
}

// TestChangesWaitWhileLeadershipMoves: nobody is refused while the supervisor that leads is
// killed, or stopped, whether supervisors reach each other over a broker or over HTTP alone.
func TestChangesWaitWhileLeadershipMoves(t *testing.T) {
	t.Parallel()
	for name, oneBroker := range map[string]bool{"one broker": true, "a broker each": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPair(t, oneBroker)
			for i, end := range []func(*supervisor){(*supervisor).Kill, (*supervisor).stop, (*supervisor).Kill} {
				leads, other := p.leader()
				p.silence(func() { end(leads) }, other, i)
				p.replace(leads)
			}
		})
	}
}
