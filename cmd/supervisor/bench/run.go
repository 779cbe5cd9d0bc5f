package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jedib0t/go-pretty/v6/progress"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// benchRun is a load in progress.
type benchRun struct {
	console *ui.Console
	session *remote.Session
	flags   *benchFlags
	prefix  string // of the missions' ids

	begun   time.Time
	created atomic.Int64 // confirmed missions
	done    atomic.Int64
	all     chan struct{} // closed when every mission is completed
	bar     *ui.ProgressBar

	// By mission: when its creation was requested, and how long it took until an agent
	// had it. Nanoseconds since begun; 0 means not yet.
	asked, took []atomic.Int64

	mu        sync.Mutex
	requests  []float64 // seconds that each create request took
	createdIn time.Duration
	doneIn    time.Duration
	failed    int
	err       error // the first
}

func newBenchRun(c *ui.Console, s *remote.Session, f *benchFlags) *benchRun {
	return &benchRun{
		console: c, session: s, flags: f, prefix: "bench-" + uuid.NewString()[:8] + "-", all: make(chan struct{}),
		asked: make([]atomic.Int64, f.missions), took: make([]atomic.Int64, f.missions),
	}
}

// run creates the missions and returns when all are completed.
func (r *benchRun) run(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	agents, err := r.startAgents(ctx, end)
	defer agents.Wait()
	defer end(nil)
	if err != nil {
		return err
	}
	r.bar = ui.NewProgressBar(r.console.Err, "Missions done", int64(r.flags.missions), progress.UnitsDefault)
	defer r.bar.Stop()
	r.begun = time.Now()
	r.createAll(ctx)
	if r.err != nil {
		return fmt.Errorf("after %s: %w", ui.Plural(r.created.Load(), "mission", "missions"), r.err)
	}
	select {
	case <-r.all:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// startAgents starts the agents, each on its own connection. They end with ctx. They call
// end if the broker does not let them be agents.
func (r *benchRun) startAgents(ctx context.Context, end context.CancelCauseFunc) (*sync.WaitGroup, error) {
	var agents sync.WaitGroup
	for i := range r.flags.agents {
		id := r.prefix + strconv.Itoa(i)
		nc, err := remote.ConnectAgent(r.console, r.session.Broker, id, end)
		if err != nil {
			return &agents, err
		}
		agents.Go(func() {
			defer nc.Close()
			err := agent.Run(ctx, nc, agent.Config{
				ID: id, Name: "bench", Role: "bench", Types: []string{r.flags.kind}, Concurrency: r.flags.concurrency,
				Logger: slog.New(slog.DiscardHandler), Handler: r.handle,
			})
			if err != nil {
				end(err)
			}
		})
	}
	return &agents, nil
}

// handle only records when the mission arrived.
func (r *benchRun) handle(_ context.Context, t *agent.Task) (any, error) {
	i, ours := r.number(t.Mission.ID)
	if !ours {
		return nil, nil
	}
	if !r.took[i].CompareAndSwap(0, max(1, int64(time.Since(r.begun))-r.asked[i].Load())) {
		return nil, nil // a second attempt
	}
	r.bar.Advance(1)
	if r.done.Add(1) == int64(r.flags.missions) {
		r.mu.Lock()
		r.doneIn = time.Since(r.begun)
		r.mu.Unlock()
		close(r.all)
	}
	return nil, nil
}

// createAll runs the concurrent callers until all missions are created or a request
// fails.
func (r *benchRun) createAll(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var next atomic.Int64
	var callers sync.WaitGroup
	for range r.flags.callers {
		callers.Go(func() {
			for ctx.Err() == nil {
				last := int(next.Add(int64(r.flags.batch)))
				first := last - r.flags.batch
				if first >= r.flags.missions {
					return
				}
				if err := r.create(ctx, first, min(last, r.flags.missions)); err != nil && ctx.Err() == nil {
					r.fail(err)
					cancel()
				}
			}
		})
	}
	callers.Wait()
	r.mu.Lock()
	r.createdIn = time.Since(r.begun)
	r.mu.Unlock()
}

func (r *benchRun) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed++
	if r.err == nil {
		r.err = err
	}
}

// benchData returns a mission's data.
func benchData(payload int) []byte {
	return slices.Concat([]byte(`{"load":"`), bytes.Repeat([]byte("x"), payload), []byte(`"}`))
}

// create creates the missions from first up to but not including end.
func (r *benchRun) create(ctx context.Context, first, end int) error {
	specs := make([]api.MissionSpec, 0, end-first)
	now := int64(time.Since(r.begun))
	for i := first; i < end; i++ {
		r.asked[i].Store(now)
		specs = append(specs, api.MissionSpec{ID: r.id(i), Name: "bench", Type: r.flags.kind, Data: benchData(r.flags.payload)})
	}
	sent := time.Now()
	var err error
	if len(specs) == 1 {
		_, _, err = r.session.Client.Create(ctx, specs[0])
	} else {
		err = r.createBatch(ctx, specs)
	}
	if err != nil {
		return err
	}
	r.created.Add(int64(len(specs)))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, time.Since(sent).Seconds())
	return nil
}

func (r *benchRun) createBatch(ctx context.Context, specs []api.MissionSpec) error {
	results, err := r.session.Client.CreateBatch(ctx, specs)
	var refused []error
	for i := range results {
		if refusal := results[i].Error; refusal != nil {
			refused = append(refused, refusal)
		}
	}
	if len(refused) > 0 {
		return refused[0]
	}
	return err
}

// number returns the index of a mission. It returns false for a mission of the same type
// that this run did not create.
func (r *benchRun) number(id string) (int, bool) {
	digits, ours := strings.CutPrefix(id, r.prefix)
	i, err := strconv.Atoi(digits)
	return i, ours && err == nil && i >= 0 && i < len(r.took)
}

func (r *benchRun) id(i int) string { return fmt.Sprintf("%s%07d", r.prefix, i) }

// clean deletes the run's missions and returns how many are left.
func (r *benchRun) clean(ctx context.Context) int {
	var next, left atomic.Int64
	var callers sync.WaitGroup
	for range 32 {
		callers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= r.flags.missions {
					return
				}
				if r.asked[i].Load() == 0 {
					continue
				}
				if _, err := r.session.Client.Delete(ctx, r.id(i)); err != nil && !errors.Is(err, api.ErrNotFound) {
					left.Add(1)
				}
			}
		})
	}
	callers.Wait()
	return int(left.Load())
}

// report summarizes the measurements. Call it after run has returned.
func (r *benchRun) report() benchReport {
	var toAgent []float64
	for i := range r.took {
		if ns := r.took[i].Load(); ns > 0 {
			toAgent = append(toAgent, float64(ns)/1e9)
		}
	}
	took := r.doneIn
	if took == 0 {
		took = time.Since(r.begun) // interrupted
	}
	f, done := r.flags, int(r.done.Load())
	return benchReport{
		Missions: done, Failed: r.failed, Agents: f.agents, Concurrency: f.concurrency, Callers: f.callers, Batch: f.batch,
		PayloadBytes: f.payload, Seconds: took.Seconds(), MissionsPerSecond: float64(done) / took.Seconds(),
		CreatesPerSecond: float64(r.created.Load()) / max(r.createdIn.Seconds(), 1e-9),
		Create:           latenciesOf(r.requests), ToAgent: latenciesOf(toAgent),
	}
}

// latencies are percentiles in seconds.
type latencies struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// latenciesOf sorts the measurements and returns their percentiles, all 0 if there are
// none.
func latenciesOf(all []float64) latencies {
	if len(all) == 0 {
		return latencies{}
	}
	slices.Sort(all)
	at := func(p float64) float64 { return all[int(math.Ceil(p*float64(len(all))))-1] }
	return latencies{P50: at(0.50), P95: at(0.95), P99: at(0.99), Max: all[len(all)-1]}
}

func (l latencies) String() string {
	ms := func(s float64) string {
		return strconv.FormatFloat(s*1e3, 'f', 2, 64) + " ms"
	}
	return fmt.Sprintf("p50 %s   p95 %s   p99 %s   max %s", ms(l.P50), ms(l.P95), ms(l.P99), ms(l.Max))
}
