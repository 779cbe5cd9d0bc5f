package api

import (
	"encoding/json"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/missions"
)

// flow returns what the spec says of a mission's flow, or nil if it says nothing.
func (s *MissionSpec) flow() *missions.Flow {
	f := missions.Flow{
		After: slices.Clone(s.After), AfterTimeoutSeconds: s.AfterTimeoutSeconds, OnUnmet: s.OnUnmet,
		MaxUsage: s.MaxUsage, OnExceeded: s.OnExceeded, RetryPolicy: s.RetryPolicy,
		ParentID: s.ParentID, Detached: s.Detached, Batch: s.Batch, Unique: s.Unique,
		Key: s.Key, Limits: s.Limits, Requires: s.Requires, Preference: s.Preference,
	}
	return f.Normalize()
}

// compact checks a report and returns it, its checkpoint without white space. A checkpoint
// that is null is one.
func (r *Report) compact() (missions.Report, error) {
	report := missions.Report{Usage: r.Usage}
	if err := missions.CheckUsage("usage", r.Usage); err != nil {
		return report, err
	}
	if jsontext.Value(r.Checkpoint).Kind() == 'n' {
		report.Checkpoint = json.RawMessage("null")
		return report, nil
	}
	var err error
	if report.Checkpoint, err = compact("checkpoint", r.Checkpoint); err != nil {
		return report, err
	}
	return report, missions.CheckCheckpoint(report.Checkpoint)
}

// Retry checks the request and returns what the store is asked for.
func (r *RetryRequest) Retry() (missions.RetryRequest, error) {
	return missions.RetryRequest{ID: r.ID, Fresh: r.Fresh, Dependents: r.Dependents}, missions.CheckToken("id", r.ID)
}

// Signal checks the request and returns the signal, which does not say who sent it.
func (r *SignalRequest) Signal() (missions.SignalRequest, error) {
	signal := missions.SignalRequest{MissionID: r.ID, Name: r.Name, SignalID: r.SignalID}
	var err error
	if signal.Data, err = compact("data", r.Data); err != nil {
		return signal, err
	}
	return signal, signal.Validate()
}

// Page checks the request and returns how many batches to read.
func (r *BatchesRequest) Page() (int, error) {
	if r.Cursor != "" {
		if err := missions.CheckLine("cursor", r.Cursor, missions.MaxNameChars); err != nil {
			return 0, err
		}
	}
	return page(r.Limit)
}

// Ref checks the request and returns the lease.
func (r *ChildrenRequest) Ref() (missions.LeaseRef, error) {
	ref, err := r.LeaseRef.Ref()
	switch {
	case err != nil:
		return ref, err
	case len(r.Missions) == 0:
		return ref, missions.Invalid("missions", "is required: at least one mission")
	case len(r.Missions) > missions.MaxBatch:
		return ref, missions.TooLarge("missions", "has more than %d entries", missions.MaxBatch)
	}
	return ref, CheckOrder(r.Missions)
}

// CheckOrder refuses missions of one request that wait for each other in a circle.
func CheckOrder(specs []MissionSpec) error {
	if !slices.ContainsFunc(specs, func(s MissionSpec) bool { return len(s.After) > 0 || s.ParentID != "" }) {
		return nil
	}
	batch := make([]missions.Mission, len(specs))
	for i := range specs {
		batch[i] = missions.Mission{ID: specs[i].ID}
		if s := &specs[i]; len(s.After) > 0 || s.ParentID != "" || s.Batch != "" {
			batch[i].Flow = &missions.Flow{After: s.After, ParentID: s.ParentID, Batch: s.Batch}
		}
	}
	_, err := missions.Order(batch)
	return err
}

// Ref checks the request and returns the lease.
func (r *SignalsRequest) Ref() (missions.LeaseRef, error) {
	ref, err := r.LeaseRef.Ref()
	if err == nil && r.After < 0 {
		err = missions.Invalid("after", "must not be negative")
	}
	return ref, err
}

// Ref checks the request and returns the lease.
func (r *InputRequest) Ref() (missions.LeaseRef, error) {
	ref, err := r.LeaseRef.Ref()
	if err == nil {
		err = missions.CheckToken("source", r.Source)
	}
	return ref, err
}
