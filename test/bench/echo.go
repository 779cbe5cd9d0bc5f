package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
	"github.com/redis/go-redis/v9"

	"missioncontrol/charter"
	"missioncontrol/eventstream/embedded"
)

// The bare yardstick: a process with an embedded broker and a NATS micro service
// whose one endpoint answers every request with the same bytes.

const (
	echoSubject  = "bare.echo"
	echoBodyEnv  = "BENCH_ECHO_BODY"
	echoEmitEnv  = "BENCH_ECHO_EMIT"  // publish an event with each answer: "acknowledged" by JetStream, or only "sent"
	echoFlushEnv = "BENCH_ECHO_FLUSH" // before each answer, append a page to this file and flush it
	echoRedisEnv = "BENCH_ECHO_REDIS" // before each answer, set a key in this Redis
)

func serveEcho() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	broker, end, err := startBroker(ctx)
	if err != nil {
		return err
	}
	defer end()
	nc, err := nats.Connect(broker.ClientURL())
	if err != nil {
		return err
	}
	defer nc.Close()
	body := []byte(os.Getenv(echoBodyEnv))
	service, err := micro.AddService(nc, micro.Config{Name: "bare", Version: "1.0.0"})
	if err != nil {
		return err
	}
	emit, err := emitter(ctx, broker.ClientURL())
	if err != nil {
		return err
	}
	keep, err := keeper(ctx)
	if err != nil {
		return err
	}
	err = service.AddEndpoint("echo", micro.HandlerFunc(func(r micro.Request) {
		if err := keep(); err != nil {
			_ = r.Error("500", err.Error(), nil)
			return
		}
		_ = r.Respond(body)
		emit()
	}), micro.WithEndpointSubject(echoSubject))
	if err != nil {
		return err
	}
	if err := nc.Flush(); err != nil {
		return err
	}
	fmt.Println("Broker:", broker.ClientURL())
	<-ctx.Done()
	return nil
}

// startBroker starts an embedded broker on an empty directory; end ends both.
func startBroker(ctx context.Context) (broker *embedded.Server, end func(), err error) {
	dir, err := os.MkdirTemp("", "bench-broker")
	if err != nil {
		return nil, nil, err
	}
	if broker, err = embedded.Start(ctx, embedded.Config{StoreDir: dir}); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return broker, func() {
		_ = broker.Shutdown(context.Background())
		_ = os.RemoveAll(dir)
	}, nil
}

// statusBody is what a status request is answered, in a store with many missions.
const statusBody = `{"status":"ok","timestamp":1795948717.001458,"total_missions":1000000,"running_missions":0,` +
	`"pending_missions":1000000,"completed_missions":0,"failed_missions":0,"cancelled_missions":0,"agent_count":0,` +
	`"success_rate":null,"average_duration_seconds":null,"utilization":null}`

// emitter returns what publishes one event to JetStream, of the same size and with the
// same headers as that of a status request, and does not wait.
func emitter(ctx context.Context, url string) (func(), error) {
	emit := os.Getenv(echoEmitEnv)
	if emit == "" {
		return func() {}, nil
	}
	stream, err := openStream(url)
	if err != nil {
		return nil, err
	}
	if err := stream.Close(ctx); err != nil { // it was here to create the stream
		return nil, err
	}
	nc, err := nats.Connect(url)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	event, err := newEnvelope(charter.New(charter.StatusQueried{TotalMissions: 1_000_000, PendingMissions: 1_000_000, QueriedAt: now}, now))
	if err != nil {
		return nil, err
	}
	uuid.EnableRandPool()
	if emit == "sent" {
		return func() { _ = nc.PublishMsg(event.message()) }, nil
	}
	return func() { _, _ = js.PublishMsgAsync(event.message()) }, nil
}

// keeper returns what keeps something before each answer, as safely as a store does.
func keeper(ctx context.Context) (func() error, error) {
	page := bytes.Repeat([]byte("x"), 4096)
	switch path, addr := os.Getenv(echoFlushEnv), os.Getenv(echoRedisEnv); {
	case path != "":
		file, err := os.Create(path) //nolint:gosec // our own
		return func() error {
			_, err := file.Write(page)
			return errors.Join(err, file.Sync())
		}, err
	case addr != "":
		client := redis.NewClient(&redis.Options{Addr: addr})
		return func() error { return client.Set(ctx, "kept", "x", 0).Err() }, nil
	}
	return func() error { return nil }, nil
}

// bareEndpoint is a side: an endpoint that answers with the same bytes as the status. With
// emit, see echoEmitEnv, it also publishes an event to JetStream with each answer.
func bareEndpoint(emit string) side {
	return func(_ context.Context, at *site) (load, error) {
		url, _, err := at.self("echo", echoBodyEnv+"="+statusBody, echoEmitEnv+"="+emit)
		return at.requests(url, echoSubject), err
	}
}
