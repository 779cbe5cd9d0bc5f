package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// postgres starts a PostgreSQL, from the system's packages, and returns its URL. As
// root it runs as the user that the packages made, since it refuses to be root. Each
// commit is flushed, and no checkpoint falls into a measurement.
func (s *site) postgres(ctx context.Context) (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return "", errors.New("PostgreSQL is needed: apt-get install postgresql")
	}
	bin, port := found[len(found)-1], freePort()
	dir := s.path("postgres-" + port)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	as := func(args ...string) []string { return args }
	if me, err := user.Current(); err == nil && me.Uid == "0" {
		if err := exec.CommandContext(ctx, "chown", "postgres", dir).Run(); err != nil { //nolint:gosec // our own
			return "", err
		}
		as = func(args ...string) []string {
			return append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"}, args...)
		}
	}
	// Without a flush: the database is new, and a lost one would be made again.
	init := as(filepath.Join(bin, "initdb"), "-D", dir, "-U", "bench", "-A", "trust", "--no-sync")
	if out, err := exec.CommandContext(ctx, init[0], init[1:]...).CombinedOutput(); err != nil { //nolint:gosec // our own
		os.Stderr.Write(out) //nolint:errcheck // on the way out
		return "", err
	}
	run := as(filepath.Join(bin, "postgres"), "-D", dir, "-p", port, "-h", "127.0.0.1", "-k", "", "-c", "fsync=on",
		"-c", "synchronous_commit=on", "-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB", "-c", "checkpoint_timeout=30min")
	_, _, err = s.start(regexp.MustCompile("(database system is ready to accept connections)"), run[0], run[1:]...)
	return "postgres://bench@127.0.0.1:" + port + "/postgres", err
}

// riverBest is how many workers River does best with on two cores, see `bench peers`.
const riverBest = 2000

type riverArgs struct{ N int }

func (riverArgs) Kind() string { return "bench" }

type riverWorker struct {
	river.WorkerDefaults[riverArgs]
	flow     riverFlow
	finished atomic.Int64
	all      chan struct{}
}

func (w *riverWorker) Work(ctx context.Context, _ *river.Job[riverArgs]) error {
	if err := w.flow.handle(ctx); err != nil {
		return err
	}
	if w.finished.Add(1) == int64(w.flow.jobs) {
		close(w.all)
	}
	return nil
}

// riverFlow is jobs on their whole way on River: InsertManyFast in batches by 4 callers,
// worked by one client in the same process, and marked as completed.
type riverFlow struct {
	pool    *pgxpool.Pool
	jobs    int
	workers int
	events  *publishers // nil: neither results nor events
}

// riverOn is the flow on a PostgreSQL of its own.
func riverOn(workers int) side {
	return func(ctx context.Context, at *site) (load, error) {
		pool, err := at.riverPool(ctx)
		return func(ctx context.Context, part float64) (figure, error) {
			return riverFlow{pool: pool, jobs: partOf(inABatchedFlow, part, batchSize), workers: workers}.run(ctx)
		}, err
	}
}

// riverWithEvents is the same with results kept and three events published.
func riverWithEvents(workers int) side {
	return func(ctx context.Context, at *site) (load, error) {
		pool, err := at.riverPool(ctx)
		if err != nil {
			return nil, err
		}
		events, err := at.published()
		return func(ctx context.Context, part float64) (figure, error) {
			return riverFlow{pool: pool, jobs: partOf(inABatchedFlow, part, batchSize), workers: workers, events: events}.run(ctx)
		}, err
	}
}

// riverPool connects to a new database with River's tables.
func (s *site) riverPool(ctx context.Context) (*pgxpool.Pool, error) {
	url, err := s.postgres(ctx)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, err
	}
	s.onClose(pool.Close)
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return nil, err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return pool, err
}

// run returns jobs per second, from the first insert until the last job is marked as
// completed, with its events.
func (f riverFlow) run(ctx context.Context) (figure, error) {
	worker := &riverWorker{flow: f, all: make(chan struct{})}
	workers := river.NewWorkers()
	river.AddWorker(workers, worker)
	client, err := river.NewClient(riverpgxv5.New(f.pool), &river.Config{
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: f.workers}},
		Workers: workers, Logger: slog.New(slog.DiscardHandler), FetchCooldown: time.Millisecond, FetchPollInterval: 20 * time.Millisecond,
	})
	if err != nil {
		return figure{}, err
	}
	if err := client.Start(ctx); err != nil {
		return figure{}, err
	}
	began := time.Now()
	err = f.insert(func(params []river.InsertManyParams) error {
		_, err := client.InsertManyFast(ctx, params)
		return err
	})
	if err == nil && f.events != nil {
		err = f.events.acknowledged(ctx)
	}
	if err != nil {
		return figure{}, errors.Join(err, client.Stop(ctx))
	}
	select {
	case <-worker.all:
	case <-ctx.Done():
		return figure{}, ctx.Err()
	}
	if err := f.completed(ctx); err != nil {
		return figure{}, err
	}
	rate := perSecond(f.jobs, time.Since(began))
	return rate, client.Stop(ctx)
}

func (f riverFlow) insert(many func([]river.InsertManyParams) error) error {
	errs := make(chan error, batchCallers)
	var left atomic.Int64
	left.Store(int64(f.jobs))
	params := make([]river.InsertManyParams, batchSize)
	for i := range params {
		params[i].Args = riverArgs{N: 1}
	}
	for range batchCallers {
		go func() {
			for left.Add(-batchSize) > -batchSize {
				err := many(params)
				if err == nil && f.events != nil {
					err = f.events.enqueued(batchSize)
				}
				if err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	var failures []error
	for range batchCallers {
		failures = append(failures, <-errs)
	}
	return errors.Join(failures...)
}

func (f riverFlow) handle(ctx context.Context) error {
	if f.events == nil {
		return nil
	}
	running, err := f.events.started()
	if err != nil {
		return err
	}
	if err := river.RecordOutput(ctx, map[string]bool{"ok": true}); err != nil {
		return err
	}
	return f.events.done(running)
}

// completed waits until no job is running: River marks jobs as completed in batches, after
// their handlers have returned.
func (f riverFlow) completed(ctx context.Context) error {
	for {
		var running bool
		err := f.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM river_job WHERE state = 'running')`).Scan(&running)
		if err != nil || !running {
			return err
		}
		time.Sleep(poll)
	}
}
