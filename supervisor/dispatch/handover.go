package dispatch

import (
	"slices"

	"missioncontrol/missions"
)

// Reserve takes out the parked claims that match missions about to be created, given as
// counts by type. The caller has the store answer the claims in the step that creates
// the missions, and then calls Release. Once the dispatcher has stopped, there are
// none.
func (d *Dispatcher) Reserve(byType map[string]int) []*ParkedClaim {
	d.parkedMu.Lock()
	defer d.parkedMu.Unlock()
	batch := d.takeMatching(byType)
	for _, c := range batch {
		d.reserved[c] = struct{}{}
	}
	d.returned.Add(len(batch))
	return batch
}

// Release answers reserved claims with their results. Claims that got nothing are
// parked again at the head of the queue, where they were. A failed step has no results:
// its effect is unknown, and the claims keep waiting.
func (d *Dispatcher) Release(batch []*ParkedClaim, results []missions.ClaimResult) {
	defer d.returned.Add(-len(batch))
	var again []*ParkedClaim
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
		d.Ready(kind, 1)
	}
	for i := range results {
		d.passOn(batch[i], results[i])
	}
}

// missed records for reserved claims that missions have become claimable while the
// claims were away, so that release wakes a claim for them. The caller holds parkedMu.
func (d *Dispatcher) missed(byType map[string]int) {
	for c := range d.reserved {
		for _, kind := range c.types {
			if byType[kind] > 0 {
				c.missed = kind
			}
		}
	}
}

// Requests returns the requests of claims.
func Requests(batch []*ParkedClaim) []missions.ClaimRequest {
	requests := make([]missions.ClaimRequest, len(batch))
	for i, c := range batch {
		requests[i] = c.request
	}
	return requests
}
