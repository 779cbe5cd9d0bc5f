package browser

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"missioncontrol/supervisor/agent"
)

// fleet fills a supervisor with what a day of work leaves.
func fleet(t *testing.T) *supervisor {
	t.Helper()
	s := start(t)
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	for i, id := range []string{"render-1", "render-2", "mail-1"} {
		kinds := []string{"render", "thumbnail"}
		if i == 2 {
			kinds = []string{"mail"}
		}
		s.works(agent.Config{ID: id, Name: id, Types: kinds, Concurrency: 3, Version: "2.4.1", Host: "worker-" + fmt.Sprint(i+1), Role: "worker",
			Handler: func(ctx context.Context, task *agent.Task) (any, error) {
				task.Log("info", "fetching the source", nil)
				switch {
				case strings.HasPrefix(task.Mission.Name, "Slow"):
					task.Progress(42, "frame 504 of 1200")
					task.Log("warn", "the cache is cold: reading from the origin", map[string]any{"region": "eu-central"})
					select {
					case <-hold:
					case <-ctx.Done():
					}
					return nil, ctx.Err()
				case strings.HasPrefix(task.Mission.Name, "Bad"):
					task.Log("error", "the archive ends early", nil)
					return nil, agent.Permanent(errors.New("unexpected end of archive at byte 10,485,760"))
				}
				return map[string]any{"bytes": 48213, "seconds": 1.25, "path": "/out/" + task.Mission.ID + ".webp", "cached": false}, nil
			}})
	}
	batch := func(kind, name string, n int, more string) {
		var items []string
		for i := range n {
			items = append(items, fmt.Sprintf(`{"name":%q,"type":%q,"data":{"source":"s3://assets/%d.png","width":%d}%s}`, fmt.Sprintf(name, i+1), kind, i+1, 320*(i+1), more))
		}
		s.post(`{"missions":[` + strings.Join(items, ",") + `]}`)
	}
	batch("thumbnail", "Thumbnail of asset %d", 40, "")
	batch("render", "Render scene %d", 24, `,"priority":"HIGH","tags":["film","draft"]`)
	batch("mail", "Newsletter, part %d", 18, `,"tags":["newsletter"]`)
	batch("mail", "Bad archive %d", 3, "")
	batch("render", "Slow trailer, cut %d", 4, `,"priority":"CRITICAL","tags":["film"],"description":"The trailer in four cuts, for review."`)
	batch("translate", "Translate chapter %d", 9, `,"priority":"LOW"`)
	return s
}

func TestShots(t *testing.T) {
	s := fleet(t)
	b := openTab(t, s.http, wide)
	b.open("overview", "Overview")
	time.Sleep(4 * time.Second)
	b.shoot("overview")
	for _, p := range [][2]string{{"missions", "Missions"}, {"agents", "Agents"}, {"events", "Events"}, {"alerts", "Alerts"}, {"queries", "Queries"}} {
		b.open(p[0], p[1])
		time.Sleep(1500 * time.Millisecond)
		b.shoot(p[0])
	}
}
