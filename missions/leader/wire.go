package leader

import (
	"encoding/json"
	"errors"

	"missioncontrol/missions"
	"missioncontrol/missions/codec"
)

// What supervisors send each other: arguments of operations and their replies. All supervisors
// of a data set need the same version of it, which is the first byte of each request.
const wireVersion = 4

// listOf is a list of values, as [codec.Sequence] has it; an empty one is empty, not nil.
func listOf[T any](element func(*codec.Codec, *T)) func(*codec.Codec, *[]T) {
	return func(c *codec.Codec, p *[]T) {
		if codec.Sequence(c, p, element); c.Reading() && *p == nil {
			*p = []T{}
		}
	}
}

// optionalList is a list that may be nil.
func optionalList[T any](c *codec.Codec, p *[]T, element func(*codec.Codec, *T)) {
	there := *p != nil
	if codec.Flag(c, &there); there {
		listOf(element)(c, p)
	}
}

func none[T any](*codec.Codec, *T) {}

func wireMission(c *codec.Codec, m *missions.Mission) {
	for _, s := range []*string{&m.ID, &m.Name, &m.Description, &m.Type, &m.CorrelationID, &m.Traceparent} {
		codec.Text(c, s)
	}
	codec.Content(c, &m.Data)
	codec.Text(c, &m.Priority)
	codec.Text(c, &m.Status)
	optionalList(c, &m.Tags, codec.Text)
	codec.Number(c, &m.MaxAttempts)
	codec.Float(c, &m.TimeoutSeconds)
	codec.Float(c, &m.StallSeconds)
	codec.Number(c, &m.Attempt)
	codec.Text(c, &m.AgentID)
	codec.Optional(c, &m.Progress, wireProgress)
	codec.Content(c, &m.Result)
	codec.Text(c, &m.Error)
	for _, t := range []*missions.Time{&m.NotBefore, &m.Deadline, &m.LeaseExpiresAt, &m.CreatedAt, &m.UpdatedAt, &m.StartedAt,
		&m.FinishedAt, &m.NextAttemptAt} {
		codec.Number(c, t)
	}
	codec.Number(c, &m.Lease)
	codec.Number(c, &m.Turn)
	codec.Content(c, &m.Checkpoint)
	codec.Optional(c, &m.Flow, wireFlow)
}

func wireProgress(c *codec.Codec, p *missions.Progress) {
	codec.Float(c, &p.Percent)
	codec.Text(c, &p.Message)
}

// wireError is an error without its cause.
func wireError(c *codec.Codec, p *error) {
	there := *p != nil
	if codec.Flag(c, &there); !there {
		return
	}
	e := &missions.Error{}
	if !c.Reading() && !errors.As(*p, &e) {
		e = missions.Unavailable("the store failed", *p)
	}
	codec.Text(c, &e.Code)
	codec.Text(c, &e.Field)
	codec.Text(c, &e.Message)
	codec.Flag(c, &e.NothingDone)
	full := errors.Is(e, missions.ErrFull)
	if codec.Flag(c, &full); c.Reading() {
		if full {
			e.Err = missions.ErrFull
		}
		*p = e
	}
}

func wireRef(c *codec.Codec, r *missions.LeaseRef) {
	codec.Text(c, &r.MissionID)
	codec.Number(c, &r.Lease)
}

func wireCreated(c *codec.Codec, r *missions.CreateResult) {
	wireMission(c, &r.Mission)
	codec.Flag(c, &r.Created)
	codec.Flag(c, &r.Given)
	optionalList(c, &r.Replaced, wireStopped)
	wireError(c, &r.Err)
}

func wireResult(c *codec.Codec, r *missions.Result) {
	wireMission(c, &r.Mission)
	codec.Flag(c, &r.Changed)
	wireError(c, &r.Err)
}

func wireCancel(c *codec.Codec, r *missions.CancelRequest) {
	for _, s := range []*string{&r.ID, &r.Reason, &r.By} {
		codec.Text(c, s)
	}
}

func wireClaim(c *codec.Codec, r *missions.ClaimRequest) {
	codec.Text(c, &r.AgentID)
	optionalList(c, &r.Types, codec.Text)
	codec.Number(c, &r.Max)
	codec.Number(c, &r.MaxBytes)
	codec.Number(c, &r.Lease)
	codec.Flag(c, &r.Alive)
}

func wireClaimed(c *codec.Codec, r *missions.ClaimResult) {
	optionalList(c, &r.Missions, wireMission)
	optionalList(c, &r.Types, codec.Text)
	codec.Flag(c, &r.More)
	codec.Flag(c, &r.Others)
	wireError(c, &r.Err)
}

func wireHeartbeat(c *codec.Codec, h *missions.Heartbeat) {
	codec.Text(c, &h.AgentID)
	codec.Sequence(c, &h.Running, wireRef)
	codec.Sequence(c, &h.Seen, wireSignalRef)
	codec.Optional(c, &h.CPU, codec.Float)
	codec.Optional(c, &h.MemoryBytes, codec.Number)
	codec.Flag(c, &h.Draining)
	codec.Flag(c, &h.Receiving)
	codec.Number(c, &h.Lease)
}

func wireBeaten(c *codec.Codec, r *missions.HeartbeatResult) {
	for _, list := range []*[]string{&r.Cancel, &r.Lost, &r.GivenUp, &r.Ready} {
		optionalList(c, list, codec.Text)
	}
	optionalList(c, &r.Signals, wireSignalRef)
	wireError(c, &r.Err)
}

func wireUpdate(c *codec.Codec, p *missions.ProgressUpdate) {
	codec.Text(c, &p.AgentID)
	wireRef(c, &p.LeaseRef)
	wireProgress(c, &p.Progress)
	codec.Flag(c, &p.Unchanged)
	wireReport(c, &p.Report)
}

func wireUpdated(c *codec.Codec, r *missions.ProgressResult) {
	codec.Text(c, &r.CorrelationID)
	codec.Text(c, &r.Traceparent)
	codec.Flag(c, &r.Stopped)
	wireError(c, &r.Err)
}

func wireAppend(c *codec.Codec, l *missions.LogAppend) {
	codec.Text(c, &l.AgentID)
	wireRef(c, &l.LeaseRef)
	codec.Text(c, &l.Level)
	codec.Text(c, &l.Message)
	codec.Content(c, &l.Data)
}

func wireFinish(c *codec.Codec, f *missions.Finish) {
	codec.Text(c, &f.AgentID)
	wireRef(c, &f.LeaseRef)
	codec.Text(c, &f.Outcome)
	codec.Content(c, &f.Result)
	codec.Text(c, &f.Error)
	codec.Flag(c, &f.Retryable)
	codec.Optional(c, &f.RetryAfter, codec.Float)
	codec.Text(c, &f.Limit)
	codec.Optional(c, &f.Park, wirePark)
	wireReport(c, &f.Report)
}

func wireAgent(c *codec.Codec, a *missions.Agent) {
	for _, s := range []*string{&a.ID, &a.Name, &a.Role, &a.Version, &a.Host} {
		codec.Text(c, s)
	}
	codec.Text(c, &a.State)
	codec.Number(c, &a.LastHeartbeat)
	codec.Number(c, &a.RegisteredAt)
	codec.Number(c, &a.MissionsRunning)
	codec.Number(c, &a.Capacity)
	optionalList(c, &a.Types, codec.Text)
	labels := a.Labels != nil
	if codec.Flag(c, &labels); labels {
		codec.Table(c, &a.Labels, codec.Text, codec.Text)
	}
	codec.Optional(c, &a.CPU, codec.Float)
	codec.Optional(c, &a.MemoryBytes, codec.Number)
}

func wireAlertChange(c *codec.Codec, a *missions.AlertChange) {
	codec.Text(c, &a.Alert.Rule)
	codec.Text(c, &a.Alert.Metric)
	codec.Float(c, &a.Alert.Threshold)
	codec.Text(c, &a.Alert.State)
	for _, t := range []*missions.Time{&a.Alert.Since, &a.Alert.RaisedAt, &a.Alert.ClearedAt, &a.Alert.CheckedAt} {
		codec.Number(c, t)
	}
	codec.Number(c, &a.Alert.Revision)
	codec.Flag(c, &a.Tell)
	codec.Flag(c, &a.Notify)
	codec.Optional(c, &a.Value, codec.Float)
}

func wireStopped(c *codec.Codec, s *missions.Stopped) {
	codec.Text(c, &s.AgentID)
	codec.Text(c, &s.MissionID)
}

func wireDue(c *codec.Codec, r *missions.DueResult) {
	optionalList(c, &r.Ready, codec.Text)
	optionalList(c, &r.Stop, wireStopped)
	optionalList(c, &r.Offline, codec.Text)
	codec.Flag(c, &r.Scheduled)
	codec.Flag(c, &r.More)
	codec.Number(c, &r.NextDue)
	codec.Number(c, &r.StoreNow)
}

func wireCreateAndClaim(c *codec.Codec, a *createAndClaim) {
	codec.Sequence(c, &a.created, wireMission)
	codec.Sequence(c, &a.claims, wireClaim)
}

func wireCreatedAndClaimed(c *codec.Codec, r *createdAndClaimed) {
	listOf(wireCreated)(c, &r.created)
	listOf(wireClaimed)(c, &r.claimed)
}

func wireRegistration(c *codec.Codec, r *registration) {
	wireAgent(c, &r.agent)
	codec.Number(c, &r.silence)
}

func wireDeparture(c *codec.Codec, d *departure) {
	codec.Text(c, &d.id)
	codec.Text(c, &d.reason)
	codec.Number(c, &d.since)
}

func wireLeft(c *codec.Codec, r *orError[missions.LeaveResult]) {
	optionalList(c, &r.value.GivenBack, codec.Text)
	optionalList(c, &r.value.Ready, codec.Text)
	wireError(c, &r.err)
}

func wireLost(c *codec.Codec, r *orError[missions.LostResult]) {
	codec.Flag(c, &r.value.Gone)
	optionalList(c, &r.value.Ready, codec.Text)
	optionalList(c, &r.value.Stop, wireStopped)
	wireError(c, &r.err)
}

func wirePosition(c *codec.Codec, p *position) {
	codec.Number(c, &p.upTo)
	codec.Text(c, &p.mark)
}

func wireEnded(c *codec.Codec, r *expired) {
	codec.Sequence(c, &r.ids, codec.Text)
	codec.Number(c, &r.retention)
}

// wireJSON is a schedule or a limit, or a part of one, as JSON.
func wireJSON[T any](c *codec.Codec, s *T) {
	var text []byte
	if !c.Reading() {
		text, _ = json.Marshal(s) // it was read from JSON
	}
	if codec.Content(c, &text); c.Reading() && json.Unmarshal(text, s) != nil {
		c.Fail()
	}
}
