//go:build chaos

package chaos

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"missioncontrol/test/chaos/check"
)

var (
	minutes = flag.Float64("minutes", 0.2, "how long faults happen in TestChaos, in minutes")
	seed    = flag.Uint64("seed", 0, "what happens; 0: another each time")
	where   = flag.String("site", "", "one site of sqlite, redis, redis-partitions and sqlite-cluster; without, the first two")
	leader  = flag.Bool("leader", false, "on Redis, kill the supervisor that leads every few seconds")
	flow    = flag.Bool("flow", true, "a part of the missions wait for others and for signals, report checkpoints and usage, and have children")
	keep    = flag.String("keep", "", "a directory to keep everything in; without, it is kept only of a run that fails")
)

// The programs, built once for all tests.
var supervisorBinary, brokerBinary string

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "role" {
		play(os.Args[2:])
	}
	flag.Parse()
	dir, err := os.MkdirTemp("", "missioncontrol-chaos")
	if err != nil {
		panic(err)
	}
	code := 1
	if err := build(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func build(dir string) error {
	supervisorBinary, brokerBinary = filepath.Join(dir, "supervisor"), filepath.Join(dir, "nats-server")
	for target, source := range map[string]string{supervisorBinary: "../../cmd/supervisor", brokerBinary: "github.com/nats-io/nats-server/v2"} {
		cmd := exec.Command("go", "build", "-o", target, source)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build %s: %w", source, err)
		}
	}
	return nil
}

// Supervisors, brokers, Redis, agents and clients are killed, frozen, disconnected
// and run out of disk space at random. Afterwards every guarantee must hold.
func TestChaos(t *testing.T) {
	t.Parallel()
	sites := []string{"sqlite", "redis"}
	if *where != "" {
		sites = []string{*where}
	}
	for _, name := range sites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			drawn := *seed
			if drawn == 0 {
				drawn = uint64(time.Now().UnixNano()) % 1_000_000
			}
			chaos(t, name, drawn, time.Duration(*minutes*float64(time.Minute)))
		})
	}
}

// longRun is the minimum duration of a run with a broker outage that outlasts the
// duplicate window.
const longRun = 5 * time.Minute

// chaos is one run.
func chaos(t *testing.T, name string, seed uint64, duration time.Duration) {
	dir := kept(t, fmt.Sprintf("%s-%d", name, seed))
	t.Logf("seed %d, everything is in %s", seed, dir)
	l, there := layouts[name]
	if !there {
		t.Fatalf("there is no site %q", name)
	}
	s, err := newSite(dir, seed, l)
	must(t, err)
	defer s.close()
	r, err := newRun(s, t.Logf)
	must(t, err)
	must(t, s.start())
	if !r.awaitHealth("at the start") {
		t.Fatalf("the site does not come up: %v", r.trouble)
	}
	next := plan(seed, s.faults())
	if duration >= longRun && len(s.brokers) > 0 {
		r.mistreat(next, duration/2)
		r.outlast()
		duration /= 2
	}
	r.mistreat(next, duration)
	e, err := r.finish(2 * time.Minute)
	must(t, err)
	report(t, name, seed, e, check.Check(e))
}

// kept creates a directory that is kept if the test fails.
func kept(t *testing.T, name string) string {
	t.Helper()
	if *keep != "" {
		dir := filepath.Join(*keep, name)
		must(t, os.MkdirAll(dir, 0o700))
		return dir
	}
	dir, err := os.MkdirTemp("", "missioncontrol-chaos-"+name+"-")
	must(t, err)
	t.Cleanup(func() {
		if !t.Failed() {
			_ = os.RemoveAll(dir)
		}
	})
	return dir
}

// report prints the results of a run, and the shortest story for each violation.
func report(t *testing.T, name string, seed uint64, e *check.Evidence, violations []check.Violation) {
	t.Helper()
	kinds := map[string]int{}
	for _, f := range e.Faults {
		kinds[f.Kind]++
	}
	t.Logf("%s, seed %d: %+v; %d violations; faults: %v", name, seed, check.Count(e), len(violations), kinds)
	const most = 5
	for i, v := range violations {
		if i == most {
			t.Errorf("and %d violations more", len(violations)-most)
			break
		}
		t.Errorf("%s, seed %d: %s\n%s", name, seed, v, e.Story(v.Mission))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
