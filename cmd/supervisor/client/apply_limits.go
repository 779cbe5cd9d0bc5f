package client

import (
	"context"
	"errors"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// limitKind has limits, each as limits.set takes it.
var limitKind = kind{key: "limits", noun: "limit", decode: decodeLimit}

// wantedLimit is a limit as a file describes it.
type wantedLimit struct {
	spec missions.LimitSpec
	read missions.Time // changed_at of the one that the supervisor has
}

func decodeLimit(item []byte) (wanted, error) {
	request, err := api.Decode[api.SetLimitRequest](item)
	if err != nil {
		return nil, err
	}
	if request.IfChangedAt != 0 {
		return nil, missions.Invalid("if_changed_at", "is not a field of a limit")
	}
	spec, err := request.Spec()
	return &wantedLimit{spec: spec}, err
}

// ID implements wanted.
func (w *wantedLimit) ID() string { return w.spec.Name }

// Content implements wanted.
func (w *wantedLimit) Content() any { return &w.spec }

// Read implements wanted.
func (w *wantedLimit) Read(ctx context.Context, s *remote.Session) (any, error) {
	found, err := s.Client.Limit(ctx, w.spec.Name)
	switch {
	case errors.Is(err, api.ErrNotFound):
		return nil, nil // there is none
	case err != nil:
		return nil, err
	}
	w.read = found.ChangedAt
	return &found.LimitSpec, nil
}

// Set implements wanted.
func (w *wantedLimit) Set(ctx context.Context, s *remote.Session) error {
	_, _, err := sendLimit(ctx, s, api.SetLimitRequest{LimitSpec: w.spec, IfChangedAt: w.read})
	return err
}
