package live

import (
	"context"
	"maps"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// StatusWatcher receives the status from [WatchStatus], on one goroutine. An
// error of a method ends the watch.
type StatusWatcher interface {
	// Status is called at the start and after changes: for missions and agents at most
	// once a second, for the event stream at once.
	Status(api.Status) error
	// Unavailable is called when the store stops answering.
	Unavailable(*api.Error) error
	// Idle is called when nothing has been sent for a while.
	Idle() error
}

// statusInterval is how often the counters are read for a watcher.
const statusInterval = time.Second

// StatusSource is where the status comes from. Its functions may be called
// concurrently.
type StatusSource struct {
	Counts func(context.Context) (missions.Counts, error) // as of the call or later
	Status func(missions.Counts) api.Status               // with the present state of the event stream
	Stream func() string                                  // that state
	Error  func(error) *api.Error                         // the wire form of an error of Counts

	// Changed returns a channel that is closed when the state of the stream changes.
	Changed func() <-chan struct{}
}

// WatchStatus sends the status to a watcher until ctx ends or the watcher returns an
// error. It reads the counters once a second.
func WatchStatus(ctx context.Context, from StatusSource, to StatusWatcher) error {
	beat := time.NewTicker(statusInterval)
	defer beat.Stop()
	p := statusWatch{from: from, to: to, quiet: time.Now()}
	for {
		changed := from.Changed()
		if err := p.look(ctx); err != nil {
			return err
		}
		select {
		case <-beat.C:
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// statusWatch is one call of [WatchStatus].
type statusWatch struct {
	from     StatusSource
	to       StatusWatcher
	counts   missions.Counts
	stream   string
	away     bool // whether the store was unavailable
	notified bool // whether anything was sent yet
	quiet    time.Time
}

func (p *statusWatch) look(ctx context.Context) error {
	counts, err := p.from.Counts(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	stream := p.from.Stream()
	switch {
	case err != nil && !p.away:
		p.away, p.quiet = true, time.Now()
		return p.to.Unavailable(p.from.Error(err))
	case err == nil && (!p.notified || p.away || stream != p.stream || !sameCounts(counts, p.counts)):
		p.counts, p.stream, p.away, p.notified, p.quiet = counts, stream, false, true, time.Now()
		return p.to.Status(p.from.Status(counts))
	case time.Since(p.quiet) >= watchIdle:
		p.quiet = time.Now()
		return p.to.Idle()
	}
	return nil
}

func sameCounts(a, b missions.Counts) bool {
	return maps.Equal(a.ByStatus, b.ByStatus) && a.Agents == b.Agents && a.Slots == b.Slots &&
		a.CompletedRuns == b.CompletedRuns && a.CompletedSeconds == b.CompletedSeconds
}
