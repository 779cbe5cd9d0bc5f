package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/supervisor/api"
)

func (c *cli) healthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "health",
		GroupID: groupLook,
		Short:   "Show whether the supervisor is well",
		Long: `Show whether the supervisor, its store and its event stream are well.

The exit code is 0 when it is ok or degraded, and 1 when it is in error or does not
answer.`,
		Example: `  supervisor health
  supervisor health --watch
  supervisor health --json --server nats://broker.example.com:4222`,
		Args: noArguments,
	}
	addConnectionFlags(cmd)
	l := addLookFlags(cmd)
	cmd.RunE = c.withSession(func(ctx context.Context, s *session, _ []string) error {
		return c.show(ctx, l, func(ctx context.Context, out *screen) error { return showHealth(ctx, s, out, l) })
	})
	return cmd
}

func showHealth(ctx context.Context, s *session, out *screen, l *look) error {
	health, raw, err := ask[api.Health](ctx, s, api.SubjectHealth, api.Empty{})
	if err != nil {
		return err
	}
	if l.json {
		out.json(raw)
	} else {
		healthCard(out, &health)
	}
	if health.Status == api.HealthError && !l.watch {
		return errSilent
	}
	return nil
}

func healthCard(out *screen, h *api.Health) {
	b := out.card("Supervisor health at " + out.moment(h.Timestamp.Time()))
	b.line("Status", out.paint(healthColour(h.Status), h.Status))
	b.line("Version", h.Version)
	b.line("Uptime", humane(time.Duration(h.UptimeSeconds*float64(time.Second))))
	b.line("Store", out.paint(healthColour(h.Checks.Store.Status), check(h.Checks.Store)))
	stream := h.Checks.EventStream
	b.line("Event stream", out.paint(healthColour(stream.Status), check(stream.Check)))
	b.line("Published", count(stream.Published))
	b.line("Duplicates", count(stream.Duplicates))
	b.line("Dropped", count(stream.Dropped))
	b.line("Waiting", count(stream.Waiting))
	b.print()
}

func check(c api.Check) string {
	if c.Message == "" {
		return c.Status
	}
	return c.Status + ": " + c.Message
}

func healthColour(status string) string {
	switch status {
	case api.HealthOK:
		return green
	case api.HealthDegraded:
		return yellow
	}
	return red
}
