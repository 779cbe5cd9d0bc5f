package agentcheck

import (
	"slices"
	"time"

	"missioncontrol/missions"
)

// endless is longer than any check.
const endless = 3600

func checkCancel(t *trial) error { return t.stops(func(m *mission) { m.cancelled = true }, "cancel") }

func checkLost(t *trial) error { return t.stops(func(m *mission) { m.taken = true }, "lost") }

// mostBeats is how many heartbeats may list a mission that the replies say is over: whoever
// stops a process gives it time to end.
const mostBeats = 25

// stops takes a mission from the agent, and waits until it works on it no longer.
func (t *trial) stops(take func(*mission), list string) error {
	m, err := t.start(work{WorkSeconds: endless})
	if err != nil {
		return err
	}
	if err := t.listed(m); err != nil {
		return err
	}
	var at time.Time
	t.do(func() { take(m); at = time.Now() })
	if err := t.dropped(m, at, list); err != nil {
		return err
	}
	if err := t.fillsSlots(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(m.outcomes) > 0 {
		return fail("it has reported the mission that the heartbeat's reply listed in %s: %s", list, m.outcomes[0].content)
	}
	return nil
}

// dropped waits until heartbeats no longer list a mission.
func (t *trial) dropped(m *mission, since time.Time, list string) error {
	stopped := func() bool {
		beats := t.beats(since)
		if len(beats) < 2 {
			return false
		}
		lease := beats[len(beats)-1].holds(m.id)
		return lease == 0
	}
	if err := t.await("heartbeat without the mission", func() bool { return stopped() || len(t.beats(since)) > mostBeats }); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !stopped() {
		return fail("it still lists the mission, %d heartbeats after a reply listed it in %s", mostBeats, list)
	}
	return nil
}

// fillsSlots waits until the agent works on as many missions as it has slots.
func (t *trial) fillsSlots() error {
	var all []work
	t.do(func() {
		for range min(t.capacity(), mostSlots) {
			all = append(all, work{WorkSeconds: t.seconds(2)})
		}
	})
	offered := t.offer(all...)
	return t.await("claim of missions for all of its slots", func() bool {
		return !slices.ContainsFunc(offered, func(m *mission) bool { return !m.given(1) })
	})
}

// checkCancelPushed pushes until there is a heartbeat, because a command may be lost. The
// regular one is far away.
func checkCancelPushed(t *trial) error {
	m, err := t.start(work{WorkSeconds: endless})
	if err != nil {
		return err
	}
	if err := t.pass(time.Second); err != nil { // for heartbeats that others have caused
		return err
	}
	at := time.Now()
	t.do(func() { m.cancelled = true })
	for range 8 {
		t.carrier.push(map[string]any{"command": "cancel", "mission_id": m.id})
		err = t.awaitWithin(time.Second, "heartbeat after the command cancel", func() bool { return len(t.beats(at)) > 0 })
		if err == nil {
			return t.fillsSlots()
		}
	}
	return err
}

// checkSignals is content with an agent that reads none.
func checkSignals(t *trial) error {
	m, err := t.start(work{WorkSeconds: t.seconds(20)})
	if err != nil {
		return err
	}
	if err := t.listed(m); err != nil {
		return err
	}
	t.do(func() {
		m.signals = append(m.signals, missions.Signal{Seq: 1, Name: "steer", Data: encoded("left"), By: "somebody", At: missions.At(time.Now())})
	})
	t.carrier.push(map[string]any{"command": "signal", "mission_id": m.id, "seq": 1})
	read := func() bool {
		return slices.ContainsFunc(t.requests, func(r *request) bool { return r.signals != nil && r.signals.MissionID == m.id })
	}
	if err := t.await("end of the mission", func() bool { return len(m.outcomes) > 0 || m.seen > 0 }); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !read() && m.seen > 0:
		return fail("it has acknowledged a signal that it has not read")
	case !read():
		return skip("it reads no signals")
	case m.seen == 0:
		return fail("it has read the signal, and no heartbeat says that it was seen")
	}
	return nil
}

// checkLeaseOver is silent until well after the work would have been done.
func checkLeaseOver(t *trial) error {
	m, err := t.start(work{WorkSeconds: 3 * t.pace.lease.Seconds()})
	if err != nil {
		return err
	}
	if err := t.listed(m); err != nil {
		return err
	}
	var silent time.Time
	t.do(func() { t.silent = true; silent = time.Now() })
	if t.http != nil {
		t.http.cut()
	}
	if err := t.pass(4 * t.pace.lease); err != nil {
		return err
	}
	var heard time.Time
	t.do(func() { t.silent, m.taken = false, true; heard = time.Now() })
	if err := t.dropped(m, heard, "lost"); err != nil {
		return err
	}
	if err := t.completes("after the supervisor had been silent"); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range m.outcomes {
		if after := o.request.at.Sub(silent); after > t.pace.lease {
			return fail("it has sent %s %s after the last answer; the lease is %s", o.verb, after.Round(100*time.Millisecond), t.pace.lease)
		}
	}
	return nil
}
