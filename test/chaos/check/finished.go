package check

import "fmt"

// finished checks guarantee 2: with live agents of its type every mission ends, and
// none ends without a reason.
func (x *index) finished() {
	stuck := false
	for id, m := range x.Missions {
		switch {
		case !terminal(m.Status):
			stuck = true
			x.violated(2, id, fmt.Sprintf("mission %s is still %s, attempt %d of %d, agent %q", id, m.Status, m.Attempt, m.MaxAttempts, m.AgentID))
		case m.Status == failed && !x.mayFail(&m):
			x.violated(2, id, fmt.Sprintf("mission %s is FAILED (%s) with %d of %d attempts made, no deadline, no agent called it hopeless, and nothing that it waited for or used ended it",
				id, m.Error, m.Attempt, m.MaxAttempts))
		case m.Status == cancelled && len(x.possible(id, "missions.cancel")) == 0 && !x.mayEndUnmet(&m) && !x.wasReplaced(id):
			x.violated(2, id, fmt.Sprintf("mission %s is CANCELLED, and nobody cancelled it", id))
		}
	}
	if x.Settled != nil && !stuck && x.Waiting == 0 {
		x.violated(2, "", fmt.Sprintf("the run did not come to its end: %v", x.Settled))
	}
}

func (x *index) mayFail(m *Mission) bool {
	if m.Attempt >= m.MaxAttempts || m.Deadline != 0 {
		return true
	}
	for _, s := range x.possible(m.ID, "agent.fail") {
		if !s.retryable {
			return true
		}
	}
	return x.mayEndUnmet(m) || x.mayHaveExceeded(m)
}
