package supervisor

import (
	"context"
	"maps"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// StatusWatcher receives the status from [Service.WatchStatus], on one goroutine. An
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

// WatchStatus sends the status to a watcher until ctx ends or the watcher returns an
// error. It reads the counters once a second and, unlike Status, emits no event.
func (s *Service) WatchStatus(ctx context.Context, to StatusWatcher) error {
	beat := time.NewTicker(statusInterval)
	defer beat.Stop()
	p := statusWatch{service: s, to: to, quiet: time.Now()}
	for {
		changed := s.cfg.Stream.Changed()
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

// statusWatch is one call of [Service.WatchStatus].
type statusWatch struct {
	service  *Service
	to       StatusWatcher
	counts   missions.Counts
	stream   string
	away     bool // whether the store was unavailable
	notified bool // whether anything was sent yet
	quiet    time.Time
}

func (p *statusWatch) look(ctx context.Context) error {
	counts, err := p.service.counts.get(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	stream := p.service.checkStream().Status
	switch {
	case err != nil && !p.away:
		p.away, p.quiet = true, time.Now()
		return p.to.Unavailable(p.service.wire(err))
	case err == nil && (!p.notified || p.away || stream != p.stream || !sameCounts(counts, p.counts)):
		p.counts, p.stream, p.away, p.notified, p.quiet = counts, stream, false, true, time.Now()
		status, _ := p.service.status(counts)
		return p.to.Status(status)
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
