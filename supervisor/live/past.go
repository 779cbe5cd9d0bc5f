package live

import (
	"context"
	"encoding/json"
	"time"

	"missioncontrol/eventstream"
	"missioncontrol/supervisor/api"
)

// Stored is a stream whose stored events can be read. *eventstream.Stream and
// *eventstream.Reader implement it.
type Stored interface {
	End(ctx context.Context) (uint64, error)
	Read(ctx context.Context, filter []string, within eventstream.Range, handle func(eventstream.Stored) error) error
}

// maxPast is how many bytes of events Past returns.
const maxPast = 1 << 20

// Past returns the latest events of a stream that match a request. It examines at most the
// latest 10,000. The error is a missions.ErrInvalid, or one of the stream.
func Past(ctx context.Context, stream Stored, request api.PastRequest, now time.Time) (api.Past, error) {
	types, limit, err := request.Page(now)
	if err != nil {
		return api.Past{}, err
	}
	end, err := stream.End(ctx)
	if err != nil {
		return api.Past{}, err
	}
	past := api.Past{Events: []json.RawMessage{}, Cursor: api.Cursor(end)}
	within := eventstream.Range{After: uint64(request.After), Until: end}
	if request.Since != 0 {
		within.Since = request.Since.Time()
	}
	if within.After > end {
		within.After = 0 // of a stream that no longer exists
	}
	within.After = max(within.After, end-min(end, watchBacklog))
	size := 0
	err = stream.Read(ctx, types, within, func(e eventstream.Stored) error {
		if !matches(&e, types, &request.EventsRequest) || !json.Valid(e.Data) {
			return nil
		}
		past.Events = append(past.Events, e.Data)
		size += len(e.Data)
		for len(past.Events) > limit || size > maxPast && len(past.Events) > 1 {
			size -= len(past.Events[0])
			past.Events = past.Events[1:]
			past.Missed++
		}
		return nil
	})
	return past, err
}
