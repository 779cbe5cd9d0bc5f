//go:build chaos

package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"missioncontrol/test/chaos/check"
)

func sorted(names []string) []string {
	slices.Sort(names)
	return names
}

// run is one run at a site.
type run struct {
	*site
	say       func(format string, args ...any)
	observers map[string]*caller // by URL, of HTTP and of NATS
	observed  int
	timeout   time.Duration // how long a supervisor may take to notice that the stream is away

	mu      sync.Mutex
	busy    map[string]bool // programs and links that currently have a fault
	done    []check.Fault
	trouble []string
	healing sync.WaitGroup
}

func newRun(s *site, say func(string, ...any)) (*run, error) {
	web, err := check.Record(s.histories, check.Observer, monotonic)
	if err != nil {
		return nil, err
	}
	direct, err := check.Record(s.histories, check.NATSObserver, monotonic)
	if err != nil {
		return nil, err
	}
	r := &run{site: s, say: say, timeout: recovery / 2, busy: map[string]bool{}, observers: map[string]*caller{}}
	for _, url := range s.webs {
		r.observers[url] = &caller{who: check.Observer, rec: web, entry: overHTTP{[]string{url}}}
	}
	r.observers[s.natsDirect()] = &caller{who: check.NATSObserver, rec: direct, entry: overNATS{nc: dial(s.natsDirect(), check.NATSObserver)}}
	return r, nil
}

// mistreat injects faults for the given time, and heals them all.
func (r *run) mistreat(next func() misfortune, duration time.Duration) {
	end := time.Now().Add(duration)
	for time.Now().Before(end) {
		m := next()
		if m.exclusive {
			r.injectAlone(m)
			continue
		}
		time.Sleep(m.gap) // the schedule is what is tested
		if m.pick != nil {
			m.target = m.pick()
		}
		r.suffer(m)
	}
	r.healing.Wait()
	r.heal()
}

// most is the maximum number of simultaneous faults.
const most = 3

// key is what a fault occupies, so that a program is not killed while it is frozen.
func (m misfortune) key() string {
	if m.fault.duration == [2]time.Duration{} {
		return ""
	}
	return m.target
}

// suffer starts a fault that heals in the background.
func (r *run) suffer(m misfortune) {
	key := m.key()
	r.mu.Lock()
	if r.busy[key] || len(r.busy) >= most {
		r.mu.Unlock()
		return
	}
	if key != "" {
		r.busy[key] = true
	}
	r.mu.Unlock()
	r.healing.Go(func() {
		r.happen(m, func() { time.Sleep(m.duration) }) // the schedule is what is tested
		r.mu.Lock()
		delete(r.busy, key)
		r.mu.Unlock()
	})
}

// happen starts a fault, waits, and heals it.
func (r *run) happen(m misfortune, wait func()) {
	f := check.Fault{Kind: m.kind, Target: m.target}
	if m.name != nil {
		f.Target = m.name(m.target)
	}
	m.begin(m.target)
	f.From = monotonic() // it is in effect from here on
	wait()
	f.To = monotonic()
	if m.heal != nil {
		m.heal(m.target)
	}
	r.say("%8.3fs %s %s, for %dms", float64(f.From)/1e9, f.Kind, f.Target, (f.To-f.From)/1e6)
	r.mu.Lock()
	r.done = append(r.done, f)
	r.mu.Unlock()
}

// injectAlone injects a fault while nothing else is wrong, and sends requests meanwhile.
func (r *run) injectAlone(m misfortune) {
	r.healing.Wait()
	r.heal()
	if !r.awaitHealth("before " + m.kind) {
		return
	}
	r.happen(m, func() {
		for _, url := range r.webs {
			r.observe(url, 0)
		}
		if m.kind == check.KindNoJetStream {
			r.observe(r.natsDirect(), r.timeout) // after the brokers restart, connections return one by one
		}
		time.Sleep(m.duration) // the schedule is what is tested
	})
	r.awaitHealth("after " + m.kind)
}

// window is longer than the stream's duplicate window.
const window = 125 * time.Second

// outlast keeps every broker down for longer than the window, and kills the
// supervisors meanwhile.
func (r *run) outlast() {
	gone := fault{kind: check.KindBrokersGone, duration: [2]time.Duration{window, window},
		begin: func(string) { r.killBrokers() }, heal: func(string) { r.startBrokers() }}
	r.happen(misfortune{fault: &gone}, func() {
		for _, url := range r.webs {
			r.observe(url, 0)
		}
		kills := killing("kill a supervisor", 1, r.supervisors)
		for _, name := range kills.targets {
			r.happen(misfortune{fault: &kills, target: name}, func() { time.Sleep(time.Second) }) // the schedule is what is tested
		}
		time.Sleep(window) // likewise
	})
	r.awaitHealth("after an outage that outlasted the window")
}

// recovery is how long a site may take to become healthy once nothing is wrong.
const recovery = 60 * time.Second

// until repeats a request until the answer is as wanted, or the timeout passes.
func until(timeout time.Duration, wanted func() bool) bool {
	deadline := time.Now().Add(timeout)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for !wanted() {
		if time.Now().After(deadline) {
			return false
		}
		<-again.C
	}
	return true
}

// awaitHealth waits until each supervisor reports that it is healthy.
func (r *run) awaitHealth(when string) bool {
	for _, url := range r.webs {
		output := ""
		if !until(recovery, func() bool { output = r.health(url); return output == "ok" }) {
			r.mu.Lock()
			r.trouble = append(r.trouble, fmt.Sprintf("%s: nothing is wrong, and after %s %s says %q", when, recovery, url, output))
			r.mu.Unlock()
			return false
		}
	}
	return true
}

func (r *run) health(url string) string {
	var output struct {
		Status string `json:"status"`
	}
	r.observers[url].ask("health", struct{}{}).read(&output)
	return output.Status
}

// observe waits until a supervisor knows that the stream is away, and then sends
// requests, repeating each of them until the timeout.
func (r *run) observe(url string, timeout time.Duration) {
	until(r.timeout, func() bool { return r.health(url) == "degraded" })
	r.observed++
	id := fmt.Sprintf("%s-%d", check.Observer, r.observed)
	observer := r.observers[url]
	ask := func(op string, request any) {
		until(timeout, func() bool { return observer.ask(op, request).ok() })
	}
	ask("status", struct{}{})
	ask("missions.create", spec{ID: id, Name: id, Type: kinds[0], MaxAttempts: 4, Priority: "NORMAL"})
	ask("missions.get", byID{id})
}

// finish stops the clients, lets the agents do the remaining work, stops them, and
// collects the evidence.
func (r *run) finish(timeout time.Duration) (*check.Evidence, error) {
	r.awaitHealth("at the end")
	for _, p := range r.clients {
		if !p.stop(stopTimeout) {
			r.trouble = append(r.trouble, p.name+" did not end when it was asked to")
		}
	}
	look, err := newLook(r.natsDirect())
	if err != nil {
		return nil, err
	}
	defer look.close()
	end := &check.Evidence{}
	if err := look.awaitDue(end); err != nil {
		return nil, err
	}
	meanwhile, err := r.answering(look)
	if err != nil {
		return nil, err
	}
	settled := look.awaitEnds(timeout, meanwhile)
	for _, p := range r.agents {
		if !p.stop(stopTimeout) {
			r.trouble = append(r.trouble, p.name+" did not end when it was asked to")
		}
	}
	if err := look.awaitEmptyOutbox(timeout); err != nil {
		settled = errors.Join(settled, err)
	}
	e, err := look.collect()
	if err != nil {
		return nil, err
	}
	e.Settled, e.Schedules, e.SchedulesAt = settled, end.Schedules, end.SchedulesAt
	for _, p := range r.supervisors {
		if !p.stop(stopTimeout) {
			r.trouble = append(r.trouble, fmt.Sprintf("%s did not end cleanly:\n%s", p.name, tail(p.printed())))
		}
	}
	if r.redis == nil {
		if e.Table, err = readTable(filepath.Join(r.dir, r.supervisors[0].name, "missions.db")); err != nil {
			return nil, err
		}
	}
	return e, r.complete(e)
}

// answering returns what answers those who wait for a person, if anybody does.
func (r *run) answering(l *look) (func(), error) {
	if !r.flow {
		return func() {}, nil
	}
	rec, err := check.Record(r.histories, "person", monotonic)
	person, n := caller{who: "person", rec: rec, entry: overNATS{nc: l.nc}}, 0
	return func() {
		n += 1000
		person.answers(n)
	}, err
}

// wall returns Unix seconds minus the monotonic clock's.
func wall() float64 { return float64(time.Now().UnixNano()-monotonic()) / 1e9 }

// complete adds to the evidence what is known here.
func (r *run) complete(e *check.Evidence) (err error) {
	r.observers[r.natsDirect()].entry.(overNATS).nc.Close()
	if e.Calls, err = check.ReadHistories(r.histories); err != nil {
		return err
	}
	e.Faults, e.Troubles = r.done, r.trouble
	for _, p := range r.processes() {
		e.Troubles = append(e.Troubles, p.troubles()...)
	}
	for _, p := range r.supervisors {
		e.Troubles = append(e.Troubles, p.panics()...)
	}
	e.Wall = wall()
	text, err := json.MarshalIndent(e.Faults, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dir, "faults.json"), text, 0o600)
}
