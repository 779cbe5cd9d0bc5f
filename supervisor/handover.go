package supervisor

import (
	"slices"

	"missioncontrol/missions"
)

// borrow takes out the parked claims that missions about to be created are for, of which
// there are so many of each type. Whoever borrows claims has them answered by the store in
// the step that creates the missions, and calls giveBack. Once the dispatcher has stopped
// there are none.
func (d *dispatcher) reserve(byType map[string]int) []*parkedClaim {
	d.parkedMu.Lock()
	defer d.parkedMu.Unlock()
	batch := d.takeMatching(byType)
	for _, c := range batch {
		d.reserved[c] = struct{}{}
	}
	d.returned.Add(len(batch))
	return batch
}

// giveBack answers borrowed claims with what they got, and parks those again, at the head
// of the queue where they were, that got nothing. There are no results of a step that
// failed: nothing is known of what it did, and the claims go on waiting.
func (d *dispatcher) release(batch []*parkedClaim, results []missions.ClaimResult) {
	defer d.returned.Add(-len(batch))
	var again []*parkedClaim
	var wake []string
	d.parkedMu.Lock()
	for i, c := range batch {
		delete(d.reserved, c)
		switch {
		case results != nil && (results[i].Err != nil || len(results[i].Missions) > 0):
			c.reply <- results[i]
		case c.ended:
			c.reply <- missions.ClaimResult{Missions: []missions.Mission{}}
		default:
			again = append(again, c)
			d.parkedByAgent[c.request.AgentID]++
			if c.missed != "" {
				wake = append(wake, c.missed)
			}
		}
		c.missed = ""
	}
	d.parked = slices.Insert(d.parked, 0, again...)
	d.parkedMu.Unlock()
	for _, kind := range wake {
		d.ready(kind, 1)
	}
	for i := range results {
		d.passOn(batch[i], results[i])
	}
}

// missed notes for borrowed claims that missions have become claimable which nobody may
// look for: they were told of while the claims were away. The caller holds places.
func (d *dispatcher) missed(byType map[string]int) {
	for c := range d.reserved {
		for _, kind := range c.types {
			if byType[kind] > 0 {
				c.missed = kind
			}
		}
	}
}

// requestsOf returns what claims ask for.
func requestsOf(batch []*parkedClaim) []missions.ClaimRequest {
	requests := make([]missions.ClaimRequest, len(batch))
	for i, c := range batch {
		requests[i] = c.request
	}
	return requests
}
