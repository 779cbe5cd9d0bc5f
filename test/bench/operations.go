package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/nats-io/nats.go"
)

// operations are what has to cost the same in a small and in a large store.
var operations = []struct {
	name string
	of   func(*workplace, place) side
}{
	{"status", statusOf},
	{"get", getsOf},
	{"create", createsOf},
	{"create, claim and complete", livesOf},
}

// requests is a side: the same request, 64 in flight.
func (w *workplace) requests(url, subject, body string) side {
	return func(ctx context.Context) (figure, error) {
		return w.inFlight(ctx, url, 64, func(nc *nats.Conn, _, _ int) error {
			_, err := ask(nc, subject, []byte(body))
			return err
		})
	}
}

func statusOf(w *workplace, p place) side { return w.requests(p.url, "supervisor.status", "") }

func getsOf(w *workplace, p place) side {
	return func(ctx context.Context) (figure, error) {
		return w.inFlight(ctx, p.url, callers, func(nc *nats.Conn, _, _ int) error {
			_, err := ask(nc, "supervisor.missions.get", fmt.Appendf(nil, `{"id":%q}`, storedID(rand.IntN(small))))
			return err
		})
	}
}

func createsOf(w *workplace, p place) side {
	return func(ctx context.Context) (figure, error) {
		f, err := w.inFlight(ctx, p.url, callers, func(nc *nats.Conn, _, _ int) error {
			_, err := ask(nc, "supervisor.missions.create", []byte(`{"name":"stored","type":"stored"}`))
			return err
		})
		if err != nil {
			return f, err
		}
		return f, w.settle(p)
	}
}

// livesOf has 32 callers each create a mission and then claim and complete the oldest one.
func livesOf(w *workplace, p place) side {
	return func(ctx context.Context) (figure, error) {
		var register sync.Once
		var failure error
		f, err := w.inFlight(ctx, p.url, callers, func(nc *nats.Conn, _, _ int) error {
			register.Do(func() {
				_, failure = ask(nc, "supervisor.agent.lives.register", []byte(`{"name":"lives","types":["stored"],"capacity":10000}`))
			})
			if failure != nil {
				return failure
			}
			if _, err := ask(nc, "supervisor.missions.create", []byte(`{"name":"stored","type":"stored"}`)); err != nil {
				return err
			}
			return claimAndComplete(nc, "lives")
		})
		if err != nil {
			return f, err
		}
		return f, w.settle(p)
	}
}

func claimAndComplete(nc *nats.Conn, agent string) error {
	body, err := ask(nc, "supervisor.agent."+agent+".claim", []byte(`{"max":1}`))
	if err != nil {
		return err
	}
	claimed, err := claimedOf(body)
	if err != nil || len(claimed) == 0 {
		return err
	}
	m := claimed[0]
	_, err = ask(nc, "supervisor.agent."+agent+".complete", fmt.Appendf(nil, `{"mission_id":%q,"lease":%d,"result":{"ok":true}}`, m.ID, m.Lease))
	return err
}

type claimed struct {
	ID    string
	Lease int64
}

// claimedOf reads the reply to a claim.
func claimedOf(reply []byte) ([]claimed, error) {
	var body struct{ Missions []claimed }
	err := json.Unmarshal(reply, &body)
	return body.Missions, err
}

// settle waits until nothing of a side's work is left for the other one's time.
func (w *workplace) settle(p place) error {
	nc, err := nats.Connect(p.url)
	if err != nil {
		return err
	}
	defer nc.Close()
	return drained(nc)
}
