package agentcheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"missioncontrol/supervisor/api"
)

// testAgent is a small agent that keeps to the protocol, unless it is a mutant.
type testAgent struct {
	mutant string
	line   line
	terms  api.Registered

	beatNow chan struct{}

	mu       sync.Mutex
	held     map[string]*holding
	free     int
	changed  chan struct{}
	draining bool
	handlers sync.WaitGroup
}

// holding is a mission that the agent works on.
type holding struct {
	api.LeaseRef
	ctx    context.Context
	cancel context.CancelFunc
	ends   time.Time
	told   int // the number of the last signal
	seen   int
}

// line is a way to the supervisor.
type line interface {
	ask(ctx context.Context, verb string, request, reply any) error

	// listen calls command for each command, and connected when commands are received.
	listen(ctx context.Context, command func(api.Command), connected func())
}

const slots = 2

func (a *testAgent) is(mutant string) bool { return a.mutant == mutant }

// run runs the agent until SIGTERM, and returns its exit code.
func (a *testAgent) run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	life, die := context.WithCancel(context.Background())
	defer die()
	a.held, a.free, a.changed, a.beatNow = map[string]*holding{}, slots, make(chan struct{}), make(chan struct{}, 1)
	a.register(ctx)
	var loops sync.WaitGroup
	loops.Go(func() { a.beat(life) })
	if !a.is("deaf") {
		loops.Go(func() { a.line.listen(life, func(c api.Command) { a.command(life, c) }, a.soon) })
	}
	a.claim(ctx)
	if a.is("does not drain") {
		return 1
	}
	a.mu.Lock()
	a.draining = !a.is("does not say that it drains")
	a.mu.Unlock()
	a.soon()
	a.handlers.Wait()
	die()
	loops.Wait()
	if !a.is("does not leave") {
		_ = a.line.ask(context.Background(), api.AgentLeave, api.Empty{}, nil)
	}
	return 0
}

func (a *testAgent) register(ctx context.Context) {
	request := map[string]any{"name": "test agent", "types": []string{missionType}, "capacity": slots}
	if a.is("misspells") {
		request["typs"] = request["types"]
		delete(request, "types")
	}
	for a.line.ask(ctx, api.AgentRegister, request, &a.terms) != nil && sleep(ctx, tick) == nil {
	}
	if a.is("beats at an interval of its own") {
		a.terms.HeartbeatSeconds = 30
	}
}

// soon has a heartbeat sent at once.
func (a *testAgent) soon() {
	select {
	case a.beatNow <- struct{}{}:
	default:
	}
}

func (a *testAgent) beat(ctx context.Context) {
	for {
		select {
		case <-time.After(time.Duration(a.terms.HeartbeatSeconds * float64(time.Second))):
		case <-a.beatNow:
		case <-ctx.Done():
			return
		}
		a.mu.Lock()
		busy := len(a.held) > 0
		a.mu.Unlock()
		if !(busy && a.is("does not beat while busy")) {
			a.beatOnce(ctx)
		}
		a.dropOverdue()
	}
}

func (a *testAgent) beatOnce(ctx context.Context) {
	a.mu.Lock()
	request := api.HeartbeatRequest{Running: &[]api.Held{}, Draining: a.draining}
	listed := slices.Collect(maps.Values(a.held))
	for _, h := range listed {
		held := api.Held{LeaseRef: h.LeaseRef, Seen: h.seen}
		if a.is("wrong lease in heartbeats") {
			held.Lease++
		}
		*request.Running = append(*request.Running, held)
	}
	if a.is("lists nothing") {
		*request.Running = []api.Held{}
	}
	a.mu.Unlock()
	sent := time.Now()
	timeout, cancel := context.WithTimeout(ctx, time.Duration(a.terms.LeaseSeconds/2*float64(time.Second)))
	defer cancel()
	var answer api.HeartbeatReply
	err := a.line.ask(timeout, api.AgentHeartbeat, request, &answer)
	if errors.Is(err, api.ErrNotFound) && !a.is("never registers again") {
		a.register(ctx)
	}
	if err != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, h := range listed {
		cancelled := slices.Contains(answer.Cancel, h.MissionID) && !a.is("ignores cancel")
		lost := slices.Contains(answer.Lost, h.MissionID) && !a.is("ignores lost")
		if cancelled || lost {
			a.drop(h)
		}
		h.ends = sent.Add(time.Duration(a.terms.LeaseSeconds * float64(time.Second)))
	}
	for _, s := range answer.Signals {
		if h := a.held[s.MissionID]; h != nil && s.Seq > h.told && !a.is("reads no signals") {
			h.told = s.Seq
			a.handlers.Go(func() { a.read(h) })
		}
	}
}

// drop stops the work on a mission. mu is held.
func (a *testAgent) drop(h *holding) {
	if a.held[h.MissionID] == h {
		delete(a.held, h.MissionID)
	}
	h.cancel()
}

func (a *testAgent) dropOverdue() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, h := range a.held {
		if time.Now().After(h.ends) && !a.is("works on after the lease") {
			a.drop(h)
		}
	}
}

func (a *testAgent) read(h *holding) {
	var signals api.Signals
	if a.line.ask(h.ctx, api.AgentSignals, api.SignalsRequest{LeaseRef: h.LeaseRef}, &signals) != nil || a.is("acknowledges no signals") {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	h.seen = signals.Signals[len(signals.Signals)-1].Seq
}

func (a *testAgent) command(ctx context.Context, c api.Command) {
	switch {
	case c.Command == api.CommandCancel && !a.is("deaf to cancel"):
		a.soon()
	case c.Command != api.CommandSignal && a.is("chokes on commands"):
		os.Exit(3)
	}
}

// claim claims missions until ctx ends.
func (a *testAgent) claim(ctx context.Context) {
	for ctx.Err() == nil {
		a.mu.Lock()
		free, changed := a.free, a.changed
		a.mu.Unlock()
		if a.is("claims above its capacity") {
			free = slots
		}
		if free == 0 {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		var given struct{ Missions []json.RawMessage }
		timeout, cancel := context.WithTimeout(ctx, 8*time.Second)
		err := a.line.ask(timeout, api.AgentClaim, api.ClaimRequest{Max: free, WaitSeconds: 5}, &given)
		cancel()
		switch {
		case (errors.Is(err, api.ErrNotFound) || errors.Is(err, api.ErrConflict)) && !a.is("never registers again"):
			a.register(ctx)
		case err != nil:
			_ = sleep(ctx, tick)
		}
		for _, raw := range given.Missions {
			a.begin(raw)
		}
	}
}

func (a *testAgent) begin(raw []byte) {
	var m struct {
		ID    string
		Lease int64
		Data  work
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if err := decoder.Decode(&m); err != nil {
		panic(err)
	}
	if a.is("chokes on fields") && bytes.Contains(raw, []byte("x_later_version")) {
		os.Exit(3)
	}
	h := &holding{LeaseRef: api.LeaseRef{MissionID: m.ID, Lease: m.Lease}, ends: time.Now().Add(time.Duration(a.terms.LeaseSeconds * float64(time.Second)))}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	a.mu.Lock()
	a.held[m.ID] = h
	a.free--
	a.mu.Unlock()
	a.handlers.Go(func() {
		if sleep(h.ctx, time.Duration(m.Data.WorkSeconds*float64(time.Second))) == nil {
			a.report(h, m.Data)
		}
		h.cancel()
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.held[m.ID] == h {
			delete(a.held, m.ID)
		}
		a.free++
		close(a.changed)
		a.changed = make(chan struct{})
	})
}

// report reports until there is an answer or the lease is over.
func (a *testAgent) report(h *holding, data work) {
	verb, request := api.AgentComplete, map[string]any{"mission_id": h.MissionID, "lease": h.Lease, "result": data.Result}
	switch {
	case data.Fail != "" && a.is("hides errors"):
		verb, request = api.AgentFail, map[string]any{"mission_id": h.MissionID, "lease": h.Lease, "error": "failed"}
	case data.Fail != "":
		verb, request = api.AgentFail, map[string]any{"mission_id": h.MissionID, "lease": h.Lease, "error": data.Fail, "retryable": !data.Permanent || a.is("retries for ever")}
	}
	switch {
	case a.is("wrong lease"):
		request["lease"] = 1
	case a.is("loses results"):
		delete(request, "result")
	}
	for try := 0; h.ctx.Err() == nil; try++ {
		if a.is("changes a repeated report") {
			request["usage"] = map[string]any{"tries": try}
		}
		timeout, cancel := context.WithTimeout(h.ctx, time.Second)
		err := a.line.ask(timeout, verb, request, nil)
		cancel()
		var refusal *api.Error
		switch {
		case err == nil, a.is("drops a lost report"):
			return
		case errors.As(err, &refusal) && refusal.Status() < 500 && !a.is("insists"):
			return
		}
		if sleep(h.ctx, 2*tick) != nil {
			return
		}
	}
}

// runTestAgent runs an agent over HTTP if there is a URL for that, and else over NATS.
func runTestAgent(mutant string) int {
	a := &testAgent{mutant: mutant}
	var err error
	if url := os.Getenv("CHECK_HTTP_URL"); url != "" {
		a.line = &httpLine{url: url + "/api/agents/" + os.Getenv("CHECK_AGENT_ID") + "/", token: os.Getenv("CHECK_TOKEN"), mutant: mutant}
	} else {
		a.line, err = newNATSLine(os.Getenv("CHECK_NATS_URL"), os.Getenv("CHECK_AGENT_ID"), mutant)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return a.run()
}
