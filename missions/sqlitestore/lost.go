package sqlitestore

import (
	"context"
	"fmt"

	"missioncontrol/missions"
)

// Now implements [missions.Store].
func (s *Store) Now(ctx context.Context) (now missions.Time, err error) {
	err = s.read(ctx, func(*conn) error {
		now = missions.At(s.cfg.Now())
		return nil
	})
	return now, err
}

// Lost implements [missions.Agents].
func (s *Store) Lost(ctx context.Context, id, reason string, since missions.Time) (result missions.LostResult, err error) {
	err = s.write(ctx, laneHouse, func(t *tx) error {
		result = missions.LostResult{}
		a, err := t.loadAgent(id)
		if err != nil {
			return err
		}
		if a.LastHeartbeat > since {
			return nil
		}
		held, err := t.leasesOf(id)
		if err != nil {
			return err
		}
		d := due{tx: t}
		for _, l := range held {
			err := d.takeBack(l.seq, func(r *row) error {
				return d.attemptLost(r, fmt.Sprintf("agent %s is gone: %s", id, reason))
			})
			if err != nil {
				return err
			}
		}
		result.Ready, result.Stop = d.result.Ready, d.result.Stop
		if a.State == missions.Offline {
			return nil
		}
		result.Gone = true
		return t.departed(&a, false, reason)
	})
	return result, err
}
