package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"time"

	"github.com/hibiken/asynq"
)

// recovery is `bench recovery`: how long the tasks of killed asynq workers are away.
// It is the row beside `make recovery`, which measures the same of our agents.
func recovery() error {
	flags := flag.NewFlagSet("recovery", flag.ExitOnError)
	kills := flags.Int("kills", 10, "how many workers are killed")
	_ = flags.Parse(os.Args[2:]) // exits by itself
	if *kills < 1 {
		return fmt.Errorf("bench recovery: -kills is %d, but must be at least 1", *kills)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	w, err := newWorkplace(settings{})
	if err != nil {
		return err
	}
	defer w.close()
	at, err := w.site()
	if err != nil {
		return err
	}
	defer at.close()
	times, err := asynqRecovery(ctx, at, *kills)
	if err != nil {
		return err
	}
	seconds := make([]float64, len(times))
	for i, t := range times {
		seconds[i] = t.Seconds()
	}
	fmt.Printf("asynq, default settings, %d workers killed: median %.1f s, min %.1f s, max %.1f s\n",
		len(times), median(seconds), slices.Min(seconds), slices.Max(seconds))
	return nil
}

// scan is how often asynq looks for tasks whose worker is gone. Kills are spread over
// as long, so that they meet every moment between two looks alike.
const scan = time.Minute

// asynqRecovery gives each of some workers, in processes of their own, a task that does
// not end, kills them, and returns how long it took from each kill until another worker
// ran its task. All have asynq's default settings.
func asynqRecovery(ctx context.Context, at *site, kills int) ([]time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := at.redis("everysec")
	if err != nil {
		return nil, err
	}
	opt := asynq.RedisClientOpt{Addr: addr}
	client := asynq.NewClient(opt)
	defer func() { _ = client.Close() }() // nothing is under way
	victims := map[string]*exec.Cmd{}     // by the queue that each works on
	queues := map[string]int{}
	for n := range kills {
		queue := fmt.Sprintf("held-%d", n)
		if _, err := client.Enqueue(asynq.NewTask("held", []byte(queue)), asynq.Queue(queue)); err != nil {
			return nil, err
		}
		_, victim, err := at.start(regexp.MustCompile("(began)"), self, "asynq-worker", addr, queue)
		if err != nil {
			return nil, err
		}
		victims[queue], queues[queue] = victim, 1
	}
	inherited := make(chan string, kills)
	heir := asynq.NewServer(opt, asynq.Config{Concurrency: kills, Queues: queues, Logger: quiet{}})
	err = heir.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		inherited <- string(task.Payload())
		return nil
	}))
	if err != nil {
		return nil, err
	}
	defer heir.Shutdown()
	return awaitHeir(ctx, victims, inherited)
}

// awaitHeir kills workers and returns how long each one's task was away.
func awaitHeir(ctx context.Context, victims map[string]*exec.Cmd, inherited <-chan string) ([]time.Duration, error) {
	due := make(chan string, len(victims))
	for queue := range victims {
		time.AfterFunc(rand.N(scan), func() { due <- queue })
	}
	killed := map[string]time.Time{}
	var times []time.Duration
	for len(times) < len(victims) {
		select {
		case queue := <-due:
			killed[queue] = time.Now()
			if err := victims[queue].Process.Kill(); err != nil {
				return nil, err
			}
		case queue := <-inherited:
			at, dead := killed[queue]
			if !dead {
				return nil, fmt.Errorf("the task of %s was taken from a worker that lives", queue)
			}
			times = append(times, time.Since(at))
			fmt.Fprintf(os.Stderr, "%s: %.1f s\n", queue, times[len(times)-1].Seconds())
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return times, nil
}

// workAsynq is `bench asynq-worker ADDRESS QUEUE`: a worker whose task does not end.
func workAsynq() error {
	if len(os.Args) != 4 {
		return fmt.Errorf("bench asynq-worker: an address and a queue are needed")
	}
	server := asynq.NewServer(asynq.RedisClientOpt{Addr: os.Args[2]}, asynq.Config{Queues: map[string]int{os.Args[3]: 1}, Logger: quiet{}})
	return server.Run(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		fmt.Println("began")
		select {}
	}))
}
