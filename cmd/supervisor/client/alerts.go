package client

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func alertsCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "alerts",
		GroupID: ui.GroupLook,
		Short:   "Show the state of the alert rules",
		Long: `Show the state of the alert rules: ok, pending or firing. A rule is pending while its
condition is true, but has not been true for long enough yet.

Rules are in the supervisor's configuration file; some exist by default.`,
		Example: `  supervisor alerts
  supervisor alerts --watch
  supervisor alerts --json | jq '.alerts[] | select(.state == "firing")'`,
		Args: ui.NoArguments,
	}
	config.AddConnectionFlags(cmd)
	l := addListFlags(cmd)
	cmd.RunE = showReply(c, l, api.OpAlerts, &api.Empty{}, func(out *ui.Screen, reply *api.Alerts) {
		if l.names {
			printNames(out, reply.Alerts, func(a *api.Alert) string { return a.Rule })
			return
		}
		alertsTable(out, reply, time.Now())
	})
	return cmd
}

func alertsTable(out *ui.Screen, reply *api.Alerts, now time.Time) {
	if len(reply.Alerts) == 0 {
		out.Note("No alert rules.\n")
		return
	}
	g := out.Table("Alerts", "Rule", "State", "Since#", "Metric", "Type", "Value#", "Condition")
	g.Drop("Metric", "Type", "Since", "Condition")
	g.Cut("Rule", 12)
	g.Last("Condition")
	for i := range reply.Alerts {
		a := &reply.Alerts[i]
		since := a.Since
		if a.State == missions.AlertFiring {
			since = a.RaisedAt
		}
		begun := ""
		if since != 0 {
			begun = ui.Ago(now.Sub(since.Time()))
		}
		g.Row(a.Rule, out.Paint(alertColour(a.State), string(a.State)), begun, strings.TrimPrefix(a.Metric, "missions."), cmp.Or(a.Type, strings.Join(a.Types, ", ")),
			figure(a.Metric, a.Value), condition(a))
	}
	g.Print()
	if out.Terminal { // programs get the table alone
		printAdvice(out, reply)
	}
}

// printAdvice says what to do about the alerts that are firing.
func printAdvice(out *ui.Screen, reply *api.Alerts) {
	for i := range reply.Alerts {
		if a := &reply.Alerts[i]; a.State == missions.AlertFiring && a.Advice != "" {
			out.Printf("%s: %s\n", ui.Clean(a.Rule), ui.Clean(a.Advice))
		}
	}
}

// condition formats a rule's comparison, and how long it must hold.
func condition(a *api.Alert) string {
	text := ui.Clean(a.Comparison) + " " + figure(a.Metric, &a.Threshold)
	if a.ForSeconds > 0 {
		text += " for " + roundDuration(time.Duration(a.ForSeconds*float64(time.Second)))
	}
	return text
}

// roundDuration formats a configured duration in short form: 90s, 2m, 24h.
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
		return ui.Seconds(value)
	case strings.HasSuffix(metric, "rate"), strings.HasSuffix(metric, "utilization"):
		return ui.Percent(value)
	case *value == float64(int64(*value)):
		return ui.Count(int64(*value))
	}
	return strconv.FormatFloat(*value, 'g', 6, 64)
}

func alertColour(state missions.AlertState) string {
	switch state {
	case missions.AlertFiring:
		return ui.Red
	case missions.AlertPending:
		return ui.Yellow
	}
	return ui.Green
}
