package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/api"
)

func healthCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "health",
		GroupID: ui.GroupLook,
		Short:   "Show the health of the supervisor",
		Long: `Show the health of the supervisor, its store and its event stream.

Over NATS, any of the supervisors that share the requests answers. With --http, the
supervisor at that address answers, even while the broker is unavailable. Use this for the
health check of a container.

The exit code is 0 if the health is ok or degraded, and 1 if it is error or there is no
answer.`,
		Example: `  supervisor health
  supervisor health --watch
  supervisor health --json --server nats://broker.example.com:4222
  supervisor health --http 127.0.0.1:8080`,
		Args: ui.NoArguments,
	}
	config.AddConnectionFlags(cmd)
	l := addLookFlags(cmd)
	address := cmd.Flags().String("http", "", "ask the supervisor at this HTTP `ADDRESS` instead of a broker")
	overNATS := remote.WithSession(c, func(ctx context.Context, s *remote.Session, _ []string) error {
		return showHealth(ctx, c, s.Conn, l, func(ctx context.Context) (api.Health, jsontext.Value, error) {
			return remote.Ask(ctx, s, api.OpHealth, api.Empty{})
		})
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *address == "" {
			return overNATS(cmd, args)
		}
		return showHealth(cmd.Context(), c, nil, l, func(ctx context.Context) (api.Health, jsontext.Value, error) {
			return healthOverHTTP(ctx, *address)
		})
	}
	return cmd
}

func showHealth(ctx context.Context, c *ui.Console, nc *nats.Conn, l *look, fetch func(context.Context) (api.Health, jsontext.Value, error)) error {
	return show(ctx, c, nc, l, func(ctx context.Context, out *ui.Screen) error {
		health, raw, err := fetch(ctx)
		if err != nil {
			return err
		}
		if l.json {
			out.JSON(raw)
		} else {
			healthCard(out, &health)
		}
		if health.Status == api.HealthError && !l.watch {
			return ui.ErrSilent
		}
		return nil
	})
}

// healthOverHTTP asks the supervisor that listens at an address, written as for serve's
// --http.
func healthOverHTTP(ctx context.Context, address string) (health api.Health, raw jsontext.Value, err error) {
	ctx, cancel := context.WithTimeout(ctx, remote.ConnectTimeout)
	defer cancel()
	target := url.URL{Scheme: "http", Host: address, Path: "/api/supervisor/health"}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return health, nil, ui.Usagef("--http %s is not an address like 127.0.0.1:8080", address)
	}
	transport := &http.Transport{} // no proxy: the address is the supervisor's own
	defer transport.CloseIdleConnections()
	reply, err := transport.RoundTrip(request)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("timed out")
	}
	if err != nil {
		return health, nil, fmt.Errorf("no supervisor answers over HTTP at %s: %w", address, err)
	}
	defer func() { _ = reply.Body.Close() }() // read, or of no use
	raw, err = io.ReadAll(io.LimitReader(reply.Body, api.MaxBody))
	if err == nil && reply.StatusCode != http.StatusOK {
		err = errors.New(reply.Status)
	}
	if err == nil {
		err = api.DecodeReply(raw, &health)
	}
	if err != nil {
		return health, nil, fmt.Errorf("the server at %s is not a supervisor: %w", address, err)
	}
	return health, raw, nil
}

func healthCard(out *ui.Screen, h *api.Health) {
	b := out.Card("Supervisor health at " + out.Moment(h.Timestamp.Time()))
	b.Line("Status", out.Paint(healthColour(h.Status), h.Status))
	b.Line("Version", h.Version)
	b.Line("Uptime", ui.FormatDuration(time.Duration(h.UptimeSeconds*float64(time.Second))))
	b.Line("Store", out.Paint(healthColour(h.Checks.Store.Status), remote.CheckText(h.Checks.Store)))
	stream := h.Checks.EventStream
	b.Line("Event stream", out.Paint(healthColour(stream.Status), remote.CheckText(stream.Check)))
	b.Line("Published", ui.Count(stream.Published))
	b.Line("Duplicates", ui.Count(stream.Duplicates))
	b.Line("Dropped", ui.Count(stream.Dropped))
	b.Line("Waiting", ui.Count(stream.Waiting))
	b.Print()
}

func healthColour(status string) string {
	switch status {
	case api.HealthOK:
		return ui.Green
	case api.HealthDegraded:
		return ui.Yellow
	}
	return ui.Red
}
