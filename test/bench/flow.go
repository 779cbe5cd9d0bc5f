package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/api"
)

// flow is missions on their whole way: created by 32 callers, claimed, completed,
// with three durable events each in JetStream, all of them acknowledged at the end.
type flow struct {
	url      string
	missions int
	batch    int // missions in one create and one complete
}

const callers = 32

// run returns missions per second, from the first create until the last event is in
// the stream.
func (f flow) run(context.Context) (figure, error) {
	creators, err := nats.Connect(f.url)
	if err != nil {
		return figure{}, err
	}
	defer creators.Close()
	workers, err := nats.Connect(f.url, nats.Name("agent:bench"))
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
	errs := make(chan error, 2*callers)
	var all sync.WaitGroup
	at := f.callers()
	for range at {
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

// callers are as many as there is work for at once.
func (f flow) callers() int {
	if f.batch > 1 {
		return 4
	}
	return callers
}

func (f flow) create(nc *nats.Conn, left *atomic.Int64) error {
	one := map[string]any{"name": "bench", "type": "bench", "data": map[string]int{"n": 1}}
	var request any = one
	if f.batch > 1 {
		request = map[string]any{"missions": repeat(one, f.batch)}
	}
	body, err := json.Marshal(request)
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
func (f flow) work(nc *nats.Conn, finished *atomic.Int64) error {
	claim := fmt.Appendf(nil, `{"max":%d,"wait_seconds":0.2}`, f.batch)
	for finished.Load() < int64(f.missions) {
		body, err := ask(nc, "supervisor.agent.bench.claim", claim)
		if err != nil {
			return err
		}
		var claimed struct {
			Missions []struct {
				ID    string
				Lease int64
			}
		}
		if err := json.Unmarshal(body, &claimed); err != nil {
			return err
		}
		if len(claimed.Missions) == 0 {
			continue
		}
		results := make([]api.Completion, len(claimed.Missions))
		for i, m := range claimed.Missions {
			results[i].LeaseRef = api.LeaseRef{MissionID: m.ID, Lease: m.Lease}
			results[i].Result = json.RawMessage(`{"ok":true}`)
		}
		var done any = results[0]
		if len(results) > 1 {
			done = map[string]any{"results": results}
		}
		if body, err = json.Marshal(done); err != nil {
			return err
		}
		if _, err := ask(nc, "supervisor.agent.bench.complete", body); err != nil {
			return err
		}
		finished.Add(int64(len(results)))
	}
	return nil
}
