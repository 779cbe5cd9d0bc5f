package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/nats-io/nats.go"
)

// operations are what has to cost the same in a small and in a large store. Each
// is a load of a supervisor whose store has so many missions.
var operations = []struct {
	name string
	of   func(at *site, p place, stored int) load
}{
	{"status", statusOf},
	{"get", getsOf},
	{"create", createsOf},
	{"create, claim and complete", livesOf},
}

// inLarge and inSmall are an operation's sides.
func inLarge(store string, of func(*site, place, int) load) side {
	return func(ctx context.Context, at *site) (load, error) {
		p, err := at.stocked(ctx, store)
		return of(at, p, at.stored), err
	}
}

func inSmall(store string, of func(*site, place, int) load) side {
	return func(_ context.Context, at *site) (load, error) {
		p, err := at.sparse(store)
		return of(at, p, small), err
	}
}

// requests sends the same request, 64 in flight.
func (s *site) requests(url, subject string) load {
	return func(ctx context.Context, part float64) (figure, error) {
		return s.inFlight(ctx, part, url, 64, func(nc *nats.Conn) error {
			_, err := ask(nc, subject, nil)
			return err
		})
	}
}

func statusOf(at *site, p place, _ int) load { return at.requests(p.url, "supervisor.status") }

func getsOf(at *site, p place, stored int) load {
	return func(ctx context.Context, part float64) (figure, error) {
		return at.inFlight(ctx, part, p.url, callers, func(nc *nats.Conn) error {
			_, err := ask(nc, "supervisor.missions.get", fmt.Appendf(nil, `{"id":%q}`, storedID(rand.IntN(stored))))
			return err
		})
	}
}

func createsOf(at *site, p place, _ int) load {
	return func(ctx context.Context, part float64) (figure, error) {
		f, err := at.inFlight(ctx, part, p.url, callers, func(nc *nats.Conn) error {
			_, err := ask(nc, "supervisor.missions.create", []byte(`{"name":"stored","type":"stored"}`))
			return err
		})
		if err != nil {
			return f, err
		}
		return f, at.settle(p)
	}
}

// livesOf has 32 callers each create a mission and then claim and complete the oldest one.
func livesOf(at *site, p place, _ int) load {
	return func(ctx context.Context, part float64) (figure, error) {
		var register sync.Once
		var failure error
		f, err := at.inFlight(ctx, part, p.url, callers, func(nc *nats.Conn) error {
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
		return f, at.settle(p)
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

// settle waits until nothing of what was done waits for the event stream.
func (s *site) settle(p place) error {
	nc, err := nats.Connect(p.url)
	if err != nil {
		return err
	}
	defer nc.Close()
	return drained(nc)
}
