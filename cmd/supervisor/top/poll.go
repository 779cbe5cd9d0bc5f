package top

import (
	"context"
	"errors"
	"slices"
	"time"

	"missioncontrol/charter"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// The most rows that top requests at once: no one reads more on a terminal each second.
const (
	maxAgents  = 500
	maxRunning = 200
	maxFailed  = 20
	maxWaiting = 20
)

// failedFor is how long a failure is shown.
const failedFor = 10 * time.Minute

// snapshot is the state at one moment, or why it is not known.
type snapshot struct {
	at  time.Time
	err error

	stats   missions.Stats
	agents  api.Agents
	running []missions.Mission
	failed  []missions.Mission // lately
	waiting []missions.Mission // for a person

	events    []charter.Event // the new ones, oldest first
	eventsErr error           // why there may be more
}

// poll refreshes every second, and at once when the connection is lost or restored.
func (t *top) poll(ctx context.Context) {
	ticker := time.NewTicker(t.console.Interval)
	defer ticker.Stop()
	turned, forget := remote.ConnectionTurns(t.session.Conn)
	defer forget()
	tail := &eventTail{nc: t.session.Conn}
	for {
		look := t.look(ctx, tail)
		select {
		case t.looks <- look:
		case <-ctx.Done():
			return
		}
		select {
		case <-ticker.C:
		case _, open := <-turned:
			if !open {
				turned = nil // the connection was given up
			}
		case <-ctx.Done():
			return
		}
	}
}

// look requests the current state. If events cannot be read, it still returns the rest.
func (t *top) look(ctx context.Context, tail *eventTail) (look snapshot) {
	look.at = time.Now()
	if !t.session.Conn.IsConnected() {
		look.err = remote.ErrBrokerAway
		return look
	}
	ctx, cancel := context.WithTimeout(ctx, t.console.RefreshTimeout)
	defer cancel()
	look.events, look.eventsErr = tail.next(ctx)
	var running, failed, waiting api.MissionList
	if look.stats, look.err = t.session.Client.Stats(ctx, ""); look.err != nil {
		return look
	}
	if look.agents, look.err = t.session.Client.Agents(ctx, api.AgentsRequest{Limit: maxAgents}); look.err != nil {
		return look
	}
	running, look.err = t.session.Client.List(ctx, api.ListRequest{Status: missions.Running, Limit: maxRunning})
	if look.running = running.Missions; look.err != nil {
		return look
	}
	waiting, look.err = t.session.Client.List(ctx, api.ListRequest{Waiting: missions.WaitSignal, Limit: maxWaiting})
	look.waiting = slices.DeleteFunc(waiting.Missions, func(m missions.Mission) bool {
		unmet := ui.Unmet(&m)
		return len(unmet) == 0 || unmet[0].Signal == ""
	})
	if errors.Is(look.err, api.ErrInvalid) {
		look.err = nil // a supervisor of an earlier version, where nobody waits for a person
	}
	if look.err != nil {
		return look
	}
	failed, look.err = t.session.Client.List(ctx, api.ListRequest{Status: missions.Failed, Limit: maxFailed})
	look.failed = slices.DeleteFunc(failed.Missions, func(m missions.Mission) bool { return m.FinishedAt.Time().Before(look.at.Add(-failedFor)) })
	return look
}
