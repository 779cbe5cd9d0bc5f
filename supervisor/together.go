package supervisor

import (
	"fmt"
	"runtime/debug"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Request is one of several requests that are answered together.
type Request[Q any] struct {
	AgentID string // in the requests of agents
	Caller  api.Caller
	Body    Q
}

// Answer is the answer to a [Request].
type Answer[R any] struct {
	Reply R
	Err   error
}

// together answers requests that arrived together. It passes them on in groups of no more items
// than a step of the store has. count returns how many items a request has, or why it is
// refused. answer answers a group, with one outcome for each item. reply makes the reply to a
// request of its outcomes.
func together[Q, R, Outcome any](requests []Request[Q], count func(*Q) (int, error),
	answer func([]Request[Q]) ([][]Outcome, error), reply func(*Q, []Outcome) (R, error)) []Answer[R] {
	answers := make([]Answer[R], len(requests))
	group, places, items := make([]Request[Q], 0, len(requests)), make([]int, 0, len(requests)), 0
	answerGroup := func() {
		if len(group) == 0 {
			return
		}
		outcomes, err := answer(group)
		for i, place := range places {
			if answers[place].Err = err; err == nil {
				answers[place].Reply, answers[place].Err = reply(&group[i].Body, outcomes[i])
			}
		}
		group, places, items = group[:0], places[:0], 0
	}
	for i := range requests {
		n, err := count(&requests[i].Body)
		if err != nil {
			answers[i].Err = err
			continue
		}
		if items+n > missions.MaxBatch {
			answerGroup()
		}
		group, places, items = append(group, requests[i]), append(places, i), items+n
	}
	answerGroup()
	return answers
}

// guarded turns a panic into an error, so that it costs one item and not those that are stored
// with it.
func guarded[T any](read func() (T, error)) (value T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return read()
}
