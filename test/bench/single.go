package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/hibiken/asynq"
	"github.com/nats-io/nats.go"
	"github.com/redis/go-redis/v9"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
)

// The rows that measure one thing at a time.

// samples is how many times one is measured in a round.
const samples = 500

// idle is how long everything has rested before a sample is taken: an agent that waits is
// idle, and whatever is woken from idleness is slower than what is busy.
const idle = 2 * time.Millisecond

// dispatchBesideRequest measures from the create request until the agent, whose claim was
// parked, has the mission.
func dispatchBesideRequest(store string) func(context.Context, *workplace) (side, side, error) {
	return func(_ context.Context, w *workplace) (side, side, error) {
		p, err := w.supervised(store, "everysec")
		if err != nil {
			return nil, nil, err
		}
		echo, err := w.echo("{}", 0)
		if err != nil {
			return nil, nil, err
		}
		client, err := w.connect(p.url)
		if err != nil {
			return nil, nil, err
		}
		worker, err := w.connect(p.url)
		if err != nil {
			return nil, nil, err
		}
		if _, err := ask(worker, "supervisor.agent.idle.register", []byte(`{"name":"idle","types":["bench"],"capacity":10}`)); err != nil {
			return nil, nil, err
		}
		bare, err := w.connect(echo)
		return median500(func() (time.Duration, error) { return dispatch(client, worker) }),
			median500(rested(bare)), err
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

// median500 is a side: the median of many samples, in µs.
func median500(sample func() (time.Duration, error)) side {
	return func(context.Context) (figure, error) {
		took := make([]float64, samples)
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

// constant is the side of a limit.
func constant(value float64) side {
	return func(context.Context) (figure, error) { return figure{value: value}, nil }
}

// emitHung measures Emit while the broker is stopped and its connection stays open.
func emitHung(_ context.Context, w *workplace) (side, side, error) {
	url, cmd, err := w.echoProcess("{}", 0)
	if err != nil {
		return nil, nil, err
	}
	stream, err := eventstream.Open(eventstream.Config{URL: url, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return nil, nil, err
	}
	w.onClose(func() { _ = stream.Close(context.Background()) })
	w.onClose(func() { _ = cmd.Process.Signal(syscall.SIGCONT) })
	for stream.Status().State != eventstream.Connected {
		<-stream.Changed()
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return nil, nil, err
	}
	event := charter.New(charter.HealthChecked{Status: "ok", CheckedAt: time.Now()}, time.Now())
	return func(context.Context) (figure, error) {
		const times = 1_000_000
		began := time.Now()
		for range times {
			stream.Emit(event)
		}
		return figure{value: float64(time.Since(began).Nanoseconds()) / 1e3 / times}, nil
	}, constant(1), nil
}

// memoryBesideAsynq compares how much Redis needs for what waits.
func memoryBesideAsynq(_ context.Context, w *workplace) (side, side, error) {
	const many = 100_000
	return func(ctx context.Context) (figure, error) {
			p, err := w.supervised("Redis", "no")
			if err != nil {
				return figure{}, err
			}
			nc, err := w.connect(p.url)
			if err != nil {
				return figure{}, err
			}
			before, err := usedMemory(ctx, p.redis)
			if err != nil {
				return figure{}, err
			}
			if err := fill(nc, many); err != nil {
				return figure{}, err
			}
			after, err := settledMemory(ctx, nc, p.redis)
			return figure{value: (after - before) / many}, err
		}, func(ctx context.Context) (figure, error) {
			addr, err := w.redis("no")
			if err != nil {
				return figure{}, err
			}
			client := asynq.NewClient(asynq.RedisClientOpt{Addr: addr})
			defer func() { _ = client.Close() }() // nothing is under way
			before, err := usedMemory(ctx, addr)
			if err != nil {
				return figure{}, err
			}
			for range many {
				if _, err := client.Enqueue(asynq.NewTask("stored", nil)); err != nil {
					return figure{}, err
				}
			}
			after, err := usedMemory(ctx, addr)
			return figure{value: (after - before) / many}, err
		}, nil
}

// settledMemory waits until the outbox is empty, with what is kept behind the relay.
func settledMemory(ctx context.Context, nc *nats.Conn, addr string) (float64, error) {
	if err := drained(nc); err != nil {
		return 0, err
	}
	least := -1.0
	for quiet := 0; quiet < 15; quiet++ { // what is acknowledged is kept for longer than the broker's sync interval
		used, err := usedMemory(ctx, addr)
		if err != nil {
			return 0, err
		}
		if least < 0 || used < least-1000 {
			least, quiet = used, 0
		}
		time.Sleep(time.Second)
	}
	return least, nil
}

func usedMemory(ctx context.Context, addr string) (float64, error) {
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer func() { _ = client.Close() }() // nothing is under way
	info, err := client.InfoMap(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(info["Memory"]["used_memory"], 64)
}

// startBesideSecond measures from the start of the process until a request is answered.
func startBesideSecond(store string) func(context.Context, *workplace) (side, side, error) {
	return func(_ context.Context, w *workplace) (side, side, error) {
		p, err := w.stocked(store, w.stored)
		if err != nil {
			return nil, nil, err
		}
		end(p.cmd)
		var running *exec.Cmd
		return func(context.Context) (figure, error) {
			if running != nil {
				end(running)
			}
			began := time.Now()
			again, err := w.again(p)
			if err != nil {
				return figure{}, err
			}
			running = again.cmd
			nc, err := nats.Connect(again.url)
			if err != nil {
				return figure{}, err
			}
			defer nc.Close()
			_, err = ask(nc, "supervisor.status", nil)
			return figure{value: time.Since(began).Seconds()}, err
		}, constant(1), nil
	}
}
