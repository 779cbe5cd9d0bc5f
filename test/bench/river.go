package main

import (
	"context"
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
// root it runs as the user that the packages made, since it refuses to be root.
func (w *workplace) postgres(ctx context.Context, fsync string) (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(found) == 0 {
		return "", exec.ErrNotFound
	}
	bin, port := found[len(found)-1], freePort()
	dir := w.path("postgres-" + port)
	if err := os.Chmod(w.dir, 0o755); err != nil { //nolint:gosec // another user has to get in
		return "", err
	}
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
	init := as(filepath.Join(bin, "initdb"), "-D", dir, "-U", "bench", "-A", "trust")
	if out, err := exec.CommandContext(ctx, init[0], init[1:]...).CombinedOutput(); err != nil { //nolint:gosec // our own
		os.Stderr.Write(out) //nolint:errcheck // on the way out
		return "", err
	}
	run := as(filepath.Join(bin, "postgres"), "-D", dir, "-p", port, "-h", "127.0.0.1", "-k", "", "-c", "fsync="+fsync,
		"-c", "synchronous_commit="+fsync, "-c", "shared_buffers=512MB")
	_, _, err = w.start(regexp.MustCompile("(database system is ready to accept connections)"), run[0], run[1:]...)
	return "postgres://bench@127.0.0.1:" + port + "/postgres", err
}

type riverArgs struct{ N int }

func (riverArgs) Kind() string { return "bench" }

type riverWorker struct {
	river.WorkerDefaults[riverArgs]
	finished *atomic.Int64
	tasks    int64
	all      chan struct{}
}

func (w *riverWorker) Work(context.Context, *river.Job[riverArgs]) error {
	if w.finished.Add(1) == w.tasks {
		close(w.all)
	}
	return nil
}

// riverFlow is the same on River: InsertManyFast in batches, worked by one client.
func (w *workplace) riverFlow(ctx context.Context, url string, tasks, batch int) (side, error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, err
	}
	w.onClose(pool.Close)
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (figure, error) {
		worker := &riverWorker{finished: &atomic.Int64{}, tasks: int64(tasks), all: make(chan struct{})}
		workers := river.NewWorkers()
		river.AddWorker(workers, worker)
		client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
			Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2000}},
			Workers: workers, Logger: slog.New(slog.DiscardHandler), FetchCooldown: time.Millisecond, FetchPollInterval: 20 * time.Millisecond,
		})
		if err != nil {
			return figure{}, err
		}
		if err := client.Start(ctx); err != nil {
			return figure{}, err
		}
		began := time.Now()
		errs := make(chan error, 4)
		var left atomic.Int64
		left.Store(int64(tasks))
		params := make([]river.InsertManyParams, batch)
		for i := range params {
			params[i].Args = riverArgs{N: 1}
		}
		for range 4 {
			go func() {
				for left.Add(int64(-batch)) > int64(-batch) {
					if _, err := client.InsertManyFast(ctx, params); err != nil {
						errs <- err
						return
					}
				}
				errs <- nil
			}()
		}
		for range 4 {
			if err := <-errs; err != nil {
				return figure{}, err
			}
		}
		<-worker.all
		rate := perSecond(tasks, time.Since(began))
		return rate, client.Stop(ctx)
	}, nil
}
