package supervisor

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/supervisor/alerts"
	"missioncontrol/supervisor/api"
)

// runAlerts checks the alert rules at intervals. Their state is in the store, so the
// next leader continues from there.
func (s *Service) runAlerts(ctx context.Context) {
	ticker := time.NewTicker(s.cfg.AlertInterval)
	defer ticker.Stop()
	failing := false
	for {
		err := s.lookAtAlerts(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			s.log.Error("cannot evaluate the alert rules; trying again", "error", err)
		}
		failing = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// lookAtAlerts checks each rule once and stores what has changed.
func (s *Service) lookAtAlerts(ctx context.Context) error {
	stored, err := s.storedAlerts(ctx)
	if err != nil {
		return err
	}
	now, err := s.cfg.Store.Now(ctx)
	if err != nil {
		return err
	}
	var changes []missions.AlertChange
	figures := alerts.NewFigures(figureSource{s})
	for i := range s.cfg.Alerts {
		rule := &s.cfg.Alerts[i]
		value, holds, err := rule.Look(ctx, figures)
		if err != nil {
			return err
		}
		was := stored[rule.Name]
		delete(stored, rule.Name)
		was.Rule, was.Metric, was.Threshold = rule.Name, rule.Metric, rule.Threshold
		if next, notified, changed := was.Look(holds, now, rule.For); changed {
			changes = append(changes, s.alertChange(next, notified, value))
		}
	}
	for _, alert := range stored { // their rules no longer exist
		notified := alert.State == missions.AlertFiring
		alert.State, alert.CheckedAt = missions.AlertOK, now
		changes = append(changes, s.alertChange(alert, notified, nil))
	}
	if len(changes) == 0 {
		return nil
	}
	errs, err := s.cfg.Store.ChangeAlerts(ctx, changes)
	if err != nil {
		return err
	}
	s.alertsChanged(changes, errs)
	return nil
}

// storedAlerts returns the stored alerts by rule.
func (s *Service) storedAlerts(ctx context.Context) (map[string]missions.Alert, error) {
	list, err := s.cfg.Store.Alerts(ctx)
	stored := make(map[string]missions.Alert, len(list))
	for _, alert := range list {
		stored[alert.Rule] = alert
	}
	return stored, err
}

func (s *Service) alertChange(alert missions.Alert, notified bool, value *float64) missions.AlertChange {
	return missions.AlertChange{Alert: alert, Tell: notified, Notify: notified && s.cfg.Webhook != nil, Value: value}
}

// alertsChanged publishes alerts that were raised or resolved.
func (s *Service) alertsChanged(changes []missions.AlertChange, errs []error) {
	notified := false
	for i := range changes {
		alert := &changes[i].Alert
		switch {
		case errs[i] != nil:
			// Another leader has checked before. It continues from what it stored.
			s.log.Debug("an alert was not changed", "rule", alert.Rule, "error", errs[i])
		case !changes[i].Tell:
		case alert.State == missions.AlertFiring:
			notified = true
			value := math.NaN() // not known
			if changes[i].Value != nil {
				value = *changes[i].Value
			}
			s.log.Warn("an alert is raised", "rule", alert.Rule, "metric", alert.Metric, "value", value, "threshold", alert.Threshold)
		default:
			notified = true
			s.log.Info("an alert is resolved", "rule", alert.Rule, "metric", alert.Metric)
		}
	}
	if notified {
		s.relay.Poke()
		s.notify.poke()
	}
}

// figureSource provides the figures for the alert rules.
type figureSource struct{ service *Service }

func (f figureSource) Stats(ctx context.Context, missionType string) (missions.Stats, error) {
	return f.service.cfg.Store.Stats(ctx, missionType)
}

func (f figureSource) Counts(ctx context.Context) (missions.Counts, error) {
	return f.service.counts.Get(ctx)
}

func (f figureSource) Unserved(ctx context.Context) (map[string]int64, error) {
	return f.service.cfg.Store.Unserved(ctx)
}

func (f figureSource) AgentCount(ctx context.Context, state missions.AgentState, missionType string) (int64, error) {
	page, err := f.service.cfg.Store.ListAgents(ctx, missions.AgentFilter{State: state, Type: missionType, Limit: 1})
	return page.Count, err
}

func (f figureSource) Waiting(ctx context.Context) (int64, error) { return f.service.waiting.Get(ctx) }

func (f figureSource) Limits(ctx context.Context) (missions.LimitFigures, error) {
	return f.service.limitFigures(ctx)
}

func (f figureSource) Schedules(ctx context.Context) (missions.ScheduleFigures, error) {
	return f.service.cfg.Store.ScheduleFigures(ctx)
}

func (f figureSource) Stream() alerts.StreamFigures {
	status := f.service.cfg.Stream.Status()
	return alerts.StreamFigures{
		Degraded:  status.State != eventstream.Connected,
		Published: status.Published, Dropped: status.Dropped, Duplicates: status.Duplicates,
	}
}

// Alerts returns the state of the alert rules, with the current values of their
// metrics.
func (s *Service) Alerts(ctx context.Context, _ api.Empty) (api.Alerts, error) {
	return s.alerts.Get(ctx)
}

// readAlerts reads what Alerts returns, once for all concurrent requests.
func (s *Service) readAlerts(ctx context.Context) (api.Alerts, error) {
	stored, err := s.storedAlerts(ctx)
	if err != nil {
		return api.Alerts{}, err
	}
	reply := api.Alerts{Alerts: make([]api.Alert, 0, len(s.cfg.Alerts))}
	figures := alerts.NewFigures(figureSource{s})
	for i := range s.cfg.Alerts {
		rule := &s.cfg.Alerts[i]
		value, _, err := rule.Look(ctx, figures)
		if err != nil {
			return api.Alerts{}, err
		}
		reply.Alerts = append(reply.Alerts, api.Alert{
			Rule: rule.Name, Metric: rule.Metric, Comparison: string(rule.Comparison), Threshold: rule.Threshold,
			ForSeconds: rule.For.Seconds(), MinSamples: rule.MinSamples, Type: rule.Type,
			Value: value, State: missions.AlertOK, Advice: rule.Advice(),
		})
		last := &reply.Alerts[i]
		if alert, there := stored[rule.Name]; there {
			last.State, last.Since, last.RaisedAt = alert.State, alert.Since, alert.RaisedAt
		}
		if last.State != missions.AlertOK {
			if last.Types, err = rule.Types(ctx, figures); err != nil {
				return api.Alerts{}, err
			}
		}
	}
	slices.SortFunc(reply.Alerts, func(a, b api.Alert) int { return strings.Compare(a.Rule, b.Rule) })
	return reply, nil
}

// AlertStates returns the state of each alert rule. Unlike Alerts it reads no figures.
// It is for metrics.
func (s *Service) AlertStates(ctx context.Context) (map[string]missions.AlertState, error) {
	stored, err := s.storedAlerts(ctx)
	states := make(map[string]missions.AlertState, len(s.cfg.Alerts))
	for i := range s.cfg.Alerts {
		name := s.cfg.Alerts[i].Name
		states[name] = missions.AlertOK
		if alert, there := stored[name]; there {
			states[name] = alert.State
		}
	}
	return states, err
}

// checkAlerts validates the alert settings of a configuration.
func (cfg Config) checkAlerts() error {
	if cfg.AlertInterval < 10*time.Millisecond || cfg.AlertInterval > missions.AlertCheckEvery {
		return errors.New("the interval for alert rules must be between 10 ms and 20 s")
	}
	return alerts.ValidateAll(cfg.Alerts)
}
