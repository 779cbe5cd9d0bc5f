package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func (c *cli) alertsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "alerts",
		GroupID: groupLook,
		Short:   "Show how the alert rules stand",
		Long: `Show how the alert rules stand: ok; pending, while a rule's condition holds but not for
long enough yet; or firing.

Rules stand in the supervisor's configuration file; some are there by default.`,
		Example: `  supervisor alerts
  supervisor alerts --watch
  supervisor alerts --json | jq '.alerts[] | select(.state == "firing")'`,
		Args: noArguments,
	}
	addConnectionFlags(cmd)
	l := addLookFlags(cmd)
	cmd.RunE = c.withSession(func(ctx context.Context, s *session, _ []string) error {
		return c.show(ctx, l, func(ctx context.Context, out *screen) error {
			reply, raw, err := ask[api.Alerts](ctx, s, api.SubjectAlerts, api.Empty{})
			switch {
			case err != nil:
				return err
			case l.json:
				out.json(raw)
			default:
				alertsTable(out, &reply, time.Now())
			}
			return nil
		})
	})
	return cmd
}

func alertsTable(out *screen, reply *api.Alerts, now time.Time) {
	if len(reply.Alerts) == 0 {
		out.printf("No alert rules.\n")
		return
	}
	g := out.grid("Alerts", "Rule", "State", "Since#", "Metric", "Type", "Value#", "Condition")
	g.shrink(shorter("Metric", 12), shrinkBy("Metric", "Type", "Since"), shorter("Condition", 8), shorter("Rule", 12), shrinkBy("Condition"))
	for i := range reply.Alerts {
		a := &reply.Alerts[i]
		since := a.Since
		if a.State == missions.AlertFiring {
			since = a.RaisedAt
		}
		begun := ""
		if since != 0 {
			begun = ago(now.Sub(since.Time()))
		}
		g.row(a.Rule, out.paint(alertColour(a.State), string(a.State)), begun, strings.TrimPrefix(a.Metric, "missions."), a.Type,
			figure(a.Metric, a.Value), condition(a))
	}
	g.print()
}

// condition formats a rule's comparison, and how long it must hold.
func condition(a *api.Alert) string {
	text := clean(a.Comparison) + " " + figure(a.Metric, &a.Threshold)
	if a.ForSeconds > 0 {
		text += " for " + roundDuration(time.Duration(a.ForSeconds*float64(time.Second)))
	}
	return text
}

// humaneRound formats a configured duration in short form: 90s, 2m, 24h.
func roundDuration(d time.Duration) string {
	text := d.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

// figure formats a metric's value with its unit; "-" if there is none.
func figure(metric string, value *float64) string {
	switch {
	case value == nil:
		return "-"
	case strings.Contains(metric, "seconds"):
		return seconds(value)
	case strings.HasSuffix(metric, "rate"), strings.HasSuffix(metric, "utilization"):
		return percent(value)
	case *value == float64(int64(*value)):
		return count(int64(*value))
	}
	return strconv.FormatFloat(*value, 'g', 6, 64)
}

func alertColour(state missions.AlertState) string {
	switch state {
	case missions.AlertFiring:
		return red
	case missions.AlertPending:
		return yellow
	}
	return green
}
