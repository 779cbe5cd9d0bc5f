package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
)

// The rows that measure one thing at a time.

// samples is how many times one is measured in a round.
const samples = 500

// idle is how long everything has rested before a sample is taken: an agent that waits is
// idle, and whatever is woken from idleness is slower than what is busy.
const idle = 2 * time.Millisecond

// dispatchOn measures from the create request until the agent, whose claim was parked,
// has the mission.
func dispatchOn(store string) side {
	return func(_ context.Context, at *site) (load, error) {
		p, err := at.supervised(store, "everysec")
		if err != nil {
			return nil, err
		}
		client, err := at.connect(p.url)
		if err != nil {
			return nil, err
		}
		worker, err := at.connect(p.url)
		if err != nil {
			return nil, err
		}
		_, err = ask(worker, "supervisor.agent.idle.register", []byte(`{"name":"idle","types":["bench"],"capacity":10}`))
		return medianOf(func() (time.Duration, error) { return dispatch(client, worker) }), err
	}
}

// dispatch hands a mission to an agent that waits, and has it completed.
func dispatch(client, worker *nats.Conn) (time.Duration, error) {
	type arrival struct {
		at  time.Time
		err error
		msg *nats.Msg
	}
	arrived := make(chan arrival, 1)
	inbox, err := worker.SubscribeSync(worker.NewRespInbox())
	if err != nil {
		return 0, err
	}
	if err := worker.PublishRequest("supervisor.agent.idle.claim", inbox.Subject, []byte(`{"max":1,"wait_seconds":30}`)); err != nil {
		return 0, err
	}
	// Its claim is parked before the mission comes, and everybody rests.
	if err := worker.Flush(); err != nil {
		return 0, err
	}
	time.Sleep(idle)
	go func() {
		msg, err := inbox.NextMsg(answered)
		arrived <- arrival{time.Now(), err, msg}
	}()
	began := time.Now()
	if _, err := ask(client, "supervisor.missions.create", []byte(`{"name":"bench","type":"bench"}`)); err != nil {
		return 0, err
	}
	got := <-arrived
	if err := errors.Join(got.err, inbox.Unsubscribe()); err != nil {
		return 0, err
	}
	ids, err := claimedOf(got.msg.Data)
	if err != nil || len(ids) != 1 {
		return 0, fmt.Errorf("the claim got %s (%w)", got.msg.Data, err)
	}
	_, err = ask(worker, "supervisor.agent.idle.complete", fmt.Appendf(nil, `{"mission_id":%q,"lease":%d}`, ids[0].ID, ids[0].Lease))
	return got.at.Sub(began), err
}

// medianOf measures a median of many samples, in µs.
func medianOf(sample func() (time.Duration, error)) load {
	return func(_ context.Context, part float64) (figure, error) {
		took := make([]float64, partOf(samples, part, 1))
		for i := range took {
			d, err := sample()
			if err != nil {
				return figure{}, err
			}
			took[i] = float64(d.Nanoseconds()) / 1e3
		}
		return figure{value: median(took)}, nil
	}
}

// emitHung measures Emit while the broker is stopped and its connection stays open.
func emitHung(_ context.Context, at *site) (load, error) {
	url, cmd, err := at.self("broker")
	if err != nil {
		return nil, err
	}
	stream, err := openStream(url)
	if err != nil {
		return nil, err
	}
	at.onClose(func() { _ = stream.Close(context.Background()) })
	at.onClose(func() { _ = cmd.Process.Signal(syscall.SIGCONT) })
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return nil, err
	}
	event := charter.New(charter.HealthChecked{Status: "ok", CheckedAt: time.Now()}, time.Now())
	return func(context.Context, float64) (figure, error) {
		const times = 1_000_000
		began := time.Now()
		for range times {
			stream.Emit(event)
		}
		return figure{value: float64(time.Since(began).Nanoseconds()) / 1e3 / times}, nil
	}, nil
}

// start measures from the start of the process until a request is answered.
func start(store string) side {
	return func(ctx context.Context, at *site) (load, error) {
		p, err := at.stocked(ctx, store)
		if err != nil {
			return nil, err
		}
		end(p.cmd)
		return func(context.Context, float64) (figure, error) {
			began := time.Now()
			again, err := at.again(p)
			if err != nil {
				return figure{}, err
			}
			nc, err := nats.Connect(again.url)
			if err != nil {
				return figure{}, err
			}
			defer nc.Close()
			_, err = ask(nc, "supervisor.status", nil)
			return figure{value: time.Since(began).Seconds()}, err
		}, nil
	}
}
