package supervisor

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"missioncontrol/missions"
)

// Requests share steps as long as their items fit into one. Each gets its own outcomes, and the
// error of its own step.
func TestRequestsShareStepsThatTheyFitInto(t *testing.T) {
	t.Parallel()
	refused, failed := errors.New("refused"), errors.New("failed")
	var requests []Request[int]
	for _, items := range []int{1, 600, 399, -1, 1, 1000, 600, 500, 2} {
		requests = append(requests, Request[int]{Body: items})
	}
	var steps []string
	answers := together(requests, func(items *int) (int, error) {
		if *items < 0 {
			return 0, refused
		}
		return *items, nil
	}, func(group []Request[int]) (outcomes [][]int, err error) {
		step := ""
		for i := range group {
			step += fmt.Sprint(group[i].Body, " ")
			outcomes = append(outcomes, make([]int, group[i].Body))
		}
		if steps = append(steps, step); len(steps) == 4 {
			return nil, failed
		}
		return outcomes, nil
	}, func(_ *int, outcomes []int) (int, error) {
		if len(outcomes) == 2 {
			return 0, refused
		}
		return len(outcomes), nil
	})
	if got, want := strings.Join(steps, "| "), "1 600 399 | 1 | 1000 | 600 | 500 2 "; got != want {
		t.Errorf("steps of %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(answers), "[{1 <nil>} {600 <nil>} {399 <nil>} {0 refused} {1 <nil>} {1000 <nil>} {0 failed} {500 <nil>} {0 refused}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A panic while an item is read is an error of that item.
func TestAPanicCostsOneItem(t *testing.T) {
	t.Parallel()
	m, err := guarded(func() (missions.Mission, error) { panic("a fault") })
	if m.ID != "" || err == nil || !strings.Contains(err.Error(), "panic: a fault") {
		t.Errorf("%v, %v", m, err)
	}
}
