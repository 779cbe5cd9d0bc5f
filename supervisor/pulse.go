package supervisor

import (
	"context"
	"maps"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Listener is told how things stand by [Service.Pulse], by one goroutine. An error of a
// method ends the pulse.
type StatusWatcher interface {
	// Status is called at the beginning and after changes: of missions and agents at most
	// once a second, of the event stream at once.
	Status(api.Status) error
	// Unavailable is called when the store cannot be asked any more.
	Unavailable(*api.Error) error
	// Idle is called when nothing has been told for a while.
	Idle() error
}

// pulseEvery is how often the counters are looked at for somebody who listens.
const statusInterval = time.Second

// Pulse tells a listener how things stand until ctx ends or the listener returns an
// error. It costs one look at the counters a second, and unlike Status no event.
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

// pulse is one call of [Service.Pulse].
type statusWatch struct {
	service  *Service
	to       StatusWatcher
	counts   missions.Counts
	stream   string
	away     bool // whether the store was
	notified bool // whether anything was told yet
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
