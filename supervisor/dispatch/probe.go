package dispatch

import (
	"context"

	"missioncontrol/missions"
)

// ProbeNow makes the dispatcher probe now.
func (d *Dispatcher) ProbeNow() {
	d.look.Send()
}

// probe looks for missions without a notification, with one call to the store. For each
// type that claims are parked for, it tries one claim. If the claim gets a mission
// there may be more, and all claims that wait for its types wake. A claim that gets
// none keeps its place in the queue, as do all claims while the store does not answer.
func (d *Dispatcher) probe(ctx context.Context) {
	batch := d.onePerType()
	if len(batch) == 0 {
		return
	}
	results, err := d.ask(ctx, batch)
	answered := map[*ParkedClaim]missions.ClaimResult{}
	d.round++
	for i, c := range batch {
		if c.round = d.round; err == nil {
			d.tryOthers(results[i])
		}
		if err == nil && (results[i].Err != nil || len(results[i].Missions) > 0) {
			answered[c] = results[i]
		}
	}
	d.parkedMu.Lock()
	for _, c := range batch {
		c.probing = false
	}
	d.unpark(func(p *ParkedClaim) bool { _, ok := answered[p]; return ok })
	d.parkedMu.Unlock()
	for c, result := range answered {
		c.reply <- result
		for _, kind := range c.types {
			d.Ready(kind, AnyNumber)
		}
	}
}

// onePerType returns parked claims that together cover every type that any parked claim
// waits for. If they exceed one batch, the rest follows next time.
func (d *Dispatcher) onePerType() (batch []*ParkedClaim) {
	d.parkedMu.Lock()
	defer d.parkedMu.Unlock()
	for _, p := range d.parked {
		if len(batch) == missions.MaxBatch {
			return batch
		}
		news := false
		for _, kind := range p.types {
			if _, known := d.probed[kind]; !known {
				d.probed[kind], news = struct{}{}, true
			}
		}
		if news {
			p.probing = true
			batch = append(batch, p)
		}
	}
	clear(d.probed)
	return batch
}
