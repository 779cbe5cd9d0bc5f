package python

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"

	"missioncontrol/charter"
	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Two agents work on missions, of which every tenth fails. One of them is killed twice, and
// the supervisor once in between. All missions end, each of them once, and as they should.
// PYTHON_MISSIONS is how many there are.
func TestNothingIsLostOrDoneTwice(t *testing.T) {
	t.Parallel()
	total := 200
	if text := os.Getenv("PYTHON_MISSIONS"); text != "" {
		var err error
		total, err = strconv.Atoi(text)
		must(t, err)
	}
	ports := streamtest.FreePorts(t, 2)
	dir := t.TempDir()
	args := []string{"--listen", fmt.Sprint("127.0.0.1:", ports[0]), "--http", fmt.Sprint("127.0.0.1:", ports[1]), "--lease", "5s", "--heartbeat", "1s"}
	s := startIn(t, dir, args...)
	fails := createJobs(t, s, total)
	mayfly := s.worker(t, s.HTTP, "mayfly")
	s.worker(t, s.HTTP, "steady")

	s.awaitEnds(t, total*15/100)
	mayfly.kill()
	mayfly = s.worker(t, s.HTTP, "mayfly")
	s.awaitEnds(t, total*4/10)
	s.Kill()
	s = startIn(t, dir, args...)
	s.awaitEnds(t, total*7/10)
	mayfly.kill()
	s.worker(t, s.HTTP, "mayfly")
	s.awaitEnds(t, total)

	await(t, "the last event", func(ctx context.Context) bool {
		health, err := s.client.Health(ctx)
		return err == nil && health.Checks.EventStream.Waiting == 0
	})
	ends := map[string][]string{}
	for _, event := range streamtest.Events(t, s.Broker, charter.TypeMissionStatusChanged) {
		var change struct {
			ID     string `json:"mission_id"`
			Status string `json:"new_status"`
		}
		must(t, json.Unmarshal(event.Payload, &change))
		if missions.Status(change.Status).Terminal() {
			ends[change.ID] = append(ends[change.ID], change.Status)
		}
	}
	if len(ends) != total {
		t.Errorf("%d of %d missions have ended", len(ends), total)
	}
	for id, all := range ends {
		want := string(missions.Completed)
		if fails[id] {
			want = string(missions.Failed)
		}
		if len(all) != 1 || all[0] != want {
			t.Errorf("mission %s should be %s once, and was %v", id, want, all)
		}
	}
}

// createJobs creates missions, and returns the ids of those that fail.
func createJobs(t *testing.T, s *supervisor, total int) (fails map[string]bool) {
	t.Helper()
	fails = map[string]bool{}
	var specs []api.MissionSpec
	attempts := 20 // none is to run out of them because of what is killed
	for i := range total {
		spec := api.MissionSpec{ID: fmt.Sprint("job-", i), Name: "job", Type: "job", Data: json.RawMessage(`{"seconds":0.1}`), MaxAttempts: &attempts}
		if i%10 == 0 {
			spec.Data = json.RawMessage(`{"seconds":0.1,"fail":"every tenth"}`)
			fails[spec.ID] = true
		}
		specs = append(specs, spec)
	}
	created, err := s.client.CreateBatch(t.Context(), specs)
	must(t, err)
	for i := range created {
		if created[i].Error != nil {
			t.Fatal(created[i].Error)
		}
	}
	return fails
}

// awaitEnds waits until so many missions have ended.
func (s *supervisor) awaitEnds(t *testing.T, count int) {
	t.Helper()
	await(t, fmt.Sprint(count, " ends"), func(ctx context.Context) bool {
		status, err := s.client.Status(ctx)
		return err == nil && int(status.CompletedMissions+status.FailedMissions) >= count
	})
}
