package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"missioncontrol/eventstream/embedded"
)

// The bare yardstick: a process with an embedded broker and a NATS micro service
// whose one endpoint answers every request with the same bytes.

const (
	echoSubject = "bare.echo"
	echoSizeEnv = "BENCH_ECHO_BODY"
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
	body := []byte(os.Getenv(echoSizeEnv))
	service, err := micro.AddService(nc, micro.Config{Name: "bare", Version: "1.0.0"})
	if err != nil {
		return err
	}
	err = service.AddEndpoint("echo", micro.HandlerFunc(func(r micro.Request) { _ = r.Respond(body) }),
		micro.WithEndpointSubject(echoSubject))
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

// echo starts one that answers with a body, and returns its URL.
func (w *workplace) echo(body string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	url, _, err := w.start(regexp.MustCompile(`Broker: (nats://\S+)`), "env", echoSizeEnv+"="+body, self, "echo")
	return url, err
}
