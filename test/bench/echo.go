package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"syscall"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"
	"github.com/nats-io/nuid"
	"github.com/redis/go-redis/v9"

	"missioncontrol/eventstream/embedded"
)

// The bare yardstick: a process with an embedded broker and a NATS micro service
// whose one endpoint answers every request with the same bytes.

const (
	echoSubject  = "bare.echo"
	echoBodyEnv  = "BENCH_ECHO_BODY"
	echoEmitEnv  = "BENCH_ECHO_EMIT"  // publish so many bytes to JetStream with each answer
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

// emitter returns what publishes one message to JetStream, and does not wait.
func emitter(ctx context.Context, url string) (func(), error) {
	size, _ := strconv.Atoi(os.Getenv(echoEmitEnv)) // ours
	if size == 0 {
		return func() {}, nil
	}
	nc, err := nats.Connect(url)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		return nil, err
	}
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}, Compression: jetstream.S2Compression})
	event := bytes.Repeat([]byte("x"), size)
	return func() {
		_, _ = js.PublishMsgAsync(&nats.Msg{Subject: "events.bare", Data: event, Header: nats.Header{nats.MsgIdHdr: {nuid.Next()}}})
	}, err
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

// echo starts one that answers with a body, and returns its URL. With emit it also
// publishes so many bytes to JetStream with each answer.
func (w *workplace) echo(body string, emit int) (string, error) {
	url, _, err := w.echoProcess(body, emit)
	return url, err
}

func (w *workplace) echoProcess(body string, emit int) (string, *exec.Cmd, error) {
	return w.self("echo", echoBodyEnv+"="+body, echoEmitEnv+"="+strconv.Itoa(emit))
}

// self starts this program in another role, in an environment, and returns the URL of its
// broker.
func (w *workplace) self(role string, env ...string) (string, *exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	return w.start(regexp.MustCompile(`Broker: (nats://\S+)`), "env", append(env, self, role)...)
}
