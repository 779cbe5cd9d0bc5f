package browser

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// fleet is a supervisor after some work: with agents, and missions in every state.
func fleet(t *testing.T, args ...string) *supervisor {
	t.Helper()
	s := start(t, args...)
	hold := make(chan struct{})
	for i, id := range []string{"render-1", "render-2", "mail-1"} {
		types := []string{"render", "thumbnail"}
		if i == 2 {
			types = []string{"mail"}
		}
		s.works(agent.Config{ID: id, Name: id, Types: types, Concurrency: 3, Version: "2.4.1", Host: fmt.Sprint("worker-", i+1), Role: "worker",
			Handler: func(ctx context.Context, task *agent.Task) (any, error) { return work(ctx, task, hold) }})
	}
	t.Cleanup(func() { close(hold) }) // before the agents are awaited
	s.batch("thumbnail", "Thumbnail of asset %d", 40, "")
	s.batch("render", "Render scene %d", 24, `,"priority":"HIGH","tags":["film","draft"]`)
	s.batch("mail", "Newsletter, part %d", 18, `,"tags":["newsletter"]`)
	s.batch("mail", "Bad archive %d", 3, "")
	s.batch("render", "Bad scene %d", 2, `,"tags":["film"]`)
	s.batch("thumbnail", "Bad asset %d", 1, "")
	s.batch("render", "Slow trailer, cut %d", 4, `,"priority":"CRITICAL","tags":["film"],"description":"The trailer in four cuts, for review."`)
	s.batch("translate", "Translate chapter %d", 9, `,"priority":"LOW"`)
	s.asks("nightly-report", 12)
	s.asks("status-board", 31)
	s.awaitCounts(func(c *api.Status) bool {
		return c.CompletedMissions == 82 && c.FailedMissions == 6 && c.RunningMissions == 4
	})
	return s
}

// work is the handler of a fleet's agents.
func work(ctx context.Context, task *agent.Task, hold <-chan struct{}) (any, error) {
	_ = task.Log("info", "fetching the source", nil)
	switch {
	case strings.HasPrefix(task.Mission.Name, "Slow"):
		_ = task.Progress(42, "frame 504 of 1200")
		_ = task.Log("warn", "the cache is cold: reading from the origin", map[string]any{"region": "eu-central"})
		select {
		case <-hold:
		case <-ctx.Done():
		}
		return nil, ctx.Err()
	case strings.HasPrefix(task.Mission.Name, "Bad scene"):
		_ = task.Log("error", "the frame buffer cannot be allocated", nil)
		return nil, agent.Permanent(errors.New("out of memory: 6.2 GiB of 4 GiB\nframe 812 of 1440"))
	case strings.HasPrefix(task.Mission.Name, "Bad asset"):
		return nil, agent.Permanent(errors.New("the origin answered 404 for s3://assets/1.png"))
	case strings.HasPrefix(task.Mission.Name, "Bad"):
		_ = task.Log("error", "the archive ends early", nil)
		return nil, agent.Permanent(errors.New("unexpected end of archive at byte 10,485,760"))
	}
	return map[string]any{"bytes": 48213, "seconds": 1.25, "path": "/out/" + task.Mission.ID + ".webp", "cached": false}, nil
}

// batch creates n missions with their number in the name.
func (s *supervisor) batch(kind, name string, n int, more string) {
	s.t.Helper()
	var items []string
	for i := range n {
		items = append(items, fmt.Sprintf(`{"name":%q,"type":%q,"data":{"source":"s3://assets/%d.png","width":%d}%s}`,
			fmt.Sprintf(name, i+1), kind, i+1, 320*(i+1), more))
	}
	s.post(`{"missions":[` + strings.Join(items, ",") + `]}`)
}

// asks requests the status n times, under a client name.
func (s *supervisor) asks(name string, n int) {
	s.t.Helper()
	nc := s.connect(name)
	for range n {
		_, err := nc.RequestMsg(&nats.Msg{Subject: api.SubjectStatus, Header: nats.Header{api.HeaderClient: {name}}}, testTimeout)
		must(s.t, err)
	}
}

// awaitCounts waits until the mission counts are as wanted.
func (s *supervisor) awaitCounts(wanted func(*api.Status) bool) {
	s.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	c := s.client()
	for deadline := time.After(testTimeout); ; {
		status, err := c.Status(s.t.Context())
		must(s.t, err)
		if wanted(&status) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("the missions stand at %+v", status)
		}
	}
}

// find returns the ID of the mission with a name.
func (s *supervisor) find(name string) string {
	s.t.Helper()
	list, err := s.client().List(s.t.Context(), api.ListRequest{Text: name})
	must(s.t, err)
	if len(list.Missions) != 1 {
		s.t.Fatalf("%d missions are called %s", len(list.Missions), name)
	}
	return list.Missions[0].ID
}

func (s *supervisor) mission(id string) missions.Mission {
	s.t.Helper()
	m, err := s.client().Get(s.t.Context(), id)
	must(s.t, err)
	return m
}
