package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
)

// What a peer's user has to add to get events: client and handler publish to JetStream
// what our missions' lives are told in, with the same headers and as many bytes. A body
// is encoded once, and each message is a copy of it with an id and a header of its own,
// which costs less than encoding each.

// lifeOf is the three events of a mission.
func lifeOf(now time.Time) (created, running, completed charter.Event) {
	const id = "0192b0a0-0000-7000-8000-000000000001"
	const agentID = "bench"
	created = charter.New(charter.MissionCreated{
		MissionID: id, Name: "bench", Type: "bench", Priority: "NORMAL", Status: "PENDING", CreatedAt: now,
	}, now)
	running = charter.New(charter.MissionStatusChanged{
		MissionID: id, OldStatus: "PENDING", NewStatus: "RUNNING", ChangedAt: now,
		Reason: "claimed by agent bench, attempt 1 of 3", Attempt: 1, AgentID: agentID,
	}, now)
	completed = charter.New(charter.MissionStatusChanged{
		MissionID: id, OldStatus: "RUNNING", NewStatus: "COMPLETED", ChangedAt: now,
		Reason: "completed by agent bench", Attempt: 1, AgentID: agentID,
	}, now)
	for i, e := range []*charter.Event{&created, &running, &completed} {
		e.Meta.Extra = map[string]json.RawMessage{ // what the relay adds
			"outbox": json.RawMessage(`"1aaf9fb9-02dc-4bc9-80e3-632ac45fa95a"`), "outbox_position": strconv.AppendInt(nil, int64(10_000+i), 10),
		}
	}
	return created, running, completed
}

// envelope is an encoded event from which messages are made.
type envelope struct {
	event charter.Event
	body  []byte
	id    int // where the id begins in the body
}

func newEnvelope(event charter.Event) (*envelope, error) {
	body, err := event.AppendJSON(nil)
	if err != nil {
		return nil, err
	}
	at := bytes.Index(body, []byte(event.ID.String()))
	if at < 0 {
		return nil, errors.New("an encoded event without its id")
	}
	return &envelope{event: event, body: body, id: at}, nil
}

// message returns an event of its own.
func (e *envelope) message() *nats.Msg {
	id := uuid.NewString()
	body := bytes.Clone(e.body)
	copy(body[e.id:], id)
	header := nats.Header{
		nats.MsgIdHdr:    {id},
		"ce-specversion": {"1.0"},
		"ce-id":          {id},
		"ce-type":        {e.event.Type},
		"ce-source":      {e.event.Source},
		"ce-time":        {time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")},
		"content-type":   {"application/json"},
	}
	if e.event.Target != "" {
		header["ce-subject"] = []string{e.event.Target}
	}
	return &nats.Msg{Subject: eventstream.SubjectPrefix + e.event.Type, Header: header, Data: body}
}

// publisher publishes to JetStream, many at once, and keeps every failure.
type publisher struct {
	js      jetstream.JetStream
	failure atomic.Pointer[error]
}

// publishers are the connection of a peer's client and that of its worker.
type publishers struct {
	client, worker              *publisher
	created, running, completed *envelope
}

// published starts a broker like the supervisor's own and connects to it.
func (s *site) published() (*publishers, error) {
	url, _, err := s.self("broker")
	if err != nil {
		return nil, err
	}
	uuid.EnableRandPool()
	created, running, completed := lifeOf(time.Now())
	p := &publishers{}
	for _, e := range []struct {
		of *(*envelope)
		is charter.Event
	}{{&p.created, created}, {&p.running, running}, {&p.completed, completed}} {
		if *e.of, err = newEnvelope(e.is); err != nil {
			return nil, err
		}
	}
	if p.client, err = s.publisher(url); err != nil {
		return nil, err
	}
	p.worker, err = s.publisher(url)
	return p, err
}

func (s *site) publisher(url string) (*publisher, error) {
	nc, err := s.connect(url)
	if err != nil {
		return nil, err
	}
	p := &publisher{}
	p.js, err = jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(1<<14), jetstream.WithPublishAsyncTimeout(answered),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, _ *nats.Msg, err error) { p.failure.Store(&err) }))
	return p, err
}

// enqueued publishes that so many missions were created. acknowledged waits for it.
func (p *publishers) enqueued(missions int) error {
	for range missions {
		if _, err := p.client.js.PublishMsgAsync(p.created.message()); err != nil {
			return err
		}
	}
	return nil
}

// acknowledged waits until JetStream has what the client has published.
func (p *publishers) acknowledged(ctx context.Context) error {
	select {
	case <-p.client.js.PublishAsyncComplete():
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := p.client.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// started publishes that a handler has begun; done, that it has ended, and waits until
// JetStream has both: a task must not be acknowledged before its events are, or a crash
// would lose them.
func (p *publishers) started() (jetstream.PubAckFuture, error) {
	return p.worker.js.PublishMsgAsync(p.running.message())
}

func (p *publishers) done(running jetstream.PubAckFuture) error {
	completed, err := p.worker.js.PublishMsgAsync(p.completed.message())
	if err != nil {
		return err
	}
	for _, ack := range []jetstream.PubAckFuture{running, completed} {
		select {
		case <-ack.Ok():
		case err := <-ack.Err():
			return err
		}
	}
	return nil
}

// serveBroker is `bench broker`: a broker with the same settings and the same stream as
// the supervisor's own.
func serveBroker() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	broker, end, err := startBroker(ctx)
	if err != nil {
		return err
	}
	defer end()
	stream, err := openStream(broker.ClientURL())
	if err != nil {
		return err
	}
	err = stream.Close(ctx) // it was here to create the stream
	if err != nil {
		return err
	}
	fmt.Println("Broker:", broker.ClientURL())
	<-ctx.Done()
	return nil
}

// openStream connects to the event stream, which it creates on a new broker.
func openStream(url string) (*eventstream.Stream, error) {
	stream, err := eventstream.Open(eventstream.Config{URL: url, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		return nil, err
	}
	for {
		changed := stream.Changed()
		if stream.Status().State == eventstream.Connected {
			return stream, nil
		}
		<-changed
	}
}
