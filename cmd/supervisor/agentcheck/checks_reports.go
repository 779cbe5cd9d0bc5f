package agentcheck

import (
	"time"

	"missioncontrol/supervisor/api"
)

func checkLostReport(t *trial) error { return t.repeats(reply{}) }

func checkUnavailableReport(t *trial) error {
	return t.repeats(refuse(api.ErrUnavailable, "no supervisor leads at the moment"))
}

// repeats has the first report get a certain answer, or none.
func (t *trial) repeats(first reply) error {
	disrupted := false
	t.do(func() {
		t.disrupt = func(r *request) (reply, bool) {
			if len(r.outcomes) == 0 || disrupted {
				return reply{}, false
			}
			disrupted = true
			return first, true
		}
	})
	m, err := t.start(work{Result: map[string]any{"n": 1}})
	if err != nil {
		return err
	}
	if err := t.await("second report, after one that was "+t.fate(first), func() bool { return len(m.outcomes) > 1 }); err != nil {
		return err
	}
	if err := t.awaitBeats(3, time.Now()); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if m.outcomes[0].content != m.outcomes[1].content {
		return fail("it has sent %s first, and then %s", m.outcomes[0].content, m.outcomes[1].content)
	}
	if len(m.outcomes) > 2 {
		return fail("it has sent the report %d times, though the second was answered", len(m.outcomes))
	}
	without := 0
	for _, r := range t.beats(m.outcomes[0].request.at) {
		if lease := r.holds(m.id); lease != 0 || r.at.After(m.outcomes[1].request.at) {
			without = 0
		} else if without++; without == 2 {
			return fail("before its report was answered, two heartbeats in a row did not list the mission: its lease would be over")
		}
	}
	return nil
}

func (t *trial) fate(first reply) string {
	if first.none() {
		return "not answered"
	}
	return "answered with " + first.refusal.StatusText()
}

func checkRefusedReport(t *trial) error {
	t.do(func() {
		t.disrupt = func(r *request) (reply, bool) {
			if len(r.outcomes) > 0 && r.outcomes[0].MissionID == t.missions[0].id {
				return refuse(api.ErrLeaseLost, "the lease of mission %q has ended", t.missions[0].id), true
			}
			return reply{}, false
		}
	})
	m, err := t.start(work{Result: 1})
	if err != nil {
		return err
	}
	if _, err := t.report(m); err != nil {
		return err
	}
	if err := t.awaitBeats(4, time.Now()); err != nil {
		return err
	}
	t.mu.Lock()
	last := t.requests[len(t.requests)-1]
	for _, r := range t.requests {
		if r.heartbeat != nil {
			last = r
		}
	}
	lease := last.holds(m.id)
	sent := len(m.outcomes)
	t.mu.Unlock()
	switch {
	case sent > 1:
		return fail("it has sent the report %d times, though the first was answered with lease_lost", sent)
	case lease != 0:
		return fail("it still lists the mission, 4 heartbeats after its report was answered with lease_lost")
	}
	return t.completes("after a report was refused")
}
