package top

import (
	"context"
	"time"

	"missioncontrol/charter"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// The most rows that top requests at once: no one reads more on a terminal each second.
const (
	maxAgents  = 500
	maxRunning = 200
)

// snapshot is the state at one moment, or why it is not known.
type snapshot struct {
	at  time.Time
	err error

	stats   missions.Stats
	agents  api.Agents
	running []missions.Mission

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
	var running api.MissionList
	if look.stats, look.err = t.session.Client.Stats(ctx, ""); look.err != nil {
		return look
	}
	if look.agents, look.err = t.session.Client.Agents(ctx, api.AgentsRequest{Limit: maxAgents}); look.err != nil {
		return look
	}
	running, look.err = t.session.Client.List(ctx, api.ListRequest{Status: missions.Running, Limit: maxRunning})
	look.running = running.Missions
	return look
}
