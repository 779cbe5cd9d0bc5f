package leader

import (
	"missioncontrol/missions"
	"missioncontrol/missions/codec"
)

func wireFlow(c *codec.Codec, f *missions.Flow) {
	optionalList(c, &f.After, wireCondition)
	codec.Float(c, &f.AfterTimeoutSeconds)
	codec.Flag(c, &f.CloseBatch)
	codec.Text(c, &f.OnUnmet)
	wireUsage(c, &f.MaxUsage)
	codec.Text(c, &f.OnExceeded)
	codec.Optional(c, &f.RetryPolicy, wireRetryOptions)
	codec.Text(c, &f.ParentID)
	codec.Flag(c, &f.Detached)
	codec.Text(c, &f.Batch)
	codec.Optional(c, &f.Unique, wireUnique)
	codec.Text(c, &f.ScheduleID)
	codec.Number(c, &f.ScheduledFor)
	codec.Text(c, &f.Key)
	optionalList(c, &f.Limits, codec.Text)
	there := f.Requires != nil
	if codec.Flag(c, &there); there {
		codec.Table(c, &f.Requires, codec.Text, codec.Text)
	}
	wirePreference(c, &f.Preference)
	codec.Number(c, &f.PreferUntil)
	wireUsage(c, &f.Usage)
	optionalList(c, &f.WaitingFor, wireWait)
	codec.Number(c, &f.WaitingSince)
	codec.Number(c, &f.WaitingUntil)
	optionalList(c, &f.WaitedFor, wireWait)
	codec.Flag(c, &f.TimedOut)
	optionalList(c, (*[]missions.Signal)(&f.Signals), wireSignal)
}

func wirePreference(c *codec.Codec, p *missions.Preference) {
	codec.Text(c, &p.PreferAgent)
	codec.Float(c, &p.PreferSeconds)
}

func wireUnique(c *codec.Codec, u *missions.Unique) {
	codec.Text(c, &u.Key)
	codec.Text(c, &u.OnConflict)
	codec.Float(c, &u.ForSeconds)
}

func wireCondition(c *codec.Codec, x *missions.Condition) {
	for _, s := range []*string{&x.Mission, &x.Batch, &x.Signal, &x.Prompt} {
		codec.Text(c, s)
	}
	codec.Text(c, &x.When)
	optionalList(c, &x.Choices, codec.Text)
}

func wireWait(c *codec.Codec, w *missions.Wait) {
	wireCondition(c, &w.Condition)
	codec.Flag(c, &w.Met)
	codec.Text(c, &w.Status)
}

func wireUsage(c *codec.Codec, u *missions.Usage) {
	there := *u != nil
	if codec.Flag(c, &there); there {
		codec.Table(c, (*map[string]float64)(u), codec.Text, codec.Float)
	}
}

func wireRetryOptions(c *codec.Codec, o *missions.RetryOptions) {
	for _, p := range []**float64{&o.FirstSeconds, &o.Factor, &o.MaxSeconds, &o.Jitter} {
		codec.Optional(c, p, codec.Float)
	}
}

func wireSignal(c *codec.Codec, s *missions.Signal) {
	codec.Number(c, &s.Seq)
	codec.Text(c, &s.Name)
	codec.Content(c, &s.Data)
	codec.Text(c, &s.By)
	codec.Flag(c, &s.ByProven)
	codec.Number(c, &s.At)
	codec.Number(c, &s.SeenAt)
	codec.Text(c, &s.SeenBy)
	codec.Flag(c, &s.Elsewhere)
}

func wireReport(c *codec.Codec, r *missions.Report) {
	codec.Content(c, &r.Checkpoint)
	wireUsage(c, &r.Usage)
}

func wirePark(c *codec.Codec, p *missions.Park) {
	optionalList(c, &p.After, wireCondition)
	codec.Float(c, &p.TimeoutSeconds)
	wirePreference(c, &p.Preference)
}

func wireSignalRef(c *codec.Codec, r *missions.SignalRef) {
	codec.Text(c, &r.MissionID)
	codec.Number(c, &r.Seq)
}

func wireRetry(c *codec.Codec, r *missions.RetryRequest) {
	codec.Text(c, &r.ID)
	codec.Flag(c, &r.Fresh)
	codec.Flag(c, &r.Dependents)
}

func wireSignalRequest(c *codec.Codec, r *missions.SignalRequest) {
	for _, s := range []*string{&r.MissionID, &r.Name, &r.SignalID, &r.By} {
		codec.Text(c, s)
	}
	codec.Content(c, &r.Data)
	codec.Flag(c, &r.ByProven)
}

func wireSignalled(c *codec.Codec, r *missions.SignalResult) {
	codec.Number(c, &r.Seq)
	codec.Text(c, &r.Delivered)
	codec.Text(c, &r.AgentID)
	codec.Text(c, &r.Ready)
	codec.Flag(c, &r.Repeated)
	wireError(c, &r.Err)
}

func wireBulk(c *codec.Codec, q *missions.BulkRequest) {
	codec.Text(c, &q.Action)
	codec.Sequence(c, &q.IDs, codec.Text)
	codec.Number(c, &q.AsOf)
	wireCancel(c, &q.Cancel)
	wireRetry(c, &q.Retry)
	wireSignalRequest(c, &q.Signal)
}

func wireBulkResult(c *codec.Codec, r *missions.BulkResult) {
	codec.Text(c, &r.ID)
	codec.Flag(c, &r.Changed)
	codec.Text(c, &r.AgentID)
	codec.Number(c, &r.Seq)
	codec.Text(c, &r.Ready)
	codec.Number(c, &r.Due)
	wireError(c, &r.Err)
}

func wireBatch(c *codec.Codec, b *missions.Batch) {
	codec.Text(c, &b.ID)
	codec.Flag(c, &b.Open)
	codec.Number(c, &b.Total)
	codec.Table(c, &b.ByStatus, codec.Text, codec.Number)
	codec.Number(c, &b.CreatedAt)
	codec.Number(c, &b.EndedAt)
}

func wireBatchResult(c *codec.Codec, r *missions.BatchResult) {
	wireBatch(c, &r.Batch)
	wireError(c, &r.Err)
}

func wireChildren(c *codec.Codec, x *children) {
	codec.Text(c, &x.agentID)
	wireRef(c, &x.parent)
	codec.Sequence(c, &x.batch, wireMission)
}

func wireChildrenCreated(c *codec.Codec, r *orError[[]missions.CreateResult]) {
	listOf(wireCreated)(c, &r.value)
	wireError(c, &r.err)
}
