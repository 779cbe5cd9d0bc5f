package engine

import (
	"missioncontrol/missions"
	"missioncontrol/missions/codec"
)

var (
	statuses    = missions.Statuses()
	priorities  = missions.Priorities()
	agentStates = missions.AgentStates()
	alertStates = missions.AlertStates()
)

// encodingVersion is the first byte of encoded changes. An encoding is never changed: what
// a backend has stored is read by later versions. With extendedVersion, what encodingVersion
// has no place for comes behind it: see extension. With scheduledVersion, what schedules need comes behind that, and with
// taggedVersion also what unique keys, keys, limits and requirements need. Each has only what is used: what uses less keeps the
// bytes that it had before.
const (
	encodingVersion  = 1
	extendedVersion  = 2
	scheduledVersion = 3
	taggedVersion    = 4
)

// Encode appends an encoding of the changes, for a backend's journal. Of a mission that is
// not new, Data and Description are left out: they never change. Of its state before, there
// is ID and Seq.
func (c *Changes) Encode(to []byte) []byte {
	version := byte(encodingVersion)
	x := extensionOf(c)
	switch {
	case x != nil && len(x.uniques)+len(x.routings)+len(x.shares) > 0:
		version = taggedVersion
	case x != nil && x.occurrences != nil:
		version = scheduledVersion
	case x != nil:
		version = extendedVersion
	}
	e := codec.Writer(append(to, version))
	if changesOf(e, c); x != nil {
		extend(e, x)
	}
	if version >= scheduledVersion {
		schedules(e, x)
	}
	if version >= taggedVersion {
		uniques(e, x)
		routings(e, x)
	}
	return e.Bytes()
}

// DecodeChanges returns changes from their encoding.
func DecodeChanges(encoded []byte) (*Changes, error) {
	if len(encoded) == 0 || encoded[0] < encodingVersion || encoded[0] > taggedVersion {
		return nil, codec.ErrEncoding
	}
	d := codec.Reader(encoded[1:])
	c := &Changes{}
	changesOf(d, c)
	if encoded[0] >= extendedVersion {
		x := &extension{}
		if extend(d, x); encoded[0] >= scheduledVersion {
			schedules(d, x)
		}
		if encoded[0] >= taggedVersion {
			uniques(d, x)
			routings(d, x)
		}
		if !d.Failed() && !x.applyTo(c) {
			return nil, codec.ErrEncoding
		}
	}
	return c, d.End()
}

// Encode appends an encoding of the totals.
func (t *Totals) Encode(to []byte) []byte {
	e := codec.Writer(to)
	if totals(e, t); t.extended() {
		moreTotals(e, t)
	}
	return e.Bytes()
}

// DecodeTotals returns totals from their encoding.
func DecodeTotals(encoded []byte) (*Totals, error) {
	d := codec.Reader(encoded)
	t := &Totals{}
	if totals(d, t); len(d.Bytes()) > 0 {
		moreTotals(d, t)
	}
	return t, d.End()
}

// Encode appends an encoding of the point.
func (p *Point) Encode(to []byte) []byte {
	e := codec.Writer(to)
	if point(e, p); len(p.Usage) > 0 {
		usage(e, &p.Usage)
	}
	return e.Bytes()
}

// DecodePoint returns a point from its encoding.
func DecodePoint(encoded []byte) (p Point, err error) {
	d := codec.Reader(encoded)
	if point(d, &p); len(d.Bytes()) > 0 {
		usage(d, &p.Usage)
	}
	return p, d.End()
}

// EncodeEvents returns an encoding of events without their positions.
func EncodeEvents(events []*missions.Event) []byte {
	e := codec.Writer([]byte{encodingVersion})
	e.Length(len(events))
	for _, of := range events {
		event(e, of)
	}
	return e.Bytes()
}

// DecodeEvents returns events from their encoding.
func DecodeEvents(encoded []byte) ([]missions.Event, error) {
	if len(encoded) == 0 || encoded[0] != encodingVersion {
		return nil, codec.ErrEncoding
	}
	var events []missions.Event
	d := codec.Reader(encoded[1:])
	codec.Sequence(d, &events, event)
	return events, d.End()
}

func changesOf(c *codec.Codec, x *Changes) {
	marks(c, &x.Marks)
	codec.Sequence(c, &x.Missions, missionChange)
	codec.Sequence(c, &x.Logs, logLine)
	codec.Sequence(c, &x.Released, lease)
	codec.Sequence(c, &x.Leases, lease)
	codec.Sequence(c, &x.Gone, agent)
	codec.Sequence(c, &x.Agents, agent)
	codec.Sequence(c, &x.Events, positioned)
	totalsOf(c, x)
	pointsOf(c, x)
	codec.Table(c, &x.Before, codec.Number, codec.Number)
	codec.Sequence(c, &x.Alerts, alert)
	codec.Sequence(c, &x.Notices, positioned)
	codec.Sequence(c, &x.Noticed, codec.Number)
	codec.Number(c, &x.Forgotten)
}

func totalsOf(c *codec.Codec, x *Changes) {
	codec.Table(c, &x.Totals, codec.Text, func(c *codec.Codec, t **Totals) {
		if c.Reading() {
			*t = &Totals{}
		}
		totals(c, *t)
	})
}

// points are a list of keys and points.
func pointsOf(c *codec.Codec, x *Changes) {
	type keyed struct {
		key   PointKey
		point Point
	}
	var list []keyed
	for key, p := range x.Points {
		list = append(list, keyed{key, p})
	}
	codec.Sequence(c, &list, func(c *codec.Codec, k *keyed) {
		codec.Number(c, &k.key.Series)
		codec.Text(c, &k.key.Type)
		codec.Number(c, &k.key.Slot)
		point(c, &k.point)
	})
	if c.Reading() {
		x.Points = make(map[PointKey]Point, len(list))
		for _, k := range list {
			x.Points[k.key] = k.point
		}
	}
}

func marks(c *codec.Codec, m *Marks) {
	for _, n := range []*int64{&m.Outbox, &m.Acknowledged, &m.Forgotten, &m.Token, &m.Seq, &m.Revision} {
		codec.Number(c, n)
	}
	codec.Number(c, &m.Sampled)
	codec.Text(c, &m.Mark)
}

// What has happened to a mission.
const (
	isNew = iota
	isChanged
	isDeleted
	neverWas // it was created and deleted in one batch
)

func missionChange(c *codec.Codec, m *MissionChange) {
	kind := isChanged
	switch {
	case m.Before == nil && m.After == nil:
		kind = neverWas
	case m.Before == nil:
		kind = isNew
	case m.After == nil:
		kind = isDeleted
	}
	codec.Number(c, &kind)
	if c.Reading() && kind != isDeleted {
		m.After = &Record{}
	}
	if c.Reading() && kind != isNew {
		m.Before = &Record{}
	}
	switch kind {
	case isNew:
		codec.Content(c, &m.After.Data)
		codec.Text(c, &m.After.Description)
		record(c, m.After)
	case isChanged:
		if record(c, m.After); c.Reading() {
			m.Before.ID, m.Before.Seq = m.After.ID, m.After.Seq
		}
	case isDeleted:
		codec.Text(c, &m.Before.ID)
		codec.Number(c, &m.Before.Seq)
	default:
		if c.Reading() {
			m.Before, m.After = nil, nil
		}
		if kind != neverWas {
			c.Fail()
		}
	}
}

// record is what may change of a mission, and what identifies it.
func record(c *codec.Codec, r *Record) {
	codec.Number(c, &r.Seq)
	codec.Text(c, &r.ID)
	codec.Text(c, &r.Name)
	codec.Text(c, &r.Type)
	codec.Place(c, &r.Priority, priorities)
	codec.Place(c, &r.Status, statuses)
	tags(c, r)
	codec.Number(c, &r.MaxAttempts)
	codec.Float(c, &r.TimeoutSeconds)
	codec.Float(c, &r.StallSeconds)
	codec.Text(c, &r.CorrelationID)
	codec.Text(c, &r.Traceparent)
	codec.Number(c, &r.Attempt)
	codec.Text(c, &r.AgentID)
	codec.Optional(c, &r.Progress, progress)
	codec.Content(c, &r.Result)
	codec.Text(c, &r.Error)
	for _, t := range []*missions.Time{&r.NotBefore, &r.Deadline, &r.CreatedAt, &r.UpdatedAt, &r.StartedAt, &r.FinishedAt,
		&r.NextAttemptAt, &r.ReadyAt, &r.DueAt} {
		codec.Number(c, t)
	}
	codec.Number(c, &r.Token)
	codec.Flag(c, &r.Ready)
	codec.Number(c, &r.Entries)
	codec.Text(c, &r.Report.AgentID)
	codec.Number(c, &r.Report.Token)
}

func tags(c *codec.Codec, r *Record) {
	if codec.Sequence(c, &r.Tags, codec.Text); c.Reading() && r.Tags == nil {
		r.Tags = []string{}
	}
}

func progress(c *codec.Codec, p *missions.Progress) {
	codec.Float(c, &p.Percent)
	codec.Text(c, &p.Message)
}

func logLine(c *codec.Codec, l *LogLine) {
	codec.Number(c, &l.Seq)
	codec.Number(c, &l.N)
	e := &l.Entry
	codec.Number(c, &e.Timestamp)
	codec.Text(c, &e.Level)
	codec.Text(c, &e.Message)
	codec.Content(c, &e.Data)
	codec.Text(c, &e.By)
	codec.Text(c, &e.OldStatus)
	codec.Text(c, &e.NewStatus)
	codec.Text(c, &e.Reason)
}

func lease(c *codec.Codec, l *Lease) {
	codec.Number(c, &l.Seq)
	codec.Text(c, &l.MissionID)
	codec.Text(c, &l.Type)
	codec.Text(c, &l.AgentID)
	codec.Number(c, &l.Token)
	for _, t := range []*missions.Time{&l.ExpiresAt, &l.EndsAt, &l.StallsAt} {
		codec.Number(c, t)
	}
	codec.Number(c, &l.Missed)
}

func agent(c *codec.Codec, a *Agent) {
	for _, s := range []*string{&a.ID, &a.Name, &a.Role, &a.Version, &a.Host} {
		codec.Text(c, s)
	}
	codec.Place(c, &a.State, agentStates)
	codec.Number(c, &a.Capacity)
	if codec.Sequence(c, &a.Types, codec.Text); c.Reading() && a.Types == nil {
		a.Types = []string{}
	}
	codec.Table(c, &a.Labels, codec.Text, codec.Text)
	codec.Optional(c, &a.CPU, codec.Float)
	codec.Optional(c, &a.MemoryBytes, codec.Number)
	for _, t := range []*missions.Time{&a.LastHeartbeat, &a.RegisteredAt, &a.ChangedAt} {
		codec.Number(c, t)
	}
	codec.Flag(c, &a.Left)
	codec.Number(c, &a.Silence)
}

// positioned is an event with its position.
func positioned(c *codec.Codec, e *missions.Event) {
	codec.Number(c, &e.Seq)
	event(c, e)
}

func event(c *codec.Codec, e *missions.Event) {
	codec.Identifier(c, &e.ID)
	codec.Text(c, &e.Kind)
	codec.Number(c, &e.At)
	for _, s := range []*string{&e.CorrelationID, &e.Traceparent, &e.MissionID, &e.Name, &e.Description, &e.Type,
		&e.Reason, &e.AgentID, &e.Level, &e.Message, &e.Role, &e.Rule, &e.Metric} {
		codec.Text(c, s)
	}
	codec.Place(c, &e.Priority, priorities)
	codec.Place(c, &e.OldStatus, statuses)
	codec.Place(c, &e.NewStatus, statuses)
	codec.Number(c, &e.Attempt)
	codec.Sequence(c, &e.Types, codec.Text)
	codec.Optional(c, &e.Value, codec.Float)
	codec.Float(c, &e.Threshold)
	codec.Number(c, &e.Since)
}

func alert(c *codec.Codec, a *missions.Alert) {
	codec.Text(c, &a.Rule)
	codec.Text(c, &a.Metric)
	codec.Float(c, &a.Threshold)
	codec.Place(c, &a.State, alertStates)
	for _, t := range []*missions.Time{&a.Since, &a.RaisedAt, &a.ClearedAt, &a.CheckedAt} {
		codec.Number(c, t)
	}
	codec.Number(c, &a.Revision)
}

func totals(c *codec.Codec, t *Totals) {
	for i := range t.ByStatus {
		codec.Number(c, &t.ByStatus[i])
	}
	for _, h := range []*Histogram{&t.Run, &t.Queue, &t.SampledRun, &t.SampledQueue} {
		histogram(c, h)
	}
	codec.Number(c, &t.Agents)
	codec.Number(c, &t.Slots)
}

func histogram(c *codec.Codec, h *Histogram) {
	codec.Number(c, &h.Count)
	codec.Number(c, &h.Micros)
	codec.Number(c, &h.First)
	codec.Sequence(c, &h.Buckets, codec.Number)
}

func point(c *codec.Codec, p *Point) {
	codec.Number(c, &p.Since)
	for i := range p.Happened {
		codec.Number(c, &p.Happened[i])
	}
	histogram(c, &p.Run)
	histogram(c, &p.Queue)
	codec.Number(c, &p.Pending)
	codec.Number(c, &p.Running)
}
