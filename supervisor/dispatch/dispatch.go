// Package dispatch answers claims: it parks those for which there is no mission yet, and
// hands missions over to them as soon as there are any.
package dispatch

import (
	"context"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"missioncontrol/missions"
	"missioncontrol/wakeup"
)

const (
	maxParked         = 16 << 10 // claims that may wait at once
	maxParkedPerAgent = 64       // of one agent
)

// Dispatcher answers claims. Its methods may be called concurrently.
//
// Claims that find nothing are parked in the order of their arrival, and tried again as
// soon as a mission of one of their types can be claimed. One goroutine does it all, a
// batch at a time: claims that arrive while the store is busy share the next call to
// it, and a new mission wakes one parked claim, not all of them. If that agent may not have
// the mission, because of its labels or because the mission prefers another one, all others
// are tried, each once.
//
// Code that creates missions reserves the claims that are parked for them, and the
// store assigns the missions in the step that creates them: see handover.go.
//
// If other supervisors use the same store, a mission may have become claimable without
// a notification. The dispatcher then also probes at regular intervals.
type Dispatcher struct {
	claim         ClaimFunc
	probeInterval time.Duration // 0 for no probes

	arrivals chan *ParkedClaim
	expired  chan *ParkedClaim
	wake     wakeup.Signal
	look     wakeup.Signal
	stopped  chan struct{}

	mu         sync.Mutex
	claimable  map[string]int      // missions that have become claimable, by type
	forOthers  map[string]int      // types with missions that those may not have whose claims were tried; 1 each
	agentsGone map[string]struct{} // agents whose parked claims must end

	parkedMu      sync.Mutex // guards the fields below; never held while mu is taken
	parked        []*ParkedClaim
	parkedByAgent map[string]int // how many claims of each agent are parked
	reserved      map[*ParkedClaim]struct{}
	returned      sync.WaitGroup // of the reserved claims

	// Owned by Run:
	probed map[string]struct{} // types
	round  int                 // begins whenever missions have become claimable
}

// ParkedClaim is a claim that waits. Only the dispatcher looks into it.
type ParkedClaim struct {
	request missions.ClaimRequest
	waits   bool
	types   []string // what it waits for, once parked
	reply   chan missions.ClaimResult

	// Guarded by the dispatcher's parkedMu:
	probing bool   // the store is being asked for it; it stays in its place
	ended   bool   // to be answered with nothing once it is released
	missed  string // a type of which missions have become claimable while it was reserved

	round int // in which it was woken last; owned by Run
}

// ClaimFunc has the store answer claims, in order.
type ClaimFunc func(context.Context, []missions.ClaimRequest) ([]missions.ClaimResult, error)

// New returns a dispatcher that does not run yet. It gets missions from claim,
// and also probes at an interval, 0 for never.
func New(claim ClaimFunc, probeInterval time.Duration) *Dispatcher {
	return &Dispatcher{
		claim: claim, probeInterval: probeInterval,
		arrivals: make(chan *ParkedClaim, 64), expired: make(chan *ParkedClaim, 64),
		wake: wakeup.New(), look: wakeup.New(), stopped: make(chan struct{}),
		claimable: map[string]int{}, forOthers: map[string]int{}, agentsGone: map[string]struct{}{}, parkedByAgent: map[string]int{}, reserved: map[*ParkedClaim]struct{}{}, probed: map[string]struct{}{},
	}
}

// ErrStopping is the error of requests that wait when the supervisor stops.
var ErrStopping = missions.Unavailable("the supervisor is stopping; try again", nil)

// Wait returns what a claim gets, or nothing if there is no mission within maxWait.
func (d *Dispatcher) Wait(ctx context.Context, request missions.ClaimRequest, maxWait time.Duration) (missions.ClaimResult, error) {
	c := &ParkedClaim{request: request, waits: maxWait > 0, reply: make(chan missions.ClaimResult, 1)}
	select {
	case d.arrivals <- c:
	case <-d.stopped:
		return missions.ClaimResult{}, ErrStopping
	case <-ctx.Done():
		return missions.ClaimResult{}, ctx.Err()
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	timeout := timer.C
	if !c.waits {
		timeout = nil // the first answer is the only one
	}
	done := ctx.Done()
	for {
		select {
		case result := <-c.reply:
			return result, result.Err
		case <-timeout:
			timeout = nil
			d.expire(c)
		case <-done:
			done = nil
			d.expire(c)
		case <-d.stopped:
			select {
			case result := <-c.reply:
				return result, result.Err
			default:
				return missions.ClaimResult{}, ErrStopping
			}
		}
	}
}

// expire asks the dispatcher to answer a claim with what it has. By then it may have
// been given missions, which must not be lost.
func (d *Dispatcher) expire(c *ParkedClaim) {
	select {
	case d.expired <- c:
	case <-d.stopped:
	}
}

// Ready reports that n missions of a type have become claimable.
func (d *Dispatcher) Ready(kind string, n int) {
	d.mu.Lock()
	d.claimable[kind] = min(d.claimable[kind]+n, maxParked)
	d.mu.Unlock()
	d.poke()
}

// EndClaims answers an agent's parked claims with nothing.
func (d *Dispatcher) EndClaims(agentID string) {
	d.mu.Lock()
	d.agentsGone[agentID] = struct{}{}
	d.mu.Unlock()
	d.poke()
}

func (d *Dispatcher) poke() {
	d.wake.Send()
}

// Run answers claims until ctx ends, and then ends the parked ones. It is called once.
func (d *Dispatcher) Run(ctx context.Context) {
	defer close(d.stopped)
	var probe <-chan time.Time
	if d.probeInterval > 0 {
		ticker := time.NewTicker(d.probeInterval)
		defer ticker.Stop()
		probe = ticker.C
	}
	for {
		var batch []*ParkedClaim
		select {
		case c := <-d.arrivals:
			batch = d.collect(c)
		case c := <-d.expired:
			d.end(func(p *ParkedClaim) bool { return p == c })
		case <-d.wake:
			batch = d.woken()
		case <-probe:
			d.probe(ctx)
		case <-d.look:
			d.probe(ctx)
		case <-ctx.Done():
			d.end(func(*ParkedClaim) bool { return true })
			d.returned.Wait()
			return
		}
		d.serve(ctx, batch)
	}
}

// collect adds the claims that have arrived after the first one.
func (d *Dispatcher) collect(first *ParkedClaim) []*ParkedClaim {
	batch := []*ParkedClaim{first}
	for len(batch) < missions.MaxBatch {
		select {
		case c := <-d.arrivals:
			batch = append(batch, c)
		default:
			return batch
		}
	}
	return batch
}

// woken takes out the parked claims for the claimable missions: for each type as many
// as there are missions, the longest parked first.
func (d *Dispatcher) woken() []*ParkedClaim {
	d.mu.Lock()
	claimable, agentsGone, forOthers := d.claimable, d.agentsGone, d.forOthers
	d.claimable, d.agentsGone, d.forOthers = map[string]int{}, map[string]struct{}{}, map[string]int{}
	d.mu.Unlock()
	if len(agentsGone) > 0 {
		d.end(func(p *ParkedClaim) bool { _, ok := agentsGone[p.request.AgentID]; return ok })
	}
	if len(claimable)+len(forOthers) == 0 {
		return nil
	}
	if len(claimable) > 0 {
		d.round++
	}
	d.parkedMu.Lock()
	d.missed(claimable)
	d.missed(forOthers)
	batch := d.takeMatching(claimable)
	full := len(batch) == missions.MaxBatch
	batch = d.takeOthers(forOthers, batch)
	d.parkedMu.Unlock()
	for _, c := range batch {
		c.round = d.round
	}
	if full {
		d.again(claimable, forOthers)
	}
	return batch
}

// again leaves to the next batch what a full one had no room for. Types of which no missions are left begin no round.
func (d *Dispatcher) again(claimable, forOthers map[string]int) {
	for kind, n := range claimable {
		if n > 0 {
			d.Ready(kind, n)
		}
	}
	d.mu.Lock()
	maps.Copy(d.forOthers, forOthers)
	d.mu.Unlock()
	d.poke()
}

// takeMatching takes out the parked claims that match missions, given as counts by
// type. It reduces the counts by what the claims have room for. The caller holds
// parkedMu.
func (d *Dispatcher) takeMatching(byType map[string]int) (batch []*ParkedClaim) {
	d.unpark(func(p *ParkedClaim) bool {
		for _, kind := range p.types {
			if byType[kind] > 0 && len(batch) < missions.MaxBatch && !p.probing {
				byType[kind] -= min(byType[kind], p.request.Max)
				batch = append(batch, p)
				return true
			}
		}
		return false
	})
	return batch
}

// takeOthers adds to a batch the parked claims for some types that were not tried in this
// round. The caller holds parkedMu.
func (d *Dispatcher) takeOthers(types map[string]int, batch []*ParkedClaim) []*ParkedClaim {
	if len(types) == 0 {
		return batch
	}
	d.unpark(func(p *ParkedClaim) bool {
		others := p.round != d.round && !p.probing && len(batch) < missions.MaxBatch &&
			slices.ContainsFunc(p.types, func(kind string) bool { return types[kind] > 0 })
		if others {
			batch = append(batch, p)
		}
		return others
	})
	return batch
}

// tryOthers has the claims tried that were not yet in this round, if a claim that was has
// found missions that its agent may not have.
func (d *Dispatcher) tryOthers(result missions.ClaimResult) {
	if !result.Others {
		return
	}
	d.mu.Lock()
	for _, kind := range result.Types {
		d.forOthers[kind] = 1
	}
	d.mu.Unlock()
	d.poke()
}

// serve asks the store for missions, and answers or parks each claim.
func (d *Dispatcher) serve(ctx context.Context, batch []*ParkedClaim) {
	if len(batch) == 0 {
		return
	}
	results, err := d.ask(ctx, batch)
	for i, c := range batch {
		result := missions.ClaimResult{Err: err}
		if err == nil {
			result = results[i]
		}
		switch {
		case result.Err != nil || len(result.Missions) > 0 || !c.waits:
			d.passOn(c, result)
			c.reply <- result
		default:
			d.park(c, result.Types)
			d.passOn(c, result) // claims before it in the step may have taken what was loaded for it
		}
		if c.round == d.round { // it was woken
			d.tryOthers(result)
		}
	}
}

// park makes a claim wait for missions of some types, unless too many claims wait
// already. A claim that was woken for nothing was one of them before.
func (d *Dispatcher) park(c *ParkedClaim, kinds []string) {
	d.parkedMu.Lock()
	defer d.parkedMu.Unlock()
	agentID, why := c.request.AgentID, ""
	switch {
	case d.parkedByAgent[agentID] >= maxParkedPerAgent:
		why = "too many claims of this agent are waiting; one is enough"
	case len(d.parked) >= maxParked:
		why = "too many claims are waiting; try again later"
	}
	if why != "" {
		c.reply <- missions.ClaimResult{Err: &missions.Error{Code: missions.CodeOverloaded, Message: why}}
		return
	}
	c.types, c.request.Alive = kinds, false
	d.parked = append(d.parked, c)
	d.parkedByAgent[agentID]++
}

// unpark removes the parked claims that which selects. The caller holds parkedMu.
func (d *Dispatcher) unpark(which func(*ParkedClaim) bool) {
	d.parked = slices.DeleteFunc(d.parked, func(p *ParkedClaim) bool {
		if !which(p) {
			return false
		}
		if agentID := p.request.AgentID; d.parkedByAgent[agentID] > 1 {
			d.parkedByAgent[agentID]--
		} else {
			delete(d.parkedByAgent, agentID)
		}
		return true
	})
}

func (d *Dispatcher) ask(ctx context.Context, batch []*ParkedClaim) ([]missions.ClaimResult, error) {
	return d.claim(context.WithoutCancel(ctx), Requests(batch))
}

// passOn wakes the next parked claim if this one has left missions behind, because the
// reply had no room or because the claim could not take the missions that woke it.
func (d *Dispatcher) passOn(c *ParkedClaim, result missions.ClaimResult) {
	kinds := result.Types
	if result.Err != nil {
		kinds = c.types
	} else if !result.More {
		return
	}
	for _, kind := range kinds {
		d.Ready(kind, 1)
	}
}

// end answers parked claims with nothing. Reserved claims are answered once they are
// released.
func (d *Dispatcher) end(which func(*ParkedClaim) bool) {
	d.parkedMu.Lock()
	defer d.parkedMu.Unlock()
	for p := range d.reserved {
		p.ended = p.ended || which(p)
	}
	d.unpark(func(p *ParkedClaim) bool {
		if !which(p) {
			return false
		}
		p.reply <- missions.ClaimResult{Missions: []missions.Mission{}}
		return true
	})
}

// AnyNumber means that any number of missions may have become claimable.
const AnyNumber = math.MaxInt32
