package engine

import "missioncontrol/missions"

// encodingVersion is the first byte of encoded changes. An encoding is never changed: what
// a backend has stored is read by later versions.
const encodingVersion = 1

// Encode appends an encoding of the changes, for a backend's journal. Of a mission that is
// not new, Data and Description are left out: they never change. Of its state before, there
// is ID and Seq.
func (c *Changes) Encode(to []byte) []byte {
	e := &codec{buf: append(to, encodingVersion)}
	e.changes(c)
	return e.buf
}

// DecodeChanges returns changes from their encoding.
func DecodeChanges(encoded []byte) (*Changes, error) {
	if len(encoded) == 0 || encoded[0] != encodingVersion {
		return nil, ErrEncoding
	}
	d := &codec{buf: encoded[1:], reading: true}
	c := &Changes{}
	d.changes(c)
	return c, d.end()
}

// Encode appends an encoding of the totals.
func (t *Totals) Encode(to []byte) []byte {
	e := &codec{buf: to}
	totals(e, t)
	return e.buf
}

// DecodeTotals returns totals from their encoding.
func DecodeTotals(encoded []byte) (*Totals, error) {
	d := &codec{buf: encoded, reading: true}
	t := &Totals{}
	totals(d, t)
	return t, d.end()
}

// Encode appends an encoding of the point.
func (p *Point) Encode(to []byte) []byte {
	e := &codec{buf: to}
	point(e, p)
	return e.buf
}

// DecodePoint returns a point from its encoding.
func DecodePoint(encoded []byte) (p Point, err error) {
	d := &codec{buf: encoded, reading: true}
	point(d, &p)
	return p, d.end()
}

// EncodeEvents returns an encoding of events without their positions.
func EncodeEvents(events []*missions.Event) []byte {
	e := &codec{buf: []byte{encodingVersion}}
	e.length(len(events))
	for _, of := range events {
		event(e, of)
	}
	return e.buf
}

// DecodeEvents returns events from their encoding.
func DecodeEvents(encoded []byte) ([]missions.Event, error) {
	if len(encoded) == 0 || encoded[0] != encodingVersion {
		return nil, ErrEncoding
	}
	var events []missions.Event
	d := &codec{buf: encoded[1:], reading: true}
	sequence(d, &events, event)
	return events, d.end()
}

// end returns an error unless everything was read, and nothing else.
func (c *codec) end() error {
	if c.failed || len(c.buf) > 0 {
		return ErrEncoding
	}
	return nil
}

func (c *codec) changes(x *Changes) {
	marks(c, &x.Marks)
	sequence(c, &x.Missions, missionChange)
	sequence(c, &x.Logs, logLine)
	sequence(c, &x.Released, lease)
	sequence(c, &x.Leases, lease)
	sequence(c, &x.Gone, agent)
	sequence(c, &x.Agents, agent)
	sequence(c, &x.Events, positioned)
	c.totals(x)
	c.points(x)
	table(c, &x.Before, number, number)
	sequence(c, &x.Alerts, alert)
	sequence(c, &x.Notices, positioned)
	sequence(c, &x.Noticed, number)
	number(c, &x.Forgotten)
}

func (c *codec) totals(x *Changes) {
	table(c, &x.Totals, text, func(c *codec, t **Totals) {
		if c.reading {
			*t = &Totals{}
		}
		totals(c, *t)
	})
}

// points are a list of keys and points.
func (c *codec) points(x *Changes) {
	type keyed struct {
		key   PointKey
		point Point
	}
	var list []keyed
	for key, p := range x.Points {
		list = append(list, keyed{key, p})
	}
	sequence(c, &list, func(c *codec, k *keyed) {
		number(c, &k.key.Series)
		text(c, &k.key.Type)
		number(c, &k.key.Slot)
		point(c, &k.point)
	})
	if c.reading {
		x.Points = make(map[PointKey]Point, len(list))
		for _, k := range list {
			x.Points[k.key] = k.point
		}
	}
}

func marks(c *codec, m *Marks) {
	for _, n := range []*int64{&m.Outbox, &m.Acknowledged, &m.Forgotten, &m.Token, &m.Seq, &m.Revision} {
		number(c, n)
	}
	number(c, &m.Sampled)
	text(c, &m.Mark)
}

// What has happened to a mission.
const (
	isNew = iota
	isChanged
	isDeleted
	neverWas // it was created and deleted in one batch
)

func missionChange(c *codec, m *MissionChange) {
	kind := isChanged
	switch {
	case m.Before == nil && m.After == nil:
		kind = neverWas
	case m.Before == nil:
		kind = isNew
	case m.After == nil:
		kind = isDeleted
	}
	number(c, &kind)
	if c.reading && kind != isDeleted {
		m.After = &Record{}
	}
	if c.reading && kind != isNew {
		m.Before = &Record{}
	}
	switch kind {
	case isNew:
		content(c, &m.After.Data)
		text(c, &m.After.Description)
		record(c, m.After)
	case isChanged:
		if record(c, m.After); c.reading {
			m.Before.ID, m.Before.Seq = m.After.ID, m.After.Seq
		}
	case isDeleted:
		text(c, &m.Before.ID)
		number(c, &m.Before.Seq)
	default:
		if c.reading {
			m.Before, m.After = nil, nil
		}
		if kind != neverWas {
			c.fail()
		}
	}
}

// record is what may change of a mission, and what identifies it.
func record(c *codec, r *Record) {
	number(c, &r.Seq)
	text(c, &r.ID)
	text(c, &r.Name)
	text(c, &r.Type)
	place(c, &r.Priority, priorities)
	place(c, &r.Status, statuses)
	tags(c, r)
	number(c, &r.MaxAttempts)
	float(c, &r.TimeoutSeconds)
	float(c, &r.StallSeconds)
	text(c, &r.CorrelationID)
	text(c, &r.Traceparent)
	number(c, &r.Attempt)
	text(c, &r.AgentID)
	optional(c, &r.Progress, progress)
	content(c, &r.Result)
	text(c, &r.Error)
	for _, t := range []*missions.Time{&r.NotBefore, &r.Deadline, &r.CreatedAt, &r.UpdatedAt, &r.StartedAt, &r.FinishedAt,
		&r.NextAttemptAt, &r.ReadyAt, &r.DueAt} {
		number(c, t)
	}
	number(c, &r.Token)
	flag(c, &r.Ready)
	number(c, &r.Entries)
	text(c, &r.Report.AgentID)
	number(c, &r.Report.Token)
}

func tags(c *codec, r *Record) {
	if sequence(c, &r.Tags, text); c.reading && r.Tags == nil {
		r.Tags = []string{}
	}
}

func progress(c *codec, p *missions.Progress) {
	float(c, &p.Percent)
	text(c, &p.Message)
}

func logLine(c *codec, l *LogLine) {
	number(c, &l.Seq)
	number(c, &l.N)
	e := &l.Entry
	number(c, &e.Timestamp)
	text(c, &e.Level)
	text(c, &e.Message)
	content(c, &e.Data)
	text(c, &e.By)
	text(c, &e.OldStatus)
	text(c, &e.NewStatus)
	text(c, &e.Reason)
}

func lease(c *codec, l *Lease) {
	number(c, &l.Seq)
	text(c, &l.MissionID)
	text(c, &l.Type)
	text(c, &l.AgentID)
	number(c, &l.Token)
	for _, t := range []*missions.Time{&l.ExpiresAt, &l.EndsAt, &l.StallsAt} {
		number(c, t)
	}
	number(c, &l.Missed)
}

func agent(c *codec, a *Agent) {
	for _, s := range []*string{&a.ID, &a.Name, &a.Role, &a.Version, &a.Host} {
		text(c, s)
	}
	place(c, &a.State, agentStates)
	number(c, &a.Capacity)
	if sequence(c, &a.Types, text); c.reading && a.Types == nil {
		a.Types = []string{}
	}
	table(c, &a.Labels, text, text)
	optional(c, &a.CPU, float)
	optional(c, &a.MemoryBytes, number)
	for _, t := range []*missions.Time{&a.LastHeartbeat, &a.RegisteredAt, &a.ChangedAt} {
		number(c, t)
	}
	flag(c, &a.Left)
	number(c, &a.Silence)
}

// positioned is an event with its position.
func positioned(c *codec, e *missions.Event) {
	number(c, &e.Seq)
	event(c, e)
}

func event(c *codec, e *missions.Event) {
	identifier(c, &e.ID)
	text(c, &e.Kind)
	number(c, &e.At)
	for _, s := range []*string{&e.CorrelationID, &e.Traceparent, &e.MissionID, &e.Name, &e.Description, &e.Type,
		&e.Reason, &e.AgentID, &e.Level, &e.Message, &e.Role, &e.Rule, &e.Metric} {
		text(c, s)
	}
	place(c, &e.Priority, priorities)
	place(c, &e.OldStatus, statuses)
	place(c, &e.NewStatus, statuses)
	number(c, &e.Attempt)
	sequence(c, &e.Types, text)
	optional(c, &e.Value, float)
	float(c, &e.Threshold)
	number(c, &e.Since)
}

func alert(c *codec, a *missions.Alert) {
	text(c, &a.Rule)
	text(c, &a.Metric)
	float(c, &a.Threshold)
	place(c, &a.State, alertStates)
	for _, t := range []*missions.Time{&a.Since, &a.RaisedAt, &a.ClearedAt, &a.CheckedAt} {
		number(c, t)
	}
	number(c, &a.Revision)
}

func totals(c *codec, t *Totals) {
	for i := range t.ByStatus {
		number(c, &t.ByStatus[i])
	}
	for _, h := range []*Histogram{&t.Run, &t.Queue, &t.SampledRun, &t.SampledQueue} {
		histogram(c, h)
	}
	number(c, &t.Agents)
	number(c, &t.Slots)
}

func histogram(c *codec, h *Histogram) {
	number(c, &h.Count)
	number(c, &h.Micros)
	number(c, &h.First)
	sequence(c, &h.Buckets, number)
}

func point(c *codec, p *Point) {
	number(c, &p.Since)
	for i := range p.Happened {
		number(c, &p.Happened[i])
	}
	histogram(c, &p.Run)
	histogram(c, &p.Queue)
	number(c, &p.Pending)
	number(c, &p.Running)
}
