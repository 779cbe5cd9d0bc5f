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
)

// answered is how long a request may take.
const answered = 30 * time.Second

// ask sends a request and returns the reply's body, or what its header says.
func ask(nc *nats.Conn, subject string, body []byte) ([]byte, error) {
	msg, err := nc.Request(subject, body, answered)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	if msg.Header != nil && msg.Header.Get("Nats-Service-Error") != "" {
		return nil, errors.New(subject + ": " + msg.Header.Get("Nats-Service-Error"))
	}
	return msg.Data, nil
}

// inFlight keeps so many callers at one thing, over a few connections, for a part of a
// round, and returns how many things were done per second.
func (w *workplace) inFlight(ctx context.Context, part float64, url string, callers int, do func(nc *nats.Conn) error) (figure, error) {
	const connections = 4
	var ncs []*nats.Conn
	for range min(connections, callers) {
		nc, err := nats.Connect(url)
		if err != nil {
			return figure{}, err
		}
		defer nc.Close()
		ncs = append(ncs, nc)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(float64(w.round)*part))
	defer cancel()
	var done atomic.Int64
	var failure atomic.Pointer[error]
	var all sync.WaitGroup
	began := time.Now()
	for c := range callers {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := do(ncs[c%len(ncs)]); err != nil {
					failure.Store(&err)
					cancel()
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	if err := failure.Load(); err != nil {
		return figure{}, *err
	}
	return perSecond(int(done.Load()), time.Since(began)), nil
}

// storedID is the id of one of the missions that fill creates.
func storedID(i int) string { return fmt.Sprintf("stored-%07d", i) }

// fill creates missions until a store has so many.
func fill(nc *nats.Conn, n int) error {
	type mission struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Type string `json:"type"`
	}
	const atOnce = 4
	batch := min(n, 1000)
	var next atomic.Int64
	errs := make(chan error, atOnce)
	for range atOnce {
		go func() {
			for {
				end := int(next.Add(int64(batch)))
				if end > n {
					errs <- nil
					return
				}
				some := make([]mission, batch)
				for i := range some {
					some[i] = mission{ID: storedID(end - batch + i), Name: "stored", Type: "stored"}
				}
				body, err := json.Marshal(map[string]any{"missions": some})
				if err == nil {
					_, err = ask(nc, "supervisor.missions.create", body)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	var all []error
	for range atOnce {
		all = append(all, <-errs)
	}
	return errors.Join(append(all, drained(nc))...)
}

func repeat[T any](item T, n int) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = item
	}
	return all
}

// poll is how often a side is asked whether it is done, whichever side it is.
const poll = 2 * time.Millisecond

// drained waits until the event stream has taken what waited for it.
func drained(nc *nats.Conn) error {
	for {
		body, err := ask(nc, "supervisor.health", nil)
		if err != nil {
			return err
		}
		var health struct {
			Checks struct {
				EventStream struct{ Waiting int64 } `json:"event_stream"`
			}
		}
		if err := json.Unmarshal(body, &health); err != nil {
			return err
		}
		if health.Checks.EventStream.Waiting == 0 {
			return nil
		}
		time.Sleep(poll)
	}
}
