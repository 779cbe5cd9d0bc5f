package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

// peers is `bench peers`: how fast the peers are with several numbers of workers. The
// table uses the best.
func peers() error {
	flags := flag.NewFlagSet("peers", flag.ExitOnError)
	rounds := flags.Int("rounds", 3, "how often each is measured")
	_ = flags.Parse(os.Args[2:]) // exits by itself
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	w, err := newWorkplace(settings{})
	if err != nil {
		return err
	}
	defer w.close()
	for range *rounds {
		for _, s := range peerSettings() {
			v, err := w.visit(ctx, row{}, &party{side: s.side, known: true})
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			fmt.Printf("%-60s %6.0f/s, %4.0f µs of processor time each; %s\n", s.name, v.value, v.cpu, v.condition)
		}
	}
	return nil
}

type peerSetting struct {
	name string
	side side
}

// peerSettings are the peers' flows, each with several numbers of workers.
func peerSettings() []peerSetting {
	var all []peerSetting
	for _, fsync := range []string{"everysec", "always"} {
		tasks := inAFlow
		if fsync == "always" {
			tasks = inAFlushedFlow
		}
		for _, pool := range []asynqPool{{1, 32}, {1, 128}, {2, 64}, {4, 32}, {4, 128}} {
			name := fmt.Sprintf("asynq, %s, %d servers of %d workers", fsync, pool.servers, pool.workers)
			all = append(all, peerSetting{name, asynqOn(fsync, tasks, pool)}, peerSetting{name + ", with events", asynqWithEvents(fsync, tasks, pool)})
		}
	}
	for _, workers := range []int{200, 1000, 2000, 5000} {
		name := fmt.Sprintf("River, %d workers", workers)
		all = append(all, peerSetting{name, riverOn(workers)}, peerSetting{name + ", with events", riverWithEvents(workers)})
	}
	return all
}
