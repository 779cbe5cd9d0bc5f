package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// may reports whether a request may be sent. If not, it records that under check.
func (d *doctor) may(check, subject string) bool {
	denied, _ := d.denied.Publish(subject)
	if denied {
		d.add(check, unknown, "this user does not have permission to request it", "")
		return false
	}
	return true
}

// askSupervisor checks a supervisor's health.
func (d *doctor) askSupervisor(ctx context.Context) {
	if !d.may("supervisor", api.SubjectHealth) {
		return
	}
	health, err := d.settledHealth(ctx)
	switch {
	case errors.Is(err, client.ErrNoSupervisor):
		d.add("supervisor", wrong, "no supervisor answers on this broker", "start a supervisor: supervisor serve --server "+d.session.Conn.ConnectedUrlRedacted())
		return
	case err != nil:
		d.failed("supervisor", err)
		return
	}
	if health.Version != d.console.Version {
		d.add("supervisor", warned, fmt.Sprintf("the supervisor has version %s, and this command has %s", health.Version, d.console.Version), "use the same version on both sides")
	} else {
		d.well("supervisor", "version %s, up for %s", health.Version, ui.FormatDuration(time.Duration(health.UptimeSeconds*float64(time.Second))))
	}
	d.judge("store", health.Checks.Store, wrong, "see the supervisor's log; check that Redis runs and accepts writes, or that the disk of the store's file is not full")
	stream := health.Checks.EventStream
	if stream.Message == "" && stream.Waiting > 0 {
		stream.Message = ui.Plural(stream.Waiting, "event waits", "events wait")
	}
	d.judge("event_stream", stream.Check, wrong, "events wait in the store until this is fixed; see the checks of the broker and the stream")
	if clock := health.Checks.Clock; clock.Message != "" {
		d.judge("clock_steps", clock, warned, "let the clock be corrected gradually (chrony, or systemd-timesyncd), and look for missions that failed: supervisor missions list --status FAILED")
	}
	deaths := health.Checks.AgentDeaths
	advice := "give the supervisor credentials for the broker's system account: --system-user or --system-creds"
	if deaths.Status != api.HealthOK { // it has one
		advice = "check that the broker runs and accepts the supervisor's credentials for its system account"
	}
	d.judge("agent_deaths", deaths, warned, advice)
}

// A supervisor that has just started is given startTime until it is judged.
const (
	startTime = 5 * time.Second
	startLook = 100 * time.Millisecond
)

// settledHealth returns the health of a supervisor that is not just starting, or the last
// one that ctx leaves time for.
func (d *doctor) settledHealth(ctx context.Context) (api.Health, error) {
	health, err := d.session.Client.Health(ctx)
	for err == nil && starting(health) {
		select {
		case <-time.After(startLook):
		case <-ctx.Done():
			return health, nil
		}
		if again, err := d.session.Client.Health(ctx); err == nil {
			health = again
		}
	}
	return health, err
}

// starting reports whether a part of a supervisor may not work because it has just started.
func starting(health api.Health) bool {
	settled := health.Status == api.HealthOK && !strings.HasSuffix(health.Checks.AgentDeaths.Message, api.Starting)
	return !settled && health.UptimeSeconds > 0 && health.UptimeSeconds < startTime.Seconds()
}

// judge records one of the supervisor's own checks. A check that is ok but has a message
// counts only if bad is doubt.
func (d *doctor) judge(name string, c api.Check, bad verdict, advice string) {
	switch {
	case c.Status != api.HealthOK || c.Message != "" && bad == warned:
		d.add(name, bad, remote.CheckText(c), advice)
	default:
		d.well(name, "%s", remote.CheckText(c))
	}
}

// clockTolerance is the largest acceptable difference between clocks.
const clockTolerance = 2 * time.Second

// clock is how far another clock is ahead of the local one, and the uncertainty.
type clock struct{ ahead, sure time.Duration }

// readClock reads another clock.
func readClock(ask func() (time.Time, error)) (clock, error) {
	asked := time.Now()
	there, err := ask()
	half := time.Since(asked) / 2
	return clock{there.Sub(asked.Add(half)), half}, err
}

// askClocks compares the clocks of the supervisor, the broker and this machine.
func (d *doctor) askClocks(ctx context.Context) {
	supervisor, err := readClock(func() (time.Time, error) {
		health, err := d.session.Client.Health(ctx)
		return health.Timestamp.Time(), err
	})
	if err != nil {
		return // already reported
	}
	if supervisor.ahead < -100*365*ui.Day {
		d.add("clock", unknown, "the supervisor does not report its time", "")
		return
	}
	d.compareClocks("clock", "the supervisor's clock", "this machine's", supervisor)
	js, may := d.jetStream("broker_clock", "$JS.API.STREAM.INFO."+eventstream.DefaultStreamName)
	if !may {
		return
	}
	broker, err := readClock(func() (time.Time, error) {
		stream, err := js.Stream(ctx, eventstream.DefaultStreamName)
		if err != nil {
			return time.Time{}, err
		}
		return stream.CachedInfo().TimeStamp, nil
	})
	if err == nil {
		d.compareClocks("broker_clock", "the broker's clock", "the supervisor's", clock{broker.ahead - supervisor.ahead, broker.sure + supervisor.sure})
	}
}

func (d *doctor) compareClocks(check, one, other string, c clock) {
	word := "ahead of"
	if c.ahead < 0 {
		word = "behind"
	}
	apart := max(c.ahead, -c.ahead)
	if apart-c.sure > clockTolerance {
		d.add(check, wrong, fmt.Sprintf("%s is %s %s %s: their times do not match", one, ui.FormatDuration(apart), word, other),
			"synchronise the clocks of all machines: timedatectl set-ntp true")
		return
	}
	d.well(check, "%s agrees with %s to within %s", one, other, ui.FormatDuration(max(apart+c.sure, time.Millisecond)))
}

// askAlerts reports the current alerts.
func (d *doctor) askAlerts(ctx context.Context) {
	if !d.may("alerts", api.SubjectAlerts) {
		return
	}
	alerts, err := d.session.Client.Alerts(ctx)
	if err != nil {
		return // an older supervisor, or already reported
	}
	var firing []string
	for _, a := range alerts {
		if a.State == missions.AlertFiring {
			firing = append(firing, a.Rule)
		}
	}
	if len(firing) > 0 {
		d.add("alerts", warned, "firing: "+strings.Join(firing, ", "), "supervisor alerts")
		return
	}
	d.well("alerts", "none of %s is firing", ui.Plural(len(alerts), "rule", "rules"))
}

// doctorTypes is the number of mission types that are checked, those with the most
// missions first.
const doctorTypes = 100

// askAgents looks for pending missions that no agent works on.
func (d *doctor) askAgents(ctx context.Context) {
	if !d.may("agents", api.SubjectMissionsStats) || !d.may("agents", api.SubjectAgents) {
		return
	}
	var all missions.Stats
	var err error
	d.ask(ctx, func(ctx context.Context) { all, err = d.session.Client.Stats(ctx, "") })
	if err != nil {
		return // already reported
	}
	types := make([]string, 0, len(all.ByType))
	for name := range all.ByType {
		types = append(types, name)
	}
	slices.SortFunc(types, func(a, b string) int { return cmp.Or(cmp.Compare(all.ByType[b], all.ByType[a]), cmp.Compare(a, b)) })
	abandoned := false
	for _, name := range types[:min(len(types), doctorTypes)] {
		d.ask(ctx, func(ctx context.Context) { abandoned = d.askAgentsOf(ctx, name) || abandoned })
	}
	switch pending := all.ByStatus[missions.Pending]; {
	case abandoned:
	case pending == 0:
		d.well("agents", "no missions are pending")
	default:
		d.well("agents", "%s pending, with agents online for all of them", ui.Plural(pending, "mission", "missions"))
	}
}

// askAgentsOf reports whether missions of a type wait for an agent and none is connected.
func (d *doctor) askAgentsOf(ctx context.Context, name string) bool {
	stats, err := d.session.Client.Stats(ctx, name)
	pending := stats.ByStatus[missions.Pending]
	if err == nil && pending == 0 {
		return false
	}
	var agents api.Agents
	if err == nil {
		agents, err = d.session.Client.Agents(ctx, api.AgentsRequest{State: missions.Online, Type: name, Limit: 1})
	}
	switch {
	case err != nil:
		d.failed("agents", err)
		return true
	case agents.AgentCount > 0:
		return false
	}
	d.add("agents", wrong, fmt.Sprintf("no agent is online for the type %s, of which %s", name, ui.Plural(pending, "mission is pending", "missions are pending")),
		"start one: supervisor agent run --type "+name+" -- COMMAND")
	return true
}
