package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// callers create one by one; as many handlers work.
const callers = 32

// inAFlow is how many missions one measurement of a flow takes.
const inAFlow = 20_000

// inAFlushedFlow is the same where each step waits for the disk.
const inAFlushedFlow = 8_000

// inABatchedFlow is the same in batches, which take less time each.
const inABatchedFlow = 40_000

// partOf is a part of so many things, in whole batches.
func partOf(n int, part float64, batch int) int {
	return max(int(float64(n)*part)/batch, 1) * batch
}

// oneByOneOn is missions on their whole way: created one by one by 32 callers, done by an
// agent with 32 handlers that is written with the kit, three durable events each, and
// all of those acknowledged by JetStream at the end.
func oneByOneOn(store, fsync string, missions int) side {
	return func(_ context.Context, at *site) (load, error) {
		p, err := at.supervised(store, fsync)
		return func(ctx context.Context, part float64) (figure, error) {
			return oneByOne{p.url, partOf(missions, part, 1)}.run(ctx)
		}, err
	}
}

// batchesOn is the same in batches: 4 callers create, 4 claim and complete.
func batchesOn(store string) side {
	return func(_ context.Context, at *site) (load, error) {
		p, err := at.supervised(store, "everysec")
		return func(ctx context.Context, part float64) (figure, error) {
			return inBatches{p.url, partOf(inABatchedFlow, part, batchSize), batchSize}.run(ctx)
		}, err
	}
}

type oneByOne struct {
	url      string
	missions int
}

// run returns missions per second, from the first create until the last event is in
// the stream.
func (f oneByOne) run(ctx context.Context) (figure, error) {
	creators, err := nats.Connect(f.url)
	if err != nil {
		return figure{}, err
	}
	defer creators.Close()
	workers, err := nats.Connect(f.url, nats.Name(api.ConnectionName("bench")))
	if err != nil {
		return figure{}, err
	}
	defer workers.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var finished atomic.Int64
	all := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- agent.Run(ctx, workers, agent.Config{
			ID: "bench", Types: []string{"bench"}, Concurrency: callers, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Handler: func(context.Context, *agent.Task) (any, error) {
				if finished.Add(1) == int64(f.missions) {
					close(all)
				}
				return json.RawMessage(`{"ok":true}`), nil
			},
		})
	}()
	began := time.Now()
	if err := f.create(creators); err != nil {
		return figure{}, err
	}
	select {
	case <-all:
	case err := <-ended:
		return figure{}, errors.Join(errors.New("the agent ended"), err)
	}
	stop()
	if err := errors.Join(<-ended, drained(creators)); err != nil {
		return figure{}, err
	}
	return perSecond(f.missions, time.Since(began)), nil
}

func (f oneByOne) create(nc *nats.Conn) error {
	var left atomic.Int64
	left.Store(int64(f.missions))
	errs := make(chan error, callers)
	for range callers {
		go func() {
			for left.Add(-1) >= 0 {
				if _, err := ask(nc, "supervisor.missions.create", []byte(`{"name":"bench","type":"bench","data":{"n":1}}`)); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	var all []error
	for range callers {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

type inBatches struct {
	url      string
	missions int
	batch    int
}

const (
	batchCallers = 4
	batchSize    = 1000
)

func (f inBatches) run(context.Context) (figure, error) {
	creators, err := nats.Connect(f.url)
	if err != nil {
		return figure{}, err
	}
	defer creators.Close()
	workers, err := nats.Connect(f.url, nats.Name(api.ConnectionName("bench")))
	if err != nil {
		return figure{}, err
	}
	defer workers.Close()
	if _, err := ask(workers, "supervisor.agent.bench.register", []byte(`{"name":"bench","types":["bench"],"capacity":10000}`)); err != nil {
		return figure{}, err
	}
	var left, finished atomic.Int64
	left.Store(int64(f.missions))
	began := time.Now()
	errs := make(chan error, 2*batchCallers)
	var all sync.WaitGroup
	for range batchCallers {
		all.Go(func() { errs <- f.create(creators, &left) })
		all.Go(func() { errs <- f.work(workers, &finished) })
	}
	all.Wait()
	close(errs)
	var failures []error
	for err := range errs {
		failures = append(failures, err)
	}
	if err := errors.Join(append(failures, drained(creators))...); err != nil {
		return figure{}, err
	}
	return perSecond(f.missions, time.Since(began)), nil
}

func (f inBatches) create(nc *nats.Conn, left *atomic.Int64) error {
	one := map[string]any{"name": "bench", "type": "bench", "data": map[string]int{"n": 1}}
	body, err := json.Marshal(map[string]any{"missions": repeat(one, f.batch)})
	if err != nil {
		return err
	}
	for left.Add(int64(-f.batch)) > int64(-f.batch) {
		if _, err := ask(nc, "supervisor.missions.create", body); err != nil {
			return err
		}
	}
	return nil
}

// work claims and completes until every mission is done.
func (f inBatches) work(nc *nats.Conn, finished *atomic.Int64) error {
	claim := fmt.Appendf(nil, `{"max":%d,"wait_seconds":0.2}`, f.batch)
	for finished.Load() < int64(f.missions) {
		body, err := ask(nc, "supervisor.agent.bench.claim", claim)
		if err != nil {
			return err
		}
		claimed, err := claimedOf(body)
		if err != nil {
			return err
		}
		if len(claimed) == 0 {
			continue
		}
		results := make([]api.Completion, len(claimed))
		for i, m := range claimed {
			results[i].LeaseRef = api.LeaseRef{MissionID: m.ID, Lease: m.Lease}
			results[i].Result = json.RawMessage(`{"ok":true}`)
		}
		if body, err = json.Marshal(map[string]any{"results": results}); err != nil {
			return err
		}
		if _, err := ask(nc, "supervisor.agent.bench.complete", body); err != nil {
			return err
		}
		finished.Add(int64(len(results)))
	}
	return nil
}
