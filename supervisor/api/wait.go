package api

import (
	"fmt"
	"time"

	"missioncontrol/missions"
)

// MaxWaitMany is how many missions one request may wait for.
const MaxWaitMany = 100

// Timeout checks the request and returns how long to wait.
func (r *WaitRequest) Timeout() (time.Duration, error) {
	if err := missions.CheckToken("id", r.ID); err != nil {
		return 0, err
	}
	if r.TimeoutSeconds == nil {
		return DefaultWait, nil
	}
	if !(*r.TimeoutSeconds > 0 && *r.TimeoutSeconds <= MaxWait.Seconds()) {
		return 0, missions.Invalid("timeout_seconds", "must be above 0 and at most %d", int(MaxWait.Seconds()))
	}
	return seconds(*r.TimeoutSeconds), nil
}

// Check checks the request, and returns how long it may wait.
func (r *WaitManyRequest) Check() (time.Duration, error) {
	switch {
	case len(r.IDs) == 0:
		return 0, missions.Invalid("ids", "is required: the missions to wait for")
	case len(r.IDs) > MaxWaitMany:
		return 0, missions.TooLarge("ids", "has more than %d entries", MaxWaitMany)
	case r.Until != "" && r.Until != UntilAll && r.Until != UntilAny:
		return 0, missions.Invalid("until", "must be one of all, any")
	}
	first := make(map[string]int, len(r.IDs))
	for i, id := range r.IDs {
		field := fmt.Sprintf("ids[%d]", i)
		if err := missions.CheckToken(field, id); err != nil {
			return 0, err
		}
		if place, twice := first[id]; twice {
			return 0, missions.Invalid(field, "is the same as ids[%d]", place)
		}
		first[id] = i
	}
	if r.TimeoutSeconds == nil {
		return DefaultWait, nil
	}
	if !(*r.TimeoutSeconds >= 0 && *r.TimeoutSeconds <= MaxWait.Seconds()) { // 0 asks how they are
		return 0, missions.Invalid("timeout_seconds", "must be between 0 and %d", int(MaxWait.Seconds()))
	}
	return seconds(*r.TimeoutSeconds), nil
}
