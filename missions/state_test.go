package missions

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestStateMachine(t *testing.T) {
	t.Parallel()
	allowed := map[string]Status{
		"PENDING claim":     "RUNNING",
		"PENDING cancel":    "CANCELLED",
		"PENDING expire":    "FAILED",
		"RUNNING complete":  "COMPLETED",
		"RUNNING give back": "PENDING",
		"RUNNING give up":   "FAILED",
		"RUNNING cancel":    "CANCELLED",
		"FAILED retry":      "PENDING",
		"CANCELLED retry":   "PENDING",
	}
	tried := 0
	for _, s := range []Status{"PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "", "pending"} {
		for _, trigger := range []Trigger{"claim", "complete", "give back", "give up", "cancel", "expire", "retry", ""} {
			move := fmt.Sprintf("%s %s", s, trigger)
			next, err := s.Next(trigger)
			if want := allowed[move]; next != want {
				t.Errorf("%s leads to %q, want %q", move, next, want)
			} else if (want == "") != errors.Is(err, ErrConflict) {
				t.Errorf("%s: error is %v", move, err)
			} else if want != "" {
				tried++
			}
		}
	}
	if tried != len(allowed) {
		t.Errorf("%d of %d transitions were tried", tried, len(allowed))
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	for i, s := range []struct {
		status   Status
		terminal bool
		happened Happening
	}{
		{"PENDING", false, ""}, {"RUNNING", false, "started"}, {"COMPLETED", true, "completed"},
		{"FAILED", true, "failed"}, {"CANCELLED", true, "cancelled"},
	} {
		if Statuses()[i] != s.status || s.status.Index() != i {
			t.Errorf("%s stands at %d, want %d", s.status, s.status.Index(), i)
		}
		if s.status.Terminal() != s.terminal {
			t.Errorf("%s is terminal: %v", s.status, !s.terminal)
		}
		if s.status.Happened() != s.happened {
			t.Errorf("a change to %s counts as %q, want %q", s.status, s.status.Happened(), s.happened)
		}
	}
	if Status("other").Index() != -1 || Priority("other").Rank() != -1 {
		t.Error("what is no status or priority has a place among them")
	}
	for i, p := range []Priority{"LOW", "NORMAL", "HIGH", "CRITICAL"} {
		if Priorities()[i] != p || p.Rank() != i {
			t.Errorf("%s ranks %d, want %d", p, p.Rank(), i)
		}
	}
}

func TestMissionOnTheWire(t *testing.T) {
	t.Parallel()
	m := Mission{ID: "m", Name: "n"}
	m.Normalize()
	got, err := json.Marshal(m)
	want := `{"id":"m","name":"n","description":"","type":"default","data":{},"priority":"NORMAL","status":"PENDING",` +
		`"tags":[],"max_attempts":3,"attempt":0,"agent_id":null,"lease_expires_at":null,"progress":null,"result":null,` +
		`"error":null,"created_at":null,"updated_at":null,"started_at":null,"finished_at":null}`
	if err != nil || string(got) != want {
		t.Errorf("a new mission is written as (%v)\n%s, want\n%s", err, got, want)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk on fire")
	sentinels := []*Error{ErrInvalid, ErrNotFound, ErrConflict, ErrLeaseLost, ErrTooLarge, ErrOverloaded, ErrUnavailable}
	for i, c := range []struct {
		err  *Error
		code Code
		text string
	}{
		{Invalid("name", "is %s", "required"), "invalid_request", "name: is required"},
		{NotFound("mission", "m"), "not_found", `there is no mission "m"`},
		{Conflict("mission is %s", Running), "conflict", "mission is RUNNING"},
		{LeaseLost("too late"), "lease_lost", "too late"},
		{TooLarge("data", "is larger than %d KiB", 512), "too_large", "data: is larger than 512 KiB"},
		{&Error{Code: CodeOverloaded}, "overloaded", "overloaded"},
		{Unavailable("the store is away", cause), "unavailable", "the store is away: disk on fire"},
	} {
		if c.err.Code != c.code || c.err.Error() != c.text {
			t.Errorf("%s says %q, want %s and %q", c.err.Code, c.err, c.code, c.text)
		}
		for j, sentinel := range sentinels {
			if wrapped := fmt.Errorf("while testing: %w", c.err); errors.Is(wrapped, sentinel) != (i == j) {
				t.Errorf("errors.Is(%s, %s) is %v", c.code, sentinel.Code, i != j)
			}
		}
	}
	if !errors.Is(Unavailable("away", cause), cause) {
		t.Error("the cause cannot be matched")
	}
	if errors.Is(ErrInvalid, cause) {
		t.Error("a foreign error is matched")
	}
}

func TestRetryPolicy(t *testing.T) {
	t.Parallel()
	policy := RetryPolicy{Base: time.Second, Max: 10 * time.Second}
	jittered := RetryPolicy{Base: time.Second, Max: 10 * time.Second, Jitter: 0.5}
	steep := RetryPolicy{Base: 5 * time.Minute, Max: time.Hour}
	for _, c := range []struct {
		policy  RetryPolicy
		attempt int
		chance  float64
		want    time.Duration
	}{
		{policy, 1, 0.9, time.Second},
		{policy, 2, 0, 2 * time.Second},
		{policy, 3, 0.5, 4 * time.Second},
		{policy, 4, 0.5, 8 * time.Second},
		{policy, 5, 0.5, 10 * time.Second},
		{policy, 1000, 0.5, 10 * time.Second},
		{policy, 0, 0.5, time.Second},
		{policy, -3, 0.5, time.Second},
		{jittered, 2, 0, time.Second},
		{jittered, 2, 0.5, 2 * time.Second},
		{jittered, 2, 0.75, 2500 * time.Millisecond},
		{jittered, 9, 0.5, 10 * time.Second},
		{jittered, 9, 0.99, 10 * time.Second}, // no wait is longer than Max
		{RetryPolicy{}, 1, 0.5, time.Second},
		{RetryPolicy{}, 3, 0, 3200 * time.Millisecond},
		{RetryPolicy{}, 50, 0.5, 5 * time.Minute},
		{RetryPolicy{Base: time.Hour, Max: time.Minute}, 1, 0.5, time.Minute},
	} {
		if got := c.policy.Delay(c.attempt, c.chance); got != c.want {
			t.Errorf("%+v: the wait after attempt %d (%v) is %v, want %v", c.policy, c.attempt, c.chance, got, c.want)
		}
	}
	for attempt := 5; attempt < 80; attempt++ { // 5 min · 2^n overflows here
		if got := steep.Delay(attempt, 0.5); got != time.Hour {
			t.Errorf("the wait after attempt %d is %v, want 1h", attempt, got)
		}
	}
}
