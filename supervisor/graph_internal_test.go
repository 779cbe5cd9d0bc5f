package supervisor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// related is a store of missions that are related to each other.
type related struct {
	missions.Store
	byID  map[string]missions.Mission
	reads int
}

// add adds a mission that waits or waited for sources: missions, and batches with a + before
// their id.
func (s *related) add(id, parent, batch string, sources ...string) {
	m := missions.Mission{ID: id, Name: id, Type: "t", Status: missions.Pending, Flow: &missions.Flow{ParentID: parent, Batch: batch}}
	for i, source := range sources {
		wait := missions.Wait{Condition: missions.Condition{Mission: source}}
		if of, isBatch := strings.CutPrefix(source, "+"); isBatch {
			wait.Condition = missions.Condition{Batch: of}
		}
		if i%2 == 0 {
			m.WaitingFor = append(m.WaitingFor, wait)
		} else {
			m.WaitedFor = append(m.WaitedFor, wait)
		}
	}
	s.byID[id] = m
}

func (s *related) Get(_ context.Context, id string) (missions.Mission, error) {
	s.reads++
	m, there := s.byID[id]
	if !there {
		return m, missions.NotFound("mission", id)
	}
	return m, nil
}

func (s *related) List(_ context.Context, f missions.Filter) (page missions.Page, _ error) {
	s.reads++
	all := slices.Sorted(maps.Keys(s.byID))
	for i, id := range all {
		if int64(i) < f.Cursor {
			continue
		}
		if i >= int(f.Cursor)+700 { // pages end early
			page.Next = int64(i)
			break
		}
		m := s.byID[id]
		waits := slices.ContainsFunc(append(slices.Clone(m.WaitingFor), m.WaitedFor...), func(w missions.Wait) bool {
			return w.Mission == f.After.Mission && w.Batch == f.After.Batch
		})
		if f.ParentID != "" && m.ParentID == f.ParentID || f.Batch != "" && m.Batch == f.Batch || f.After.Source() != "" && waits {
			page.Missions = append(page.Missions, m)
		}
	}
	return page, nil
}

func graphIn(t *testing.T, s *related, id string, until time.Time) api.Graph {
	t.Helper()
	g, err := graphOf(t.Context(), s, id, until)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// described returns the ids of a graph's missions, and its edges, sorted.
func described(g *api.Graph) (found, edges string) {
	var ids, lines []string
	for i := range g.Missions {
		ids = append(ids, g.Missions[i].ID)
	}
	for _, e := range g.Edges {
		lines = append(lines, fmt.Sprintf("%s-%s%s-%s", e.From, e.Kind, e.Batch, e.To))
	}
	slices.Sort(lines)
	return strings.Join(ids, " "), strings.Join(lines, " ")
}

// A graph has what lies before and behind a mission, and neither what else depends on what
// is before it nor what else is before what depends on it.
func TestAGraphHasWhatIsBeforeAndBehind(t *testing.T) {
	t.Parallel()
	s := &related{byID: map[string]missions.Mission{}}
	s.add("source", "", "")
	s.add("build", "", "", "source")
	s.add("docs", "", "", "source") // beside it
	s.add("test-1", "", "tests", "build")
	s.add("test-2", "", "tests", "build", "gone") // deleted
	s.add("deploy", "", "release", "+tests", "build")
	s.add("smoke", "deploy", "")
	s.add("announce", "", "", "deploy", "docs")
	s.add("report", "", "", "+release")
	s.add("elsewhere", "", "")

	later := time.Now().Add(time.Hour)
	g := graphIn(t, s, "deploy", later)
	found, edges := described(&g)
	if want := "deploy test-1 test-2 build smoke announce report source"; found != want {
		t.Errorf("found %s, want %s", found, want)
	}
	want := "build-after-deploy build-after-test-1 build-after-test-2 deploy-after-announce deploy-batchrelease-report deploy-parent-smoke " +
		"source-after-build test-1-batchtests-deploy test-2-batchtests-deploy"
	if edges != want || g.Truncated {
		t.Errorf("edges %s, want %s, truncated: %t", edges, want, g.Truncated)
	}
	if g := graphIn(t, s, "elsewhere", later); len(g.Missions) != 1 || g.Edges == nil || len(g.Edges) != 0 || g.Truncated {
		t.Errorf("%+v", g)
	}
}

// However large a graph is, a part of it costs a bounded amount of work.
func TestALargeGraphIsTruncated(t *testing.T) {
	t.Parallel()
	fan, chain := &related{byID: map[string]missions.Mission{}}, &related{byID: map[string]missions.Mission{}}
	for i := range 2000 {
		fan.add(fmt.Sprintf("t-%04d", i), "", "tests")
		chain.add(fmt.Sprintf("t-%04d", i), "", "", fmt.Sprintf("t-%04d", i+1))
	}
	fan.add("end", "", "", "+tests")
	for name, c := range map[string]struct {
		*related
		id           string
		least, reads int
	}{"fan": {fan, "end", 1000, 10}, "chain": {chain, "t-0000", 1000, 1010}, "from its middle": {chain, "t-1000", 800, graphReads + 1}} {
		g := graphIn(t, c.related, c.id, time.Now().Add(time.Hour))
		n := len(g.Missions)
		if n > graphMissions || n < c.least || !g.Truncated || g.Missions[0].ID != c.id || len(g.Edges) != n-1 {
			t.Errorf("%s: %d missions, %d edges, truncated: %t", name, n, len(g.Edges), g.Truncated)
		}
		if c.reads < c.related.reads {
			t.Errorf("%s: %d reads", name, c.related.reads)
		}
		c.related.reads = 0
	}
	if g := graphIn(t, chain, "t-0000", time.Now()); !g.Truncated || len(g.Missions) != 1 {
		t.Errorf("when its time is up, it has %d missions, truncated: %t", len(g.Missions), g.Truncated)
	}
}
