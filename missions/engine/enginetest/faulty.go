package enginetest

import (
	"context"
	"errors"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// fault is what happens to a commit.
type fault int

const (
	noFault        fault = iota
	refused              // it is not stored, and says so
	lostBefore           // it is not stored, and nobody knows
	lostAfter            // it is stored, and nobody knows
	crashBefore          // the leader dies before it is stored
	crashAfter           // the leader dies after it is stored, before it replies
	numberOfFaults       // not a fault
)

// stores reports whether a commit with this fault is stored.
func (f fault) stores() bool { return f == noFault || f == lostAfter || f == crashAfter }

var (
	errRefused = missions.Refused("the disk is full", nil)
	errUnknown = missions.Unavailable("no answer", errors.New("connection reset"))
)

// faulty is a backend whose next commit meets a fault.
type faulty struct {
	engine.Backend
	next fault
}

// Commit implements [engine.Backend].
func (b *faulty) Commit(ctx context.Context, epoch int64, changes *engine.Changes) error {
	f := b.next
	b.next = noFault
	if f.stores() {
		if err := b.Backend.Commit(ctx, epoch, changes); err != nil {
			return err
		}
	}
	switch f {
	case noFault:
		return nil
	case refused:
		return errRefused
	default:
		return errUnknown
	}
}
