// Package alone runs a supervisor in this process, with a broker and a store of its own, for
// tests that have no *testing.T, such as examples.
package alone

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/missions/sqlitestore"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/natsapi"
)

// Supervisor is a running supervisor.
type Supervisor struct {
	URL   string // of its broker
	stops []func() error
}

// Start starts a supervisor that logs nothing. The caller stops it.
func Start(ctx context.Context) (*Supervisor, error) {
	s := &Supervisor{}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// Stop stops the supervisor and removes what it has stored.
func (s *Supervisor) Stop() error {
	var errs []error
	for _, stop := range slices.Backward(s.stops) {
		errs = append(errs, stop())
	}
	return errors.Join(errs...)
}

func (s *Supervisor) onStop(stop func() error) { s.stops = append(s.stops, stop) }

func (s *Supervisor) start(ctx context.Context) error {
	quiet := slog.New(slog.DiscardHandler)
	dir, err := os.MkdirTemp("", "supervisor")
	if err != nil {
		return err
	}
	s.onStop(func() error { return os.RemoveAll(dir) })
	broker, err := embedded.Start(ctx, embedded.Config{StoreDir: filepath.Join(dir, "jetstream"), Logger: quiet})
	if err != nil {
		return err
	}
	s.URL = broker.ClientURL()
	s.onStop(func() error { return broker.Shutdown(context.WithoutCancel(ctx)) })
	store, err := sqlitestore.Open(sqlitestore.Config{Path: filepath.Join(dir, "missions.db"), Logger: quiet})
	if err != nil {
		return err
	}
	s.onStop(store.Close)
	stream, err := eventstream.Open(eventstream.Config{URL: s.URL, Logger: quiet})
	if err != nil {
		return err
	}
	s.onStop(func() error { return stream.Close(context.WithoutCancel(ctx)) })
	nc, err := nats.Connect(s.URL, nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	s.onStop(func() error { nc.Close(); return nil })
	service, err := supervisor.New(supervisor.Config{Store: store, Stream: stream, Logger: quiet, Commands: natsapi.NewCommands(nc, quiet)})
	if err != nil {
		return err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	var loops sync.WaitGroup
	loops.Go(func() { service.Run(run) })
	s.onStop(func() error { stop(); loops.Wait(); return nil })
	endpoints, err := natsapi.Listen(nc, service, quiet)
	if err != nil {
		return err
	}
	s.onStop(func() error { stop(); return endpoints.Stop(context.WithoutCancel(ctx)) })
	return nc.Flush()
}
