package agentcheck

import (
	"slices"
	"time"

	"missioncontrol/supervisor/api"
)

func checkRegister(t *trial) error {
	if err := t.await("request", func() bool { return len(t.requests) > 0 }); err != nil {
		return err
	}
	var first *request
	t.do(func() { first = t.requests[0] })
	if first.verb != api.AgentRegister {
		return fail("its first request is %s", first)
	}
	if err := t.registered(); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(first.register.Types, missionType) {
		return fail("it has registered for %q, and not for %q", first.register.Types, missionType)
	}
	return nil
}

// checkConnection waits a little for the connection: it may be another one than that of the
// registration.
func checkConnection(t *trial) error {
	want := api.ConnectionName(t.agentID)
	var names []string
	for deadline := timer(t.ctx, atOnce); ; {
		all, err := t.nats.connections(t.ctx)
		if err != nil {
			return err
		}
		names = nil
		for _, c := range all {
			names = append(names, c.name)
		}
		if slices.Contains(names, want) {
			return nil
		}
		select {
		case <-deadline:
			return fail("its connections are named %q, and none is named %s: if it dies, that is noticed only when its leases expire", names, want)
		default:
		}
		if err := t.pass(tick); err != nil {
			return err
		}
	}
}

func checkSubscribes(t *trial) error {
	for deadline := timer(t.ctx, atOnce); ; {
		listens, err := t.carrier.listens(t.ctx)
		if listens || err != nil {
			return err
		}
		select {
		case <-deadline:
			return fail("nobody is subscribed to %s: it learns of a cancellation only with its next heartbeat", api.CommandsSubject(t.agentID))
		default:
		}
		if err := t.pass(tick); err != nil {
			return err
		}
	}
}

// checkStream works on a mission meanwhile.
func checkStream(t *trial) error {
	err := t.await("GET …/"+commandsVerb, func() bool { _, opened := t.http.streamed(); return opened > 0 })
	if err != nil {
		return err
	}
	if err := t.completes("while the stream is open"); err != nil {
		return err
	}
	if err := t.pass(2 * t.pace.lease); err != nil {
		return err
	}
	if open, opened := t.http.streamed(); open == 0 || opened > 1 {
		return fail("it has opened the stream %d times, and %d are open, though the server has ended none: without one, the agent is offline", opened, open)
	}
	return nil
}

func checkToken(t *trial) error {
	if err := t.await("request", func() bool { return t.known || t.unauthorized > 0 }); err != nil {
		return err
	}
	err := t.awaitWithin(atOnce, "registration with the token", func() bool { return t.known })
	if err == nil {
		return t.completes("with the token")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.unauthorized > 0 {
		return fail("%d of its requests came without the token; it must be configurable how the agent gets it", t.unauthorized)
	}
	return err
}

func checkBeatsIdle(t *trial) error {
	if err := t.awaitBeats(1, t.begun); err != nil {
		return err
	}
	from := time.Now()
	if err := t.pass(3 * t.pace.lease); err != nil {
		return err
	}
	return t.regular(from, time.Now())
}

func checkBeatsBusy(t *trial) error {
	takes := 5 * t.pace.lease / 2
	m, err := t.start(work{WorkSeconds: takes.Seconds()})
	if err != nil {
		return err
	}
	var given time.Time
	t.do(func() { given = m.givenAt[0] })
	report, err := t.report(m)
	if err != nil {
		return join(t.regular(given, given.Add(takes)), err)
	}
	return t.regular(given, report.request.at)
}

// regular judges the heartbeats within a time.
func (t *trial) regular(from, to time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	gap, beats, previous := time.Duration(0), 0, from
	for _, r := range t.beats(from) {
		if r.at.After(to) {
			break
		}
		gap, beats, previous = max(gap, r.at.Sub(previous)), beats+1, r.at
	}
	gap = max(gap, to.Sub(previous))
	late := t.pulse.late(from)
	told := t.pace.heartbeat
	average := to.Sub(from) / time.Duration(beats+1)
	round := 10 * time.Millisecond
	switch {
	case gap > t.pace.lease+2*late:
		return fail("no heartbeat for %s; the lease that it was told is %s", gap.Round(round), t.pace.lease)
	case average > 3*told+late:
		return warn("a heartbeat every %s on average; the interval that it was told is %s", average.Round(round), told)
	case average < told/4:
		return warn("a heartbeat every %s on average; the interval that it was told is %s", average.Round(round), told)
	}
	return nil
}

func checkForgotten(t *trial) error {
	if err := t.awaitBeats(1, t.begun); err != nil {
		return err
	}
	t.do(func() { t.known = false })
	if err := t.await("second registration, after not_found", func() bool { return t.known }); err != nil {
		return err
	}
	if err := t.awaitBeats(2, time.Now()); err != nil {
		return err
	}
	return t.completes("after it had registered again")
}

func checkClaimConflict(t *trial) error {
	if err := t.await("claim", func() bool { return len(t.parked) > 0 }); err != nil {
		return err
	}
	t.do(func() {
		t.claimsFail = &api.Error{Code: api.ErrConflict.Code, Message: "the agent is offline; it must register again"}
	})
	if err := t.await("second registration, after a claim that returned conflict", func() bool { return t.claimsFail == nil }); err != nil {
		return err
	}
	return t.completes("after it had registered again")
}

// checkUnknown begins with the registration: the runner waits for none.
func checkUnknown(t *trial) error {
	m, err := t.start(work{WorkSeconds: t.seconds(5), Result: "done"})
	if err != nil {
		return err
	}
	for range 2 {
		t.carrier.push(map[string]any{"command": "x-later-version", "mission_id": m.id, "more": []int{1}})
		t.carrier.push(map[string]any{"command": "x-about-no-mission"})
		if err := t.awaitBeats(1, time.Now()); err != nil {
			return err
		}
	}
	report, err := t.report(m)
	if err != nil {
		return err
	}
	if report.verb != api.AgentComplete {
		return fail("the mission did not complete: %s", report.content)
	}
	return nil
}
