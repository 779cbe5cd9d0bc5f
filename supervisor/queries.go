package supervisor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/wakeup"
)

const (
	queryMinutes   = 60               // how far back queries are counted
	queryBacklog   = 100_000          // most past events that are read
	queryCallers   = 50               // programs counted separately; further ones count as one
	queryIdle      = 5 * time.Minute  // how long the stream is read after the last look at the counts
	queryForgotten = 15 * time.Minute // after this time without reads the broker drops the consumer
	queryTimeout   = 2 * time.Second  // how long the first request waits for the past
	otherCallers   = "(others)"
)

// queryStream is what queries need from the event stream.
type queryStream interface {
	End(ctx context.Context) (uint64, error)
	Consume(ctx context.Context, cfg eventstream.ConsumerConfig, handler eventstream.Handler) error
}

// queries counts the programs that request the status, from a durable consumer of the
// status events. There may be as many of these as of requests, so they are read only
// while a client looks at the counts, and the past that is read is bounded.
type queries struct {
	stream  queryStream
	durable string
	log     *slog.Logger
	now     func() time.Time
	wanted  wakeup.Signal // has a value while reading must begin

	mu      sync.Mutex
	last    uint64 // sequence of the last event counted
	minutes map[int64]map[string]int64
	lastAt  map[string]time.Time
	idle    *time.Timer   // ends reading; nil while nothing reads
	caught  chan struct{} // closed when the past has been read, or cannot be
	refused string        // why the broker refuses the consumer
}

// notInToken is what the name of a durable consumer cannot hold.
var notInToken = regexp.MustCompile("[^" + missions.TokenClass + "]")

func newQueries(stream queryStream, supervisorID string, log *slog.Logger) *queries {
	token := notInToken.ReplaceAllString(supervisorID, "_")
	return &queries{
		stream: stream, durable: "status_queries_" + token[max(0, len(token)-40):], log: log, now: time.Now, wanted: wakeup.New(),
		minutes: map[int64]map[string]int64{}, lastAt: map[string]time.Time{}, caught: make(chan struct{}),
	}
}

// Queries returns which programs requested the status in the last hour, as far as the
// event stream shows. While the stream is degraded, the counts are those from before.
func (s *Service) Queries(ctx context.Context, _ api.Empty) (api.Queries, error) {
	caught := s.queries.look()
	if s.cfg.Stream.Status().State == eventstream.Connected {
		select {
		case <-caught:
		case <-time.After(queryTimeout):
		case <-ctx.Done():
			return api.Queries{}, ctx.Err()
		}
	}
	reply := s.queries.count()
	status := s.cfg.Stream.Status()
	reply.State, reply.Reason = string(status.State), status.Reason
	if refused := s.queries.refusal(); status.State == eventstream.Connected && refused != "" {
		reply.State, reply.Reason = string(eventstream.Degraded), refused
	}
	return reply, nil
}

// look keeps the stream being read for a while. It returns a channel that is closed
// when the past has been read, or cannot be.
func (q *queries) look() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.idle != nil {
		q.idle.Reset(queryIdle)
		return q.caught
	}
	q.wanted.Send()
	return q.caught
}

// run reads whenever a client looks at the counts, until ctx ends.
func (q *queries) run(ctx context.Context) {
	for {
		select {
		case <-q.wanted:
			q.read(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// read counts events until no client has looked for a while.
func (q *queries) read(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q.mu.Lock()
	q.idle = time.AfterFunc(queryIdle, cancel)
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.idle.Stop()
		q.idle = nil
		q.caught = make(chan struct{})
	}()
	end, err := q.stream.End(ctx)
	if err != nil {
		q.log.Debug("cannot read who requests the status", "error", err)
		return
	}
	err = q.stream.Consume(ctx, eventstream.ConsumerConfig{
		Durable: q.durable, Filter: []string{charter.StatusQueried{}.EventType()},
		Start: eventstream.StartAfter, After: q.begin(end), Inactive: queryForgotten,
		OnStatus: q.onStatus,
	}, func(_ context.Context, d eventstream.Delivery) error { q.add(&d); return nil })
	if ctx.Err() == nil && !errors.Is(err, eventstream.ErrClosed) {
		q.log.Warn("cannot read who requests the status", "error", err)
		q.refuse(err.Error())
		q.catch()
	}
}

// onStatus is called when the state of the consumer has changed.
func (q *queries) onStatus(status eventstream.ConsumerStatus) {
	if status.Attached || status.Refused != "" {
		q.refuse(status.Refused)
	}
	if status.Attached && status.Pending == 0 || status.Refused != "" {
		q.catch()
	}
}

// refuse records why the broker refuses the consumer, or that it does not.
func (q *queries) refuse(reason string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refused = reason
}

func (q *queries) refusal() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.refused
}

// begin returns the sequence behind which to begin when the stream's last event is end.
func (q *queries) begin(end uint64) uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	if end < q.last { // of a stream that no longer exists
		q.last = 0
	}
	return max(q.last, end-min(end, queryBacklog))
}

// catch records that the past has been read, or cannot be.
func (q *queries) catch() {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-q.caught:
	default:
		close(q.caught)
	}
}

// add counts an event, once.
func (q *queries) add(d *eventstream.Delivery) {
	var caller string
	if raw, named := d.Event.Meta.Extra[metaAskedBy]; named {
		_ = json.Unmarshal(raw, &caller) // an invalid name counts as none
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if d.Seq <= q.last {
		return
	}
	q.last = d.Seq
	if _, known := q.lastAt[caller]; !known && len(q.lastAt) >= queryCallers {
		caller = otherCallers
	}
	at := d.Event.Timestamp
	minute := at.Unix() / 60
	if q.minutes[minute] == nil {
		q.prune()
		q.minutes[minute] = map[string]int64{}
	}
	q.minutes[minute][caller]++
	if at.After(q.lastAt[caller]) {
		q.lastAt[caller] = at
	}
}

// prune drops counts that are older than the reported period.
func (q *queries) prune() {
	oldest := q.now().Unix()/60 - queryMinutes
	for minute := range q.minutes {
		if minute <= oldest {
			delete(q.minutes, minute)
		}
	}
	for caller, at := range q.lastAt {
		if at.Unix()/60 <= oldest {
			delete(q.lastAt, caller)
		}
	}
}

// count returns the counts.
func (q *queries) count() api.Queries {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.prune()
	first := q.now().Unix()/60 - queryMinutes + 1
	reply := api.Queries{Minutes: make([]api.QueryMinute, queryMinutes), Callers: []api.QueryCaller{}}
	callers := map[string]*api.QueryCaller{}
	for i := range reply.Minutes {
		minute := first + int64(i)
		reply.Minutes[i].At = missions.At(time.Unix(minute*60, 0))
		for name, n := range q.minutes[minute] {
			caller := callers[name]
			if caller == nil {
				caller = &api.QueryCaller{Name: name, PerMinute: make([]int64, queryMinutes), LastAt: missions.At(q.lastAt[name])}
				callers[name] = caller
			}
			caller.PerMinute[i] = n
			caller.Queries += n
			reply.Minutes[i].Queries += n
			reply.Total += n
		}
	}
	for _, caller := range callers {
		reply.Callers = append(reply.Callers, *caller)
	}
	slices.SortFunc(reply.Callers, func(a, b api.QueryCaller) int {
		return cmp.Or(cmp.Compare(b.Queries, a.Queries), strings.Compare(a.Name, b.Name))
	})
	return reply
}
