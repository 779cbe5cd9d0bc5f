package storetest

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
)

// SeedVariable names the environment variable that repeats a run of the model test,
// StepsVariable the one that makes the run longer, and RunsVariable the one that makes
// it more than one.
const (
	SeedVariable  = "STORETEST_SEED"
	StepsVariable = "STORETEST_STEPS"
	RunsVariable  = "STORETEST_RUNS"
)

// The model's time moves in ticks. Waits end between ticks and never at one, so it
// does not matter that a store's clock advances by itself.
const (
	tick       = 10 * time.Minute
	modelLease = 15 * time.Minute // renewed at one tick, ended at the second
	modelWait  = 5 * time.Minute  // backoff: over at the next tick
	modelStall = 25 * time.Minute // without progress for two ticks, ended at the third
)

// modelMission is the model's state of a mission.
type modelMission struct {
	id       string
	kind     string
	priority missions.Priority
	most     int
	stalls   bool

	status  missions.Status
	attempt int
	leader  string // also for a mission that has ended
	lease   int64
	waiting bool // in a backoff, until the next tick
	renewed int  // the tick of the last renewal
	missed  int  // consecutive heartbeats that did not list it
	moved   int  // the tick of the last progress

	modelFlow
	modelUnique
}

// model is a store in its simplest form: a list of missions by age.
type model struct {
	*fixture
	random   *rand.Rand
	missions []*modelMission
	held     []missions.LeaseRef // every lease ever granted, newest last
	holders  []string            // to which agent
	created  int
	ticks    int
	keys     map[string]*modelKey
}

var (
	modelAgents = map[string][]string{"a": {"x"}, "b": {"x", "y"}, "c": {"y"}}
	modelNames  = []string{"a", "b", "c"}
)

// testModel runs random operations on the store and the model side by side.
func testModel(s *suite) {
	options := defaults()
	options.Retry = missions.RetryPolicy{Base: modelWait, Max: modelWait}
	for run := range setting(s.t, RunsVariable, 1) {
		s.runWith(options, fmt.Sprintf("random operations %d", run), func(f *fixture) {
			seed, steps := setting(f, SeedVariable, uint64(time.Now().UnixNano())), setting(f, StepsVariable, 500)
			f.Logf("repeat this with %s=%d", SeedVariable, seed)
			m := &model{fixture: f, random: rand.New(rand.NewPCG(seed, run)), keys: map[string]*modelKey{}}
			for _, id := range modelNames {
				m.registerAgent(id)
			}
			for i := range steps {
				name := m.step()
				m.due()
				m.tell()
				if m.compare(); f.Failed() {
					f.Fatalf("the store and the model parted at step %d: %s", i, name)
				}
			}
			f.wantRecount()
		})
	}
}

func setting(t testing.TB, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// step does one random operation and returns its name.
func (m *model) step() string {
	operations := []struct {
		name   string
		weight int
		do     func()
	}{
		{"create", 18, m.create}, {"claim", 22, m.claim}, {"complete", 10, m.complete}, {"fail", 10, m.fail},
		{"give up", 4, m.giveUp}, {"release", 5, m.release}, {"progress", 8, m.progress}, {"heartbeat", 14, m.heartbeat}, {"cancel", 5, m.cancel},
		{"retry", 6, m.retry}, {"delete", 8, m.delete}, {"leave", 1, m.leave}, {"tick", 6, m.tick}, {"lose", 1, m.lose},
		{"park", 10, m.park}, {"signal", 6, m.signal}, {"spend", 6, m.spend}, {"reopen", 0, m.reopen},
	}
	operations[len(operations)-1].weight = m.random.IntN(2) * m.random.IntN(2)
	total := 0
	for _, o := range operations {
		total += o.weight
	}
	n := m.random.IntN(total)
	for _, o := range operations {
		if n -= o.weight; n < 0 {
			o.do()
			return o.name
		}
	}
	return ""
}

// compare checks every mission of the store against the model.
func (m *model) compare() {
	m.Helper()
	var got, want []string
	list := m.list(missions.Filter{})
	for i := range list {
		got = append(got, stored(&list[i]))
	}
	counts := map[missions.Status]int64{}
	running := map[string]int{}
	for _, x := range slices.Backward(m.missions) {
		want = append(want, x.is())
		counts[x.status]++
		if x.status == missions.Running {
			running[x.leader]++
		}
	}
	wantEqual(m.fixture, "missions", strings.Join(got, "\n"), strings.Join(want, "\n"))
	m.compareBatches()
	total, err := m.Store.Counts(m.ctx)
	m.must(err)
	for _, status := range missions.Statuses() {
		wantEqual(m.fixture, string(status), total.ByStatus[status], counts[status])
	}
	for _, a := range m.agents(missions.AgentFilter{}).Agents {
		wantEqual(m.fixture, "running on "+a.ID, a.MissionsRunning, running[a.ID])
	}
}

// any returns a random mission, and sometimes one that does not exist.
func (m *model) any() *modelMission {
	if len(m.missions) == 0 || m.random.IntN(20) == 0 {
		return &modelMission{id: "never-was"}
	}
	return m.missions[m.random.IntN(len(m.missions))]
}

// find returns the mission with an ID, or nil.
func (m *model) find(id string) *modelMission {
	for _, x := range m.missions {
		if x.id == id {
			return x
		}
	}
	return nil
}

func (m *model) registerAgent(id string) {
	m.Helper()
	_, err := m.Store.Register(m.ctx, missions.Agent{ID: id, Types: modelAgents[id], Capacity: 3}, 1000*time.Hour)
	m.must(err)
}

// back returns a mission to the queue.
func (x *modelMission) back() { x.status, x.leader = missions.Pending, "" }

// lost ends an attempt that failed.
func (x *modelMission) lost() {
	if x.attempt >= x.most {
		x.status = missions.Failed
		return
	}
	x.back()
}

// claimable returns what an agent would get, best first.
func (m *model) claimable(agent string) []*modelMission {
	var list []*modelMission
	for _, x := range m.missions {
		if x.status == missions.Pending && !x.waiting && !x.waits && slices.Contains(modelAgents[agent], x.kind) {
			list = append(list, x)
		}
	}
	slices.SortStableFunc(list, func(x, y *modelMission) int { return cmp.Compare(y.priority.Rank(), x.priority.Rank()) })
	return list
}
