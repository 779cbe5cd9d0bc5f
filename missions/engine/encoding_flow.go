package engine

import (
	"missioncontrol/missions"
	"missioncontrol/missions/codec"
)

// The first byte of an encoded flow: encodingVersion, or scheduledFlow if a schedule has created the mission and it uses
// nothing newer. With flaggedFlow, a number behind the flow says what comes behind that, in the order of its bits.
const (
	scheduledFlow = 2
	flaggedFlow   = 3
)

// What comes behind a flow.
const (
	flowOccurrence = 1 << iota
	flowUnique
	flowRouting

	knownFlow = flowOccurrence | flowUnique | flowRouting
)

// Encode appends an encoding of the flow, without its conditions and its checkpoint.
func (f *Flow) Encode(to []byte) []byte {
	first, more := byte(encodingVersion), 0
	if f.ScheduleID != "" {
		first, more = scheduledFlow, flowOccurrence
	}
	if f.Unique != nil {
		first, more = flaggedFlow, more|flowUnique
	}
	if _, routed := f.routing(); routed {
		first, more = flaggedFlow, more|flowRouting
	}
	e := codec.Writer(append(to, first))
	if flow(e, f); first == flaggedFlow {
		codec.Number(e, &more)
	}
	moreOfFlow(e, f, more)
	return e.Bytes()
}

// DecodeFlow returns a flow from its encoding. [Flow.Complete] adds the rest.
func DecodeFlow(encoded []byte) (*Flow, error) {
	if len(encoded) == 0 || encoded[0] < encodingVersion || encoded[0] > flaggedFlow {
		return nil, codec.ErrEncoding
	}
	d := codec.Reader(encoded[1:])
	f, more := &Flow{}, 0
	flow(d, f)
	switch encoded[0] {
	case scheduledFlow:
		more = flowOccurrence
	case flaggedFlow:
		if codec.Number(d, &more); more&^knownFlow != 0 {
			return nil, codec.ErrEncoding // of a later version
		}
	}
	moreOfFlow(d, f, more)
	return f, d.End()
}

// moreOfFlow is what comes behind a flow.
func moreOfFlow(c *codec.Codec, f *Flow, more int) {
	if more&flowOccurrence != 0 {
		o := occurrence{f.ScheduleID, f.ScheduledFor}
		if occurrenceOf(c, &o); c.Reading() {
			f.ScheduleID, f.ScheduledFor = o.scheduleID, o.at
		}
	}
	if more&flowUnique != 0 {
		if c.Reading() {
			f.Unique = &missions.Unique{}
		}
		uniqueOf(c, f.Unique)
	}
	if more&flowRouting != 0 {
		r, _ := f.routing()
		if routingOf(c, &r); c.Reading() {
			f.setRouting(&r)
		}
	}
}

func uniqueOf(c *codec.Codec, u *missions.Unique) {
	codec.Text(c, &u.Key)
	codec.Text(c, &u.OnConflict)
	codec.Float(c, &u.ForSeconds)
}

// Complete adds the parts of a mission that are read with its record, nil for those that are not
// known: then what is there stays.
func (f *Flow) Complete(conditions, checkpoint []byte) error {
	if conditions != nil {
		d := codec.Reader(conditions)
		codec.Sequence(d, &f.Conditions, condition)
		if err := d.End(); err != nil || len(f.Conditions) != len(f.Outcomes) {
			return codec.ErrEncoding
		}
	}
	if checkpoint != nil {
		f.Checkpoint, f.kept = checkpoint, false
	}
	return nil
}

// Incomplete reports whether parts are missing that are read with the record.
func (f *Flow) Incomplete() (conditions, checkpoint bool) {
	return len(f.Conditions) != len(f.Outcomes), f.kept && f.Checkpoint == nil
}

// CompleteFrom takes from an earlier state of the mission what is missing.
func (f *Flow) CompleteFrom(before *Flow) {
	conditions, checkpoint := f.Incomplete()
	if conditions && before != nil {
		f.Conditions = before.Conditions
	}
	if checkpoint && before != nil {
		f.Checkpoint, f.kept = before.Checkpoint, false
	}
}

// EncodeConditions returns an encoding of conditions, nil for none.
func EncodeConditions(conditions []missions.Condition) []byte {
	if len(conditions) == 0 {
		return nil
	}
	e := codec.Writer(nil)
	codec.Sequence(e, &conditions, condition)
	return e.Bytes()
}

func condition(c *codec.Codec, x *missions.Condition) {
	for _, s := range []*string{&x.Mission, &x.Batch, &x.Signal, &x.Prompt} {
		codec.Text(c, s)
	}
	codec.Text(c, &x.When)
	codec.Sequence(c, &x.Choices, codec.Text)
}

func flow(c *codec.Codec, f *Flow) {
	codec.Text(c, &f.Digest)
	codec.Text(c, &f.OnUnmet)
	usage(c, &f.MaxUsage)
	codec.Text(c, &f.OnExceeded)
	codec.Optional(c, &f.Retry, retryOptions)
	codec.Text(c, &f.ParentID)
	codec.Flag(c, &f.Detached)
	codec.Text(c, &f.Batch)
	codec.Sequence(c, &f.Outcomes, func(c *codec.Codec, o *Outcome) {
		n := int(*o)
		codec.Number(c, &n)
		if n < 0 || n > int(waived) {
			c.Fail()
			n = 0
		}
		if c.Reading() { // others may read a record while it is written to a journal
			*o = Outcome(n) //nolint:gosec // it is in range
		}
	})
	codec.Float(c, &f.Timeout)
	for _, flag := range []*bool{&f.Waiting, &f.Parked, &f.TimedOut, &f.Awaited} {
		codec.Flag(c, flag)
	}
	codec.Number(c, &f.WaitAt)
	codec.Number(c, &f.Since)
	codec.Number(c, &f.Until)
	codec.Number(c, &f.ExtraTurns)
	usage(c, &f.Spent)
	usage(c, &f.TurnUsage)
	codec.Sequence(c, &f.Signals, signal)
	codec.Number(c, &f.ChildAt)
	codec.Text(c, &f.CancelledBy)
	codec.Number(c, &f.CancelledAt)
	codec.Number(c, &f.Stopped)
	kept := f.Checkpoint != nil
	if codec.Flag(c, &kept); c.Reading() {
		f.kept = kept
	}
}

func signal(c *codec.Codec, s *Signal) {
	codec.Number(c, &s.Seq)
	codec.Text(c, &s.Name)
	codec.Content(c, &s.Data)
	codec.Text(c, &s.By)
	codec.Flag(c, &s.ByProven)
	codec.Number(c, &s.At)
	codec.Number(c, &s.SeenAt)
	codec.Text(c, &s.SeenBy)
	codec.Text(c, &s.ID)
	codec.Flag(c, &s.Large)
	codec.Flag(c, &s.Used)
}

func retryOptions(c *codec.Codec, o *missions.RetryOptions) {
	for _, p := range []**float64{&o.FirstSeconds, &o.Factor, &o.MaxSeconds, &o.Jitter} {
		codec.Optional(c, p, codec.Float)
	}
}

// usage is a table; an empty one is read as nil.
func usage(c *codec.Codec, u *missions.Usage) {
	table := map[string]float64(*u)
	codec.Table(c, &table, codec.Text, codec.Float)
	if c.Reading() {
		if *u = table; len(table) == 0 {
			*u = nil
		}
	}
}

// extended reports whether the totals have what comes behind their encoding.
func (t *Totals) extended() bool { return t.Waiting != [len(t.Waiting)]int64{} || len(t.Usage) > 0 }

func moreTotals(c *codec.Codec, t *Totals) {
	for i := range t.Waiting {
		codec.Number(c, &t.Waiting[i])
	}
	usage(c, &t.Usage)
}
