package check

import (
	"fmt"
	"strings"
)

// streamed checks guarantee 4: every durable change is in the stream exactly once,
// in order per mission.
func (x *index) streamed() {
	if x.Waiting > 0 {
		x.violated(4, "", fmt.Sprintf("%d events still wait for the stream", x.Waiting))
	}
	x.eachOnce()
	for _, id := range x.everMissions() {
		x.chain(id)
		x.changesAreTold(id)
		x.logIsTold(id)
	}
	x.agentsAlternate()
}

// eachOnce: no event is in the stream twice, and none of an outbox is missing or
// out of order.
func (x *index) eachOnce() {
	ids := map[string]uint64{}
	positions := map[string]int64{}
	for i := range x.Events {
		e := &x.Events[i]
		about := e.Payload.MissionID
		if first, twice := ids[e.ID]; twice {
			x.violated(4, about, fmt.Sprintf("event %s (%s) is in the stream twice, as messages %d and %d", e.ID, e.Type, first, e.Seq))
		}
		ids[e.ID] = e.Seq
		if e.MsgID != e.ID || e.Subject != "events."+e.Type {
			x.violated(4, about, fmt.Sprintf("message %d: event %s of type %s is headed %q on subject %q", e.Seq, e.ID, e.Type, e.MsgID, e.Subject))
		}
		if !durable(e.Type) {
			continue
		}
		switch next := positions[e.Outbox] + 1; {
		case e.Outbox == "":
			x.violated(4, about, fmt.Sprintf("message %d: event %s names no outbox", e.Seq, e.ID))
		case e.Position < next:
			x.violated(4, about, fmt.Sprintf("message %d is event %d of its outbox, and comes after event %d", e.Seq, e.Position, next-1))
		case e.Position > next:
			x.violated(4, about, fmt.Sprintf("message %d is event %d of its outbox: %d to %d are missing before it", e.Seq, e.Position, next, e.Position-1))
		}
		positions[e.Outbox] = max(e.Position, positions[e.Outbox])
	}
}

// moves are the possible changes of status.
var moves = map[string]string{
	pending: running + " " + cancelled + " " + failed, running: completed + " " + pending + " " + failed + " " + cancelled,
	failed: pending, cancelled: pending, completed: "",
}

// chain: a mission's events begin with its creation, and each begins with the
// status in which the previous one ended.
func (x *index) chain(id string) {
	status, events := "", x.events[id]
	for _, e := range events {
		p := &e.Payload
		switch e.Type {
		case missionCreated:
			if status != "" && (!terminal(status) || len(x.possible(id, "missions.delete")) == 0) {
				x.violated(4, id, fmt.Sprintf("message %d: mission %s was created when it was %s", e.Seq, id, status))
			}
			status = p.Status
		case statusChanged:
			if p.OldStatus != status {
				x.violated(4, id, fmt.Sprintf("message %d: mission %s was %q, and then changed from %s to %s", e.Seq, id, status, p.OldStatus, p.NewStatus))
			}
			if !strings.Contains(moves[p.OldStatus], p.NewStatus) {
				x.violated(4, id, fmt.Sprintf("message %d: mission %s changed from %s to %s", e.Seq, id, p.OldStatus, p.NewStatus))
			}
			status = p.NewStatus
		case logAppended:
			if status == "" {
				x.violated(4, id, fmt.Sprintf("message %d: the log of mission %s grew before it was created", e.Seq, id))
			}
		}
	}
	stored, there := x.Missions[id]
	switch {
	case there && stored.Status != status:
		x.violated(4, id, fmt.Sprintf("mission %s is %s, and its events end with %q", id, stored.Status, status))
	case !there && status != "" && len(x.possible(id, "missions.delete")) > 0 && !terminal(status):
		x.violated(4, id, fmt.Sprintf("mission %s was deleted, and its events end with %q", id, status))
	case !there && status == "" && len(events) == 0:
		x.violated(4, id, fmt.Sprintf("mission %s was confirmed, and no event tells of it", id))
	}
}

// changesAreTold: each confirmed change has its event.
func (x *index) changesAreTold(id string) {
	published := func(old, is string) (n int) {
		for _, e := range x.events[id] {
			if e.Type == statusChanged && e.Payload.OldStatus == old && e.Payload.NewStatus == is {
				n++
			}
		}
		return n
	}
	x.claimsAreTold(id)
	if n := len(leases(x.confirmed(id, "agent.complete"))); published(running, completed) < n {
		x.violated(4, id, fmt.Sprintf("mission %s was completed under %d leases, and %d events tell so", id, n, published(running, completed)))
	}
	ended := append(x.confirmed(id, "agent.fail"), x.confirmed(id, "agent.release")...)
	if n, is := len(leases(ended)), published(running, pending)+published(running, failed); is < n {
		x.violated(4, id, fmt.Sprintf("%d attempts at mission %s failed or were released, and %d events tell so", n, id, is))
	}
	if n := len(x.confirmed(id, "missions.cancel")); published(pending, cancelled)+published(running, cancelled) < n {
		x.violated(4, id, fmt.Sprintf("mission %s was cancelled %d times, and fewer events tell so", id, n))
	}
	if n := len(x.confirmed(id, "missions.retry")); published(failed, pending)+published(cancelled, pending) < n {
		x.violated(4, id, fmt.Sprintf("mission %s was retried %d times, and fewer events tell so", id, n))
	}
	if n := len(x.confirmed(id, "missions.create")); n > 0 && x.lives(id) == 0 && len(x.events[id]) > 0 {
		x.violated(4, id, fmt.Sprintf("mission %s was confirmed, and no event tells of its creation", id))
	}
}

// claimsAreTold: each attempt given to an agent has its event.
func (x *index) claimsAreTold(id string) {
	type attempt struct {
		agent  string
		number int
	}
	claimed, events := map[attempt]int{}, map[attempt]int{}
	for _, s := range x.claims[id] {
		claimed[attempt{s.Who, s.published.Attempt}]++
	}
	for _, e := range x.events[id] {
		if e.Type == statusChanged && e.Payload.NewStatus == running {
			events[attempt{e.Payload.AgentID, e.Payload.Attempt}]++
		}
	}
	for a, n := range claimed {
		if events[a] < n {
			x.violated(4, id, fmt.Sprintf("agent %s was given attempt %d of mission %s %d times, and %d events tell so", a.agent, a.number, id, n, events[a]))
		}
	}
}

// leases returns the distinct leases of some steps.
func leases(some []*step) map[int64]bool {
	all := map[int64]bool{}
	for _, s := range some {
		all[s.lease] = true
	}
	return all
}

// arrow is part of the log entries for status changes.
const arrow = " → "

// logIsTold: a mission's log and its events agree.
func (x *index) logIsTold(id string) {
	log, there := x.Logs[id]
	if !there || x.lives(id) > 1 {
		return
	}
	entries, events := map[string]int{}, map[string]int{}
	for _, e := range log {
		if before, after, change := strings.Cut(e.Message, arrow); change {
			is, _, _ := strings.Cut(after, ":")
			entries[before+arrow+is]++
		} else if len(x.saying(id, e.Message)) > 0 {
			entries[e.Message]++
		}
	}
	for _, e := range x.events[id] {
		switch e.Type {
		case statusChanged:
			events[e.Payload.OldStatus+arrow+e.Payload.NewStatus]++
		case logAppended:
			events[e.Payload.Message]++
		}
	}
	for what, n := range entries {
		if events[what] != n {
			x.violated(4, id, fmt.Sprintf("the log of mission %s has %q %d times, and the stream has it %d times", id, what, n, events[what]))
		}
	}
	for what, n := range events {
		if entries[what] == 0 {
			x.violated(4, id, fmt.Sprintf("the stream has %q of mission %s %d times, and its log does not", what, id, n))
		}
	}
}

// saying returns the agents' requests to log a message.
func (x *index) saying(id, message string) (some []*step) {
	for _, s := range x.possible(id, "agent.log") {
		if s.message == message {
			some = append(some, s)
		}
	}
	return some
}

// agentsAlternate: an agent's online and offline events alternate, starting with
// online.
func (x *index) agentsAlternate() {
	last := map[string]string{}
	for i := range x.Events {
		e := &x.Events[i]
		if e.Type != agentOnline && e.Type != agentOffline {
			continue
		}
		agent := e.Payload.AgentID
		if last[agent] == e.Type || last[agent] == "" && e.Type == agentOffline {
			x.violated(4, "", fmt.Sprintf("message %d: agent %s is said to be %s after %q", e.Seq, agent, e.Type, last[agent]))
		}
		last[agent] = e.Type
	}
}
