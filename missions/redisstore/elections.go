package redisstore

import (
	"context"
	"time"

	"missioncontrol/missions"
)

// elections implement [missions.Leaders] with the hash leader: holder, until, and the address
// at which it is reached without a broker.
type elections struct{ *Backend }

// Lead implements [missions.Leaders].
func (e elections) Lead(ctx context.Context, candidate string, lasts time.Duration) (missions.Leadership, error) {
	sent := e.clock.Steady()
	answer, err := e.run(ctx, scripts.elect, candidate, lasts.Microseconds(), e.ahead().Microseconds(), e.address)
	if err != nil {
		return missions.Leadership{}, err
	}
	said := texts(answer)
	e.clock.observe(sent, time.Unix(number(said[5]), 1000*number(said[6])))
	e.called(said[3])
	if said[4] != "" {
		e.seal.secret.Store(&said[4])
	}
	e.leads.Store(&leads{said[0], said[2]})
	if said[0] != candidate { // what partitions have confirmed counts for whoever leads
		for _, p := range e.others {
			p.acked.Store(0)
		}
	}
	return missions.Leadership{Holder: said[0], Left: time.Duration(number(said[1])) * time.Microsecond}, nil
}

// Resign implements [missions.Leaders].
func (e elections) Resign(ctx context.Context, candidate string) error {
	_, err := e.run(ctx, scripts.stepDown, candidate)
	return err
}

// leads is who leads, as of the latest election.
type leads struct{ holder, address string }

// addressOf returns the address of a leader, "" if it has none.
func (b *Backend) addressOf(holder string) string {
	if l := b.leads.Load(); l != nil && l.holder == holder {
		return l.address
	}
	return ""
}
