// Command soak overloads a supervisor in a separate process for some minutes, and
// prints its memory use: `make soak`.
//
// It requests several times more than the supervisor can do: creations of the
// maximum message size, creations by the thousand, lists, parked claims and waits.
// The supervisor must refuse at once what it cannot do. Its memory must stay where
// it was after the first minutes, and health and the heartbeats of a quiet agent
// must be answered throughout. The missions are always the same, so that the disk
// does not fill.
//
// It exits with 1 if the supervisor dies, if health or a heartbeat is not answered,
// if the agent loses its mission, or if memory has grown.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"missioncontrol/test/process"
)

func main() {
	minutes := flag.Float64("minutes", 10, "how long")
	binary := flag.String("supervisor", "bin/supervisor", "the program to overload")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *binary, time.Duration(*minutes*float64(time.Minute))); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// mostGrowth is the maximum ratio of memory in the last quarter of the run to the
// first, which includes the start.
const mostGrowth = 1.5

// maxLogs limits what is printed of the supervisor's logs, in bytes.
const maxLogs = 8 << 10

func run(ctx context.Context, binary string, duration time.Duration) error {
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	p, err := process.Start(ctx, binary, "--data-dir", dir, "--http", "off", "--retention", "1s")
	if err != nil {
		return err
	}
	defer p.Kill()
	quiet, err := newQuietAgent(ctx, p.Broker)
	if err != nil {
		return err
	}
	load, calm := context.WithTimeout(ctx, duration)
	defer calm()
	f := newFlood(p.Broker)
	ended := make(chan error, 1)
	go func() { ended <- f.run(load) }()
	c, err := watch(load, p, quiet, f, duration)
	calm()
	if flooded := <-ended; err == nil {
		err = flooded
	}
	if err != nil {
		logs := p.Logs.String()
		return fmt.Errorf("%w\n%s", err, logs[max(0, len(logs)-maxLogs):])
	}
	return c.verdict()
}

// curve holds measurements at equal intervals.
type curve struct{ rss []int64 }

// watch prints a line every few seconds until ctx ends.
func watch(ctx context.Context, p *process.Supervisor, quiet *quietAgent, f *flood, duration time.Duration) (c curve, err error) {
	every := min(5*time.Second, duration/12)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	begun := time.Now()
	fmt.Println("   time      RSS   answered/s   refused/s   late/s     health   heartbeat")
	for last := (counts{}); ; {
		select {
		case <-ticker.C:
		case <-p.Exited:
			return c, fmt.Errorf("the supervisor died after %s", time.Since(begun).Round(time.Second))
		case <-ctx.Done():
			return c, nil
		}
		health, beat, err := quiet.look(ctx)
		if ctx.Err() != nil {
			return c, nil
		}
		if err != nil {
			return c, fmt.Errorf("after %s: %w", time.Since(begun).Round(time.Second), err)
		}
		rss, err := residentMemory(p.Cmd.Process.Pid)
		if err != nil {
			return c, err
		}
		c.rss = append(c.rss, rss)
		now := f.counts()
		perSecond := func(n int64) float64 { return float64(n) / every.Seconds() }
		fmt.Printf("%7s %5d MiB %12.0f %11.0f %8.0f %10s %11s\n", time.Since(begun).Round(time.Second), rss>>20,
			perSecond(now.answered-last.answered), perSecond(now.refused-last.refused), perSecond(now.late-last.late),
			health.Round(time.Millisecond), beat.Round(time.Millisecond))
		last = now
	}
}

// verdict compares the last quarter with the first.
func (c curve) verdict() error {
	quarter := len(c.rss) / 4
	if quarter == 0 {
		return nil // it was interrupted
	}
	first, last := mean(c.rss[:quarter]), mean(c.rss[len(c.rss)-quarter:])
	fmt.Printf("\nmemory: %.0f MiB in the first quarter, %.0f MiB in the last: ratio %.2f\n", first/(1<<20), last/(1<<20), last/first)
	if last > mostGrowth*first {
		return fmt.Errorf("memory has grown by more than %.1f", mostGrowth)
	}
	return nil
}

func mean(all []int64) float64 {
	sum := 0.0
	for _, n := range all {
		sum += float64(n)
	}
	return sum / float64(len(all))
}
