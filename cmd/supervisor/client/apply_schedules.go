package client

import (
	"context"
	"errors"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// scheduleKind has schedules, each as schedules.set takes it.
var scheduleKind = kind{key: "schedules", noun: "schedule", decode: decodeSchedule}

// wantedSchedule is a schedule as a file describes it.
type wantedSchedule struct {
	spec missions.ScheduleSpec
	read missions.Time // changed_at of the one that the supervisor has
}

func decodeSchedule(item []byte) (wanted, error) {
	request, err := api.Decode[api.SetScheduleRequest](item)
	if err != nil {
		return nil, err
	}
	if request.IfChangedAt != 0 {
		return nil, missions.Invalid("if_changed_at", "is not a field of a schedule")
	}
	spec, err := request.Spec()
	return &wantedSchedule{spec: spec}, err
}

// ID implements wanted.
func (w *wantedSchedule) ID() string { return w.spec.ID }

// Content implements wanted.
func (w *wantedSchedule) Content() any { return &w.spec }

// Read implements wanted.
func (w *wantedSchedule) Read(ctx context.Context, s *remote.Session) (any, error) {
	found, err := s.Client.Schedule(ctx, w.spec.ID)
	switch {
	case errors.Is(err, api.ErrNotFound):
		return nil, nil // there is none
	case err != nil:
		return nil, err
	}
	w.read = found.ChangedAt
	return &found.ScheduleSpec, nil
}

// Set implements wanted.
func (w *wantedSchedule) Set(ctx context.Context, s *remote.Session) error {
	_, _, err := sendSchedule(ctx, s, api.SetScheduleRequest{ScheduleSpec: w.spec, IfChangedAt: w.read})
	return err
}
