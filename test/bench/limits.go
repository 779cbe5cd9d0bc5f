package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
)

// The physical limits of a flow: requests that come in and are answered, three events for
// each mission in JetStream, and nothing else. There is no store, no lease, no agent and
// no mission.

const (
	limitSubject     = "bare.create"
	limitLeftSubject = "bare.left"
	limitMissionsEnv = "BENCH_LIMIT_MISSIONS" // in each request
	limitBatch       = 500                    // events that are published together
)

// limitReply is about what a reply says of a mission.
const limitReply = 430

func serveLimit() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	missions, err := strconv.Atoi(os.Getenv(limitMissionsEnv))
	if err != nil {
		return err
	}
	broker, end, err := startBroker(ctx)
	if err != nil {
		return err
	}
	defer end()
	stream, err := openStream(broker.ClientURL())
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close(context.Background()) }()
	publisher := newEventPublisher(stream)
	var publishing sync.WaitGroup
	publishing.Go(func() { publisher.run(ctx) })
	defer publishing.Wait()
	nc, err := nats.Connect(broker.ClientURL())
	if err != nil {
		return err
	}
	defer nc.Close()
	service, err := micro.AddService(nc, micro.Config{Name: "limit", Version: "1.0.0"})
	if err != nil {
		return err
	}
	reply := make([]byte, limitReply*missions)
	err = errors.Join(
		service.AddEndpoint("create", micro.HandlerFunc(func(r micro.Request) {
			publisher.add(missions)
			_ = r.Respond(reply)
		}), micro.WithEndpointSubject(limitSubject)),
		service.AddEndpoint("left", micro.HandlerFunc(func(r micro.Request) {
			_ = r.Respond(strconv.AppendInt(nil, publisher.left.Load(), 10))
		}), micro.WithEndpointSubject(limitLeftSubject)),
		nc.Flush())
	if err != nil {
		return err
	}
	fmt.Println("Broker:", broker.ClientURL())
	<-ctx.Done()
	return nil
}

// eventPublisher publishes what a mission's life is told in.
type eventPublisher struct {
	stream *eventstream.Stream
	life   []charter.Event
	todo   chan int
	left   atomic.Int64 // missions whose events are not in the stream yet
}

func newEventPublisher(stream *eventstream.Stream) *eventPublisher {
	created, running, completed := lifeOf(time.Now())
	return &eventPublisher{stream: stream, todo: make(chan int, 1<<20), life: []charter.Event{created, running, completed}}
}

func (p *eventPublisher) add(missions int) {
	p.left.Add(int64(missions))
	p.todo <- missions
}

func (p *eventPublisher) run(ctx context.Context) {
	for {
		select {
		case missions := <-p.todo:
			for len(p.todo) > 0 && missions < limitBatch/len(p.life) {
				missions += <-p.todo
			}
			for missions > 0 {
				some := min(missions, limitBatch/len(p.life))
				p.publish(ctx, some)
				missions -= some
			}
		case <-ctx.Done():
			return
		}
	}
}

// publish goes on until the events of so many missions are stored.
func (p *eventPublisher) publish(ctx context.Context, missions int) {
	events := make([]charter.Event, 0, limitBatch)
	for range missions {
		for i := range p.life {
			events = append(events, p.life[i].Again())
		}
	}
	for len(events) > 0 && ctx.Err() == nil {
		stored, _ := p.stream.PublishBatch(ctx, events) // goes on where it ended
		events = events[stored:]
	}
	p.left.Add(int64(-missions))
}

// limitOf is a side: so many missions by so many callers, each request with some of them.
func limitOf(missions, batch, callers int) side {
	return func(_ context.Context, at *site) (load, error) {
		url, _, err := at.self("limit", limitMissionsEnv+"="+strconv.Itoa(batch))
		return func(_ context.Context, part float64) (figure, error) {
			return loadLimit(url, partOf(missions, part, batch), batch, callers)
		}, err
	}
}

func loadLimit(url string, missions, batch, callers int) (figure, error) {
	nc, err := nats.Connect(url)
	if err != nil {
		return figure{}, err
	}
	defer nc.Close()
	body := make([]byte, 60*batch)
	var left atomic.Int64
	left.Store(int64(missions))
	errs := make(chan error, callers)
	var all sync.WaitGroup
	began := time.Now()
	for range callers {
		all.Go(func() {
			for left.Add(int64(-batch)) >= 0 {
				if _, err := ask(nc, limitSubject, body); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return figure{}, err
		}
	}
	for {
		reply, err := ask(nc, limitLeftSubject, nil)
		if err != nil {
			return figure{}, err
		}
		if string(reply) == "0" {
			return perSecond(missions, time.Since(began)), nil
		}
		time.Sleep(poll)
	}
}

// flushingRequest and redisRequest are bare requests whose handler keeps one thing, as a
// store does, and nothing else; bareRequest keeps nothing.
func flushingRequest(_ context.Context, at *site) (load, error) {
	return at.restedRequest(echoFlushEnv + "=" + at.path("flushed"))
}

func redisRequest(_ context.Context, at *site) (load, error) {
	addr, err := at.redis("everysec")
	if err != nil {
		return nil, err
	}
	return at.restedRequest(echoRedisEnv + "=" + addr)
}

func bareRequest(_ context.Context, at *site) (load, error) { return at.restedRequest() }

// restedRequest asks once, after a rest, again and again.
func (s *site) restedRequest(env ...string) (load, error) {
	url, _, err := s.self("echo", append(env, echoBodyEnv+"={}")...)
	if err != nil {
		return nil, err
	}
	nc, err := s.connect(url)
	return medianOf(func() (time.Duration, error) {
		time.Sleep(idle)
		began := time.Now()
		_, err := ask(nc, echoSubject, nil)
		return time.Since(began), err
	}), err
}
