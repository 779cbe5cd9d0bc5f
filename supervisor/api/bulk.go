package api

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"missioncontrol/missions"
)

// BulkRequest applies an action to all missions that match a filter, a page at a time.
type BulkRequest struct {
	Action missions.BulkAction `json:"action"`
	Filter *ListRequest        `json:"filter"`           // that of list, without limit and cursor; {} matches every mission
	DryRun bool                `json:"dry_run,omitzero"` // count, and change nothing
	Limit  int                 `json:"limit,omitzero"`   // most missions that one request changes: 1 to 1000, default 1000
	AsOf   missions.Time       `json:"as_of,omitzero"`   // missions created or changed later are left alone; default: now, or that of the cursor
	Cursor string              `json:"cursor,omitzero"`

	Reason     string          `json:"reason,omitzero"`     // of cancel: the reason, for the log
	Fresh      bool            `json:"fresh,omitzero"`      // of retry: without the checkpoint
	Dependents bool            `json:"dependents,omitzero"` // of retry: also the missions that were cancelled because of these
	Name       string          `json:"name,omitzero"`       // of signal: its name, which is required
	Data       json.RawMessage `json:"data,omitzero"`       // of signal: any JSON up to 64 KiB
	SignalID   string          `json:"signal_id,omitzero"`  // of signal: each mission accepts it once; default: one for this as_of, name and data
}

// BulkReply says what became of one page of missions.
type BulkReply struct {
	Matched    int           `json:"matched"` // missions to which the action applied when they were listed
	Changed    int           `json:"changed"` // the others without an error have changed meanwhile
	Errors     []BulkError   `json:"errors"`
	AsOf       missions.Time `json:"as_of"`
	NextCursor string        `json:"next_cursor,omitzero"` // absent once there are no more missions
}

// BulkError says why a mission could not be changed.
type BulkError struct {
	ID    string `json:"id"`
	Error *Error `json:"error"`
}

// BulkPage is one step of a [BulkRequest]: what to list, one status after the other, and what to do
// with it.
type BulkPage struct {
	List missions.Filter
	Do   missions.BulkRequest // without the ids

	statuses []missions.Status // that are listed one after the other
	place    int               // of the current one
	digest   string
}

// Bounds of a [BulkPage].
const (
	bulkBytes = 2 << 20     // of missions of one status that a step may change
	clockSkew = time.Second // by which an as_of may be ahead: supervisors may tell the time a little differently
)

// Page checks the request and returns the step that it asks for. now is the store's time.
func (r *BulkRequest) Page(now missions.Time) (*BulkPage, error) {
	statuses := r.Action.Statuses()
	switch {
	case r.Action == "":
		return nil, missions.Invalid("action", "is required: one of cancel, retry, delete, signal")
	case statuses == nil:
		return nil, missions.Invalid("action", "must be one of cancel, retry, delete, signal")
	case r.Filter == nil:
		return nil, missions.Invalid("filter", "is required; {} matches every mission")
	case r.Filter.Limit != 0:
		return nil, missions.Invalid("filter.limit", "is not a field of this filter; limit stands beside it")
	case r.Filter.Cursor != 0:
		return nil, missions.Invalid("filter.cursor", "is not a field of this filter; cursor stands beside it")
	}
	filter, err := r.Filter.Filter()
	if err != nil {
		return nil, inFilter(err)
	}
	if filter.Status != "" && !slices.Contains(statuses, filter.Status) {
		return nil, missions.Invalid("filter.status", "must not be %s: %s applies to missions that are %s", filter.Status, r.Action, join(statuses))
	}
	if filter.Status != "" {
		statuses = []missions.Status{filter.Status}
	}
	if filter.Limit, err = r.limit(); err != nil {
		return nil, err
	}
	filter.MaxBytes = bulkBytes
	p := &BulkPage{List: filter, statuses: statuses, digest: r.digest()}
	if p.Do, err = r.action(); err != nil {
		return nil, err
	}
	if err := p.begin(r, now); err != nil {
		return nil, err
	}
	p.List.Status = statuses[p.place]
	if p.Do.Action == missions.BulkSignal && p.Do.Signal.SignalID == "" {
		p.Do.Signal.SignalID = signalID(p.Do.AsOf, &p.Do.Signal)
	}
	return p, nil
}

func (r *BulkRequest) limit() (int, error) {
	if r.Limit == 0 {
		return MaxPage, nil
	}
	return page(r.Limit)
}

// inFilter says of an error that its field is one of the filter's.
func inFilter(err error) error {
	var invalid *missions.Error
	if !errors.As(err, &invalid) || invalid.Field == "" {
		return err
	}
	within := *invalid
	within.Field = "filter." + invalid.Field
	return &within
}

func join(statuses []missions.Status) string {
	words := make([]string, len(statuses))
	for i, s := range statuses {
		words[i] = string(s)
	}
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// action returns what to do with missions.
func (r *BulkRequest) action() (do missions.BulkRequest, err error) {
	do.Action = r.Action
	for _, f := range []struct {
		name  string
		of    missions.BulkAction
		given bool
	}{
		{"reason", missions.BulkCancel, r.Reason != ""}, {"fresh", missions.BulkRetry, r.Fresh}, {"dependents", missions.BulkRetry, r.Dependents},
		{"name", missions.BulkSignal, r.Name != ""}, {"data", missions.BulkSignal, r.Data != nil}, {"signal_id", missions.BulkSignal, r.SignalID != ""},
	} {
		if f.given && f.of != r.Action {
			return do, missions.Invalid(f.name, "is only for the action %s", f.of)
		}
	}
	switch r.Action {
	case missions.BulkCancel:
		do.Cancel.Reason = r.Reason
		return do, missions.CheckText("reason", r.Reason, missions.MaxReasonBytes)
	case missions.BulkRetry:
		do.Retry.Fresh, do.Retry.Dependents = r.Fresh, r.Dependents
	case missions.BulkSignal:
		if r.Name == "" {
			return do, missions.Invalid("name", "is required: the name of the signal")
		}
		one := SignalRequest{ID: "any", Name: r.Name, Data: r.Data, SignalID: r.SignalID}
		do.Signal, err = one.Signal()
		do.Signal.MissionID = ""
		return do, err
	case missions.BulkDelete:
	}
	return do, nil
}

// signalID returns the same id for the same signal, so that a request can be repeated.
func signalID(asOf missions.Time, q *missions.SignalRequest) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %q %q", asOf, q.Name, q.Data))
	return fmt.Sprintf("bulk-%x", sum[:16])
}

// digest identifies the action and the filter, so that a cursor goes on with both.
func (r *BulkRequest) digest() string {
	text, err := Encode(struct {
		Action missions.BulkAction
		Filter *ListRequest
	}{r.Action, r.Filter})
	if err != nil {
		panic(err) // the filter was decoded from JSON
	}
	sum := sha256.Sum256(text)
	return fmt.Sprintf("%x", sum[:8])
}

// begin goes on where the request says, or begins.
func (p *BulkPage) begin(r *BulkRequest, now missions.Time) error {
	switch {
	case r.Cursor != "":
		if err := p.resume(r.Cursor); err != nil {
			return err
		}
		if r.AsOf != 0 && r.AsOf != p.Do.AsOf {
			return missions.Invalid("as_of", "is not that of the cursor")
		}
	case r.AsOf != 0:
		p.Do.AsOf = r.AsOf
	default:
		p.Do.AsOf = now - 1 // what happens from now on is later
	}
	if p.Do.AsOf > now.Add(clockSkew) {
		return missions.Invalid("as_of", "must not be in the future")
	}
	return nil
}

// resume goes on where a cursor says.
func (p *BulkPage) resume(cursor string) error {
	parts := strings.Split(cursor, "-")
	var numbers [3]int64 // as Cursor writes them
	valid := len(parts) == len(numbers)+1
	for i := range numbers {
		if valid {
			n, err := strconv.ParseInt(parts[i], 10, 64)
			numbers[i], valid = n, err == nil && n >= 0
		}
	}
	switch {
	case !valid:
		return missions.Invalid("cursor", "must be a cursor from an earlier reply")
	case parts[len(numbers)] != p.digest:
		return missions.Invalid("cursor", "is of a request with another action or filter")
	case numbers[1] >= int64(len(p.statuses)):
		return missions.Invalid("cursor", "must be a cursor from an earlier reply")
	}
	p.Do.AsOf, p.place, p.List.Cursor = missions.Time(numbers[0]), int(numbers[1]), numbers[2]
	return nil
}

// Advance goes on to what the list has behind a position: 0 if it has no more missions of this
// status. It reports whether there may be more at all.
func (p *BulkPage) Advance(position int64) (more bool) {
	p.List.Cursor = position
	if position == 0 {
		if p.place++; p.place == len(p.statuses) {
			return false
		}
		p.List.Status = p.statuses[p.place]
	}
	return true
}

// Cursor returns the cursor of a request that goes on here.
func (p *BulkPage) Cursor() string {
	return fmt.Sprintf("%d-%d-%d-%s", p.Do.AsOf, p.place, p.List.Cursor, p.digest)
}
