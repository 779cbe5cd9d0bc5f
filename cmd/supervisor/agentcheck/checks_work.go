package agentcheck

import (
	"slices"
	"strings"
	"time"

	"missioncontrol/supervisor/api"
)

// checkRunning looks at the heartbeats between the claim and the report. The first may have
// been on its way when the claim was answered; two in a row without the lease end it.
func checkRunning(t *trial) error {
	m, err := t.start(work{WorkSeconds: t.seconds(8)})
	if err != nil {
		return err
	}
	report, err := t.report(m)
	if err != nil {
		return join(t.lists(m, time.Now()), err)
	}
	if err := t.awaitBeats(3, time.Now()); err != nil {
		return err
	}
	if err := t.lists(m, report.request.at); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	beats := t.beats(report.request.at)
	if lease := beats[len(beats)-1].holds(m.id); lease != 0 {
		return fail("it still lists the mission, %d heartbeats after the answer to its report", len(beats))
	}
	return nil
}

// lists judges the heartbeats from a mission's claim until a time, at which the agent still
// held it.
func (t *trial) lists(m *mission, until time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	without, listed := 0, 0
	for _, r := range t.beats(m.givenAt[0]) {
		if r.at.After(until) {
			break
		}
		switch lease := r.holds(m.id); lease {
		case m.lease():
			without, listed = 0, listed+1
		case 0:
			if without++; without == 2 {
				return fail("two heartbeats in a row do not list the mission that it works on: its lease would be over")
			}
		default:
			return fail("a heartbeat lists lease %d of the mission; the claim said %d", lease, m.lease())
		}
	}
	if listed == 0 {
		return fail("no heartbeat lists the mission that it works on")
	}
	return nil
}

// mostSlots is how many slots of an agent are tried.
const mostSlots = 10

func checkCapacity(t *trial) error {
	if err := t.await("claim", func() bool { return len(t.parked) > 0 }); err != nil {
		return err
	}
	var all []work
	t.do(func() {
		for range min(t.capacity(), mostSlots) + 3 {
			all = append(all, work{WorkSeconds: t.seconds(1)})
		}
	})
	offered := t.offer(all...)
	if err := t.await("report on each mission", func() bool {
		return t.overclaimed != "" || !slices.ContainsFunc(offered, func(m *mission) bool { return len(m.outcomes) == 0 })
	}); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.overclaimed != "" {
		return fail("%s", t.overclaimed)
	}
	return nil
}

func checkResult(t *trial) error {
	results := []any{
		map[string]any{"text": "\"grüße\"\n\u2028", "list": []any{1, 2.5, nil, true}, "empty": map[string]any{}}, "text", 42, false, nil,
	}
	for _, result := range results {
		m, err := t.start(work{Result: result})
		if err != nil {
			return err
		}
		report, err := t.report(m)
		if err != nil {
			return err
		}
		if report.verb != api.AgentComplete {
			return fail("it has sent %s", report.content)
		}
		if got, want := canonicalJSON(report.result), canonical(result); got != want {
			return fail("the result is %s, and should be %s", got, want)
		}
	}
	return nil
}

const failureText = "cannot find the ünbelievable file"

func checkFailure(t *trial) error {
	m, err := t.start(work{Fail: failureText})
	if err != nil {
		return err
	}
	report, err := t.failure(m)
	if err != nil {
		return err
	}
	if !report.retryable {
		return fail("it says retryable false of a failure that is not permanent")
	}
	return nil
}

func checkPermanent(t *trial) error {
	m, err := t.start(work{Fail: failureText, Permanent: true})
	if err != nil {
		return err
	}
	report, err := t.failure(m)
	if err != nil {
		return err
	}
	if report.retryable {
		return fail("it does not say retryable false, so that the mission is tried again")
	}
	return nil
}

// failure waits until the agent has failed a mission with its text.
func (t *trial) failure(m *mission) (reported, error) {
	report, err := t.report(m)
	switch {
	case err != nil:
	case report.verb != api.AgentFail:
		err = fail("it has sent %s", report.content)
	case !strings.Contains(report.error, failureText):
		err = fail("the error is %q, and should hold %q", report.error, failureText)
	}
	return report, err
}

// checkFencingToken has a mission fail, and gives it again with a new lease.
func checkFencingToken(t *trial) error {
	m, err := t.start(work{Fail: failureText, WorkSeconds: t.seconds(2)})
	if err != nil {
		return err
	}
	wrong := func() bool { return len(t.wrongLeases) > 0 }
	if err := t.await("report on a mission", func() bool { return len(m.outcomes) > 0 || wrong() }); err != nil {
		return err
	}
	t.do(func() { m.data.Fail, m.queued = "", !wrong() })
	if err := t.await("report on a mission that it has for the second time", func() bool { return len(m.outcomes) > 1 || wrong() }); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range m.outcomes {
		if len(m.leases) > 1 && o.Lease < m.lease() && o.request.at.After(m.givenAt[len(m.givenAt)-1]) {
			return fail("%s names lease %d, of an earlier claim; the latest one said %d", o.verb, o.Lease, m.lease())
		}
	}
	if wrong() {
		return fail("%s, and the claim said %d", t.wrongLeases[0], m.lease())
	}
	return nil
}
