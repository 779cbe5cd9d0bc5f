package main

import (
	"context"
	"io"
	"log"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
)

// asynqFlow is the same on asynq: enqueued one by one by 32 callers, handled by a
// server with 32 workers.
func asynqFlow(addr string, tasks int) side {
	return func(context.Context) (figure, error) {
		opt := asynq.RedisClientOpt{Addr: addr}
		client := asynq.NewClient(opt)
		defer func() { _ = client.Close() }() // nothing is under way
		server := asynq.NewServer(opt, asynq.Config{Concurrency: callers, LogLevel: asynq.FatalLevel, Logger: quiet{}})
		var finished atomic.Int64
		all := make(chan struct{})
		err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
			if finished.Add(1) == int64(tasks) {
				close(all)
			}
			return nil
		}))
		if err != nil {
			return figure{}, err
		}
		defer server.Shutdown()
		began := time.Now()
		var left atomic.Int64
		left.Store(int64(tasks))
		errs := make(chan error, callers)
		var creators sync.WaitGroup
		for range callers {
			creators.Go(func() {
				for left.Add(-1) >= 0 {
					if _, err := client.Enqueue(asynq.NewTask("bench", []byte(`{"n":1}`))); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		creators.Wait()
		select {
		case err := <-errs:
			return figure{}, err
		case <-all:
		}
		return perSecond(tasks, time.Since(began)), nil
	}
}

// quiet says nothing.
type quiet struct{}

func (quiet) Debug(...any) {}
func (quiet) Info(...any)  {}
func (quiet) Warn(...any)  {}
func (quiet) Error(...any) {}
func (quiet) Fatal(v ...any) {
	log.New(io.Discard, "", 0).Fatal(v...)
}
