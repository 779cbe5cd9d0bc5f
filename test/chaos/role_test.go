//go:build chaos

package chaos

import (
	"context"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"missioncontrol/test/chaos/check"
)

// part holds the parameters of an agent or client.
type part struct {
	role string
	id   string
	urls string // of brokers, or of supervisors for HTTP
	dir  string // for its history
	seed uint64
	flow bool // whether it uses what missions wait for, keep and spend
}

// arguments returns the parameters as arguments for play.
func (p part) arguments() []string {
	return []string{"role", "-role", p.role, "-id", p.id, "-urls", p.urls, "-dir", p.dir, "-seed", fmt.Sprint(p.seed), fmt.Sprint("-flow=", p.flow)}
}

// play is the program of an agent or a client. It exits on SIGTERM.
func play(args []string) {
	var p part
	flags := flag.NewFlagSet("role", flag.ExitOnError)
	flags.StringVar(&p.role, "role", "", "agent, client or web")
	flags.StringVar(&p.id, "id", "", "its name")
	flags.StringVar(&p.urls, "urls", "", "where to connect")
	flags.StringVar(&p.dir, "dir", "", "where its history goes")
	flags.Uint64Var(&p.seed, "seed", 1, "what it does at random")
	flags.BoolVar(&p.flow, "flow", true, "see the suite's flag")
	_ = flags.Parse(args) // exits by itself
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	rec, err := check.Record(p.dir, p.id, monotonic)
	if err != nil {
		log.Fatal(err)
	}
	c := &caller{who: p.id, rec: rec}
	dice := rand.New(rand.NewPCG(p.seed, uint64(rec.Life())))
	switch p.role {
	case "agent":
		nc := dial(p.urls, "agent:"+p.id)
		defer nc.Close()
		c.entry = overNATS{nc, p.id}
		a := newAgent(c, dice)
		if p.flow {
			a.types = append(slices.Clone(kinds), flowKind)
		}
		a.run(ctx)
	case "client":
		nc := dial(p.urls, p.id)
		defer nc.Close()
		c.entry = overNATS{nc: nc}
		habits := everything
		if p.flow {
			habits = slices.Concat(habits, flowing, scheduling)
		}
		newClient(c, dice).run(ctx, habits)
	case "web":
		c.entry = overHTTP{strings.Split(p.urls, ",")}
		habits := simple
		if p.flow {
			habits = append(slices.Clone(habits), simpleFlowing...)
		}
		newClient(c, dice).run(ctx, habits)
	default:
		log.Fatalf("no such role: %q", p.role)
	}
	if err := rec.Close(); err != nil {
		log.Fatal(err)
	}
	os.Exit(0)
}

// pause waits for about the given time, or until ctx ends.
func pause(ctx context.Context, dice *rand.Rand, about time.Duration) {
	timer := time.NewTimer(time.Duration(float64(about) * (0.5 + dice.Float64())))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
