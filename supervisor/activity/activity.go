package activity

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

const (
	firstReach  = 5000            // sequences that are read first, from the end; ever more before
	enoughTurns = 2 * maxTurns    // starts and ends, after which nothing older is read
	enough      = 20_000          // events of any kind, likewise
	fresh       = time.Second     // for how long an answer is good for others
	patience    = 5 * time.Second // with the stream
	lookUps     = time.Second     // for the types of missions that were created long before
	lookingUp   = 8               // at once
)

// Stream is what is read. *eventstream.Stream implements it.
type Stream interface {
	Status() eventstream.Status
	End(ctx context.Context) (uint64, error)
	Read(ctx context.Context, filter []string, within eventstream.Range, handle func(eventstream.Stored) error) error
}

// Activity reads the stream when it is asked, from where it has read up to, so that nothing is
// read while nobody looks. All who ask share what was read.
type Activity struct {
	stream Stream
	// find returns a mission, for turns whose creation was not read.
	find func(ctx context.Context, id string) (missions.Mission, error)
	now  func() time.Time

	mu      sync.Mutex
	turns   *turns
	readAt  time.Time
	problem string // why the stream could not be read last
}

// New returns an Activity that has read nothing.
func New(stream Stream, find func(ctx context.Context, id string) (missions.Mission, error)) *Activity {
	return &Activity{stream: stream, find: find, now: time.Now, turns: newTurns()}
}

// Since returns the turns that have changed since a cursor; 0 for all. While the stream cannot
// be read, they are those that were read before.
func (a *Activity) Since(ctx context.Context, after api.Cursor) api.Activity {
	a.mu.Lock()
	defer a.mu.Unlock()
	status := a.stream.Status()
	if now := a.now(); status.State == eventstream.Connected && now.Sub(a.readAt) > fresh {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience) // others wait for it, too
		defer cancel()
		a.problem = ""
		if err := a.read(ctx); err != nil {
			a.problem = err.Error()
		}
		a.readAt = a.now()
	}
	now := missions.At(a.now())
	a.turns.forget(now)
	reply := a.turns.since(uint64(after), now)
	reply.State, reply.Reason = string(status.State), status.Reason
	if status.State == eventstream.Connected && a.problem != "" {
		reply.State, reply.Reason = string(eventstream.Degraded), a.problem
	}
	return reply
}

// read reads what was stored since the last time, or the past if that is too much.
func (a *Activity) read(ctx context.Context) error {
	end, err := a.stream.End(ctx)
	if err != nil {
		return err
	}
	if last := a.turns.seq; last == 0 || end < last || end-last > enough {
		err = a.readPast(ctx, end)
	} else {
		err = a.stream.Read(ctx, filter, eventstream.Range{After: last, Until: end}, func(e eventstream.Stored) error {
			a.turns.take(&e)
			return nil
		})
		if err == nil {
			a.turns.seq = end
		}
	}
	a.lookUp(ctx)
	return err
}

// errEnough ends a read that finds too much.
var errEnough = errors.New("there are more events than are read")

// readPast reads the last hour from its end, in parts that are ever longer, until it has enough.
func (a *Activity) readPast(ctx context.Context, end uint64) error {
	begin, until := a.now().Add(-span), end
	var parts [][]eventstream.Stored
	var oldest time.Time
	starts, all := 0, 0
	for reach := uint64(firstReach); until > 0 && starts < enoughTurns && all < enough; reach *= 2 {
		after := until - min(until, reach)
		part, err := a.readPart(ctx, eventstream.Range{After: after, Since: begin, Until: until})
		if errors.Is(err, errEnough) {
			break // what is behind this part is enough
		}
		if err != nil {
			return err
		}
		if len(part) > 0 {
			oldest = part[0].At
		}
		for i := range part {
			if part[i].Type == charter.TypeMissionStatusChanged {
				starts++
			}
		}
		all, parts, until = all+len(part), append(parts, part), after
	}
	t := newTurns()
	t.behind = end
	if until > 0 && oldest.Sub(begin) > time.Minute { // else the last part begins before the hour
		t.from = missions.At(oldest)
	}
	for _, part := range slices.Backward(parts) {
		for i := range part {
			t.behind = min(t.behind, part[i].Seq-1)
			t.take(&part[i])
		}
	}
	t.seq, a.turns = end, t
	return nil
}

func (a *Activity) readPart(ctx context.Context, within eventstream.Range) (part []eventstream.Stored, err error) {
	err = a.stream.Read(ctx, filter, within, func(e eventstream.Stored) error {
		if part = append(part, e); len(part) > 2*enough {
			return errEnough
		}
		return nil
	})
	return part, err
}

// lookUp finds out what missions are whose creation was not read: the latest first, as many as
// there is time for.
func (a *Activity) lookUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookUps)
	defer cancel()
	unknown := a.turns.unknown
	a.turns.unknown = nil
	found := make([]about, len(unknown))
	next := make(chan int)
	var all sync.WaitGroup
	for range min(lookingUp, len(unknown)) {
		all.Go(func() {
			for i := range next {
				if m, err := a.find(ctx, unknown[i].MissionID); err == nil {
					found[i] = about{shortened(m.Name), m.Type}
				}
			}
		})
	}
	for i := len(unknown) - 1; i >= 0 && ctx.Err() == nil; i-- {
		next <- i
	}
	close(next)
	all.Wait()
	for i, is := range found {
		if unknown[i].Name, unknown[i].Type = is.name, is.missionType; is.missionType != "" {
			a.turns.learn(unknown[i].MissionID, is.name, is.missionType)
		}
	}
}
