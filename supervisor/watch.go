package supervisor

import (
	"cmp"
	"context"
	"errors"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/live"
)

// Watch sends events to a watcher until ctx ends, the watcher returns an error, or it
// does not keep up, which is an [api.ErrOverloaded]. It needs no broker: while there is
// none, it says so and waits. All watchers share one reader of the stream.
func (s *Service) Watch(ctx context.Context, request api.EventsRequest, to live.Watcher) error {
	return s.live.Watch(ctx, request, to)
}

// Past returns the latest events that are stored. Without a broker, the error is an
// [api.ErrUnavailable].
func (s *Service) Past(ctx context.Context, request api.PastRequest) (api.Past, error) {
	past, err := live.Past(ctx, s.cfg.Stream, request, time.Now())
	var refusal *missions.Error
	if err == nil || errors.As(err, &refusal) || ctx.Err() != nil {
		return past, err
	}
	reason := cmp.Or(s.cfg.Stream.Status().Reason, "the broker does not answer")
	s.cfg.Logger.Debug("cannot read past events", "error", err)
	return past, &api.Error{Code: missions.CodeUnavailable, Message: "the event stream cannot be read: " + reason, NothingDone: true}
}

// WatchStatus sends the status to a watcher until ctx ends or the watcher returns an
// error. It reads the counters once a second and, unlike Status, emits no event.
func (s *Service) WatchStatus(ctx context.Context, to live.StatusWatcher) error {
	return live.WatchStatus(ctx, live.StatusSource{
		Counts: s.counts.Get, Status: s.status, Stream: s.streamState,
		Error: s.wire, Changed: s.cfg.Stream.Changed,
	}, to)
}
