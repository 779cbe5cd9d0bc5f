package agentcheck

import (
	"slices"
	"time"

	"missioncontrol/supervisor/api"
)

// slowToReconnect is how long an agent may be away after its server is back. It tries
// every 100 to 250 ms; the rest is for the machine.
const slowToReconnect = 3 * time.Second

func checkReconnect(t *trial) error {
	m, err := t.start(work{WorkSeconds: t.seconds(20), Result: "done"})
	if err != nil {
		return err
	}
	if err := t.listed(m); err != nil {
		return err
	}
	if err := t.carrier.away(t.ctx, time.Second); err != nil {
		return err
	}
	back := time.Now()
	if err := t.awaitBeats(1, back); err != nil {
		return err
	}
	var beat *request
	t.do(func() { beat = t.beats(back)[0] })
	report, err := t.report(m)
	if err != nil {
		return err
	}
	late := t.pulse.late(back)
	took := beat.at.Sub(back)
	switch {
	case report.verb != api.AgentComplete:
		return fail("after it had connected again, it sent %s", report.content)
	case took > slowToReconnect+t.pace.heartbeat+2*late:
		return warn("its first heartbeat came %s after it could connect again; try every 100 to 250 ms", took.Round(100*time.Millisecond))
	}
	return nil
}

// checkReopens has regular heartbeats far away.
func checkReopens(t *trial) error {
	opens := func(n int) error {
		return t.await("GET …/"+commandsVerb, func() bool { _, opened := t.http.streamed(); return opened >= n })
	}
	if err := opens(1); err != nil {
		return err
	}
	if err := t.completes("while the stream is open"); err != nil {
		return err
	}
	if err := t.pass(time.Second); err != nil { // for the heartbeat after the first stream
		return err
	}
	at := time.Now()
	_, before := t.http.streamed()
	t.http.cut()
	if err := opens(before + 1); err != nil {
		return err
	}
	return t.awaitWithin(atOnce, "heartbeat after the stream was opened again", func() bool { return len(t.beats(at)) > 0 })
}

func checkDrain(t *trial) error {
	m, err := t.start(work{WorkSeconds: t.seconds(8), Result: "done"})
	if err != nil {
		return err
	}
	if err := t.listed(m); err != nil {
		return err
	}
	if err := t.drains(); err != nil {
		return err
	}
	if err := t.inOrder(m); err != nil {
		return err
	}
	return t.exited()
}

// inOrder judges what an agent did from the heartbeat that said draining on, while it held a
// mission.
func (t *trial) inOrder(m *mission) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	draining, ended, left := -1, -1, -1
	for i, r := range t.requests {
		switch {
		case r.heartbeat != nil && r.heartbeat.Draining && draining < 0:
			draining = i
		case slices.ContainsFunc(r.outcomes, func(o outcome) bool { return o.MissionID == m.id }):
			ended = i
		case r.verb == api.AgentLeave:
			left = i
		case r.claim != nil && draining >= 0:
			return fail("it has sent a claim after it had said that it is draining")
		}
	}
	switch {
	case ended < 0:
		return fail("it has ended without a report on the mission that it held")
	case m.outcomes[0].verb != api.AgentComplete:
		return fail("it has sent %s instead of finishing the mission", m.outcomes[0].content)
	case draining < 0 || draining > ended:
		return fail("no heartbeat said draining before the mission was finished: its parked claims stay open")
	case left < ended:
		return fail("it has left before the mission was reported, or not at all")
	}
	return nil
}

func checkDrainIdle(t *trial) error {
	if err := t.await("claim", func() bool { return len(t.parked) > 0 }); err != nil {
		return err
	}
	if err := t.drains(); err != nil {
		return err
	}
	return t.exited()
}

// drains sends SIGTERM, and waits until the agent has left and ended.
func (t *trial) drains() error {
	t.mayEnd = true
	if err := t.program.terminate(); err != nil {
		return skip("the program cannot be asked to end: %v", err)
	}
	return t.await("end of the program after SIGTERM", func() bool { _, ended := t.program.hasEnded(); return ended })
}

// exited judges the end of the program.
func (t *trial) exited() error {
	how, _ := t.program.hasEnded()
	if t.program.exitCode() != 0 {
		return fail("the program ended with: %s%s", how, t.program.output.last())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.left {
		return fail("it has ended without a leave request")
	}
	return nil
}
