package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"missioncontrol/missions"
)

// Alerts are partition 0's.

// Alerts implements [missions.Alerts].
func (s *scripted) Alerts(ctx context.Context) ([]missions.Alert, error) {
	answer, err := s.first(ctx, scripts.alerts)
	if err != nil {
		return nil, err
	}
	alerts := []missions.Alert{}
	for rule, stands := range hash(answer) {
		words := strings.Fields(stands)
		if len(words) != 8 {
			return nil, broken(fmt.Errorf("alert %q is damaged", rule))
		}
		threshold, err := strconv.ParseFloat(words[2], 64)
		if err != nil {
			return nil, broken(fmt.Errorf("alert %q is damaged: %w", rule, err))
		}
		alerts = append(alerts, missions.Alert{
			Rule: rule, State: missions.AlertState(words[0]), Metric: words[1], Threshold: threshold,
			Since: moment(words[3]), RaisedAt: moment(words[4]), ClearedAt: moment(words[5]), CheckedAt: moment(words[6]),
			Revision: number(words[7]),
		})
	}
	slices.SortFunc(alerts, func(a, b missions.Alert) int { return strings.Compare(a.Rule, b.Rule) })
	return alerts, nil
}

// first runs a script in partition 0.
func (s *scripted) first(ctx context.Context, what script, args ...any) (any, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	return s.partitions[0].call(ctx, what, args...)
}

// ChangeAlerts implements [missions.Alerts].
func (s *scripted) ChangeAlerts(ctx context.Context, batch []missions.AlertChange) ([]error, error) {
	args := []any{missions.MaxNotices}
	for i := range batch {
		args = appendAlert(args, &batch[i])
	}
	answer, err := s.first(ctx, scripts.changeAlerts, args...)
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(batch))
	for i, said := range texts(answer) {
		if said != "ok" {
			errs[i] = missions.Conflict("alert %q has been changed by another supervisor", batch[i].Alert.Rule)
		}
	}
	return errs, nil
}

// appendAlert appends what change_alerts.lua is given of a change.
func appendAlert(args []any, change *missions.AlertChange) []any {
	a := &change.Alert
	state, kind, notify, value := string(a.State), "", "", ""
	if a.State == missions.AlertOK {
		state = ""
	}
	event := change.Event()
	if change.Tell {
		kind = map[missions.EventKind]string{missions.EventAlertRaised: "!", missions.EventAlertResolved: "."}[event.Kind]
	}
	if change.Notify {
		notify = "1"
	}
	if event.Value != nil {
		value = strconv.FormatFloat(*event.Value, 'g', -1, 64)
	}
	return append(args, a.Rule, a.Revision, state, a.Metric, strconv.FormatFloat(a.Threshold, 'g', -1, 64),
		int64(a.Since), int64(a.RaisedAt), int64(a.ClearedAt), int64(a.CheckedAt), kind, notify, value)
}

// Notices implements [missions.Alerts].
func (s *scripted) Notices(ctx context.Context, limit int) ([]missions.Event, error) {
	answer, err := s.first(ctx, scripts.notices, limit)
	if err != nil {
		return nil, err
	}
	return s.partitions[0].events(texts(answer))
}

// Noticed implements [missions.Alerts].
func (s *scripted) Noticed(ctx context.Context, position int64) error {
	_, err := s.first(ctx, scripts.noticed, position)
	return err
}
