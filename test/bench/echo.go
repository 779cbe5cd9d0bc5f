package main

import (
	"bytes"
	"context"
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

	"missioncontrol/eventstream/embedded"
)

// The bare yardstick: a process with an embedded broker and a NATS micro service
// whose one endpoint answers every request with the same bytes.

const (
	echoSubject = "bare.echo"
	echoBodyEnv = "BENCH_ECHO_BODY"
	echoEmitEnv = "BENCH_ECHO_EMIT" // publish so many bytes to JetStream with each answer
)

func serveEcho() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "bench-echo")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	broker, err := embedded.Start(ctx, embedded.Config{StoreDir: dir})
	if err != nil {
		return err
	}
	defer func() { _ = broker.Shutdown(context.Background()) }()
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
	err = service.AddEndpoint("echo", micro.HandlerFunc(func(r micro.Request) {
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

// echo starts one that answers with a body, and returns its URL. With emit it also
// publishes so many bytes to JetStream with each answer.
func (w *workplace) echo(body string, emit int) (string, error) {
	url, _, err := w.echoProcess(body, emit)
	return url, err
}

func (w *workplace) echoProcess(body string, emit int) (string, *exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	return w.start(regexp.MustCompile(`Broker: (nats://\S+)`), "env",
		echoBodyEnv+"="+body, echoEmitEnv+"="+strconv.Itoa(emit), self, "echo")
}
