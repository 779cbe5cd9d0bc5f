package api

import (
	"maps"
	"slices"
	"strconv"

	"missioncontrol/missions"
)

// flowSize returns about how many bytes a mission has beside those of one without a flow.
func flowSize(m *missions.Mission) int {
	size := len(m.Checkpoint)
	if m.Flow == nil {
		return size
	}
	const each = 128 // names, numbers and ids
	size += 4*each + len(m.Key)
	for label, value := range m.Requires {
		size += 8 + len(label) + len(value)
	}
	for _, waits := range [][]missions.Wait{m.WaitingFor, m.WaitedFor} {
		for i := range waits {
			size += each + len(waits[i].Prompt)
		}
	}
	for i := range m.Signals {
		size += each + len(m.Signals[i].Data)
	}
	for _, input := range m.Inputs {
		size += each + len(input.Result)
	}
	return size
}

// flow writes every field of a [missions.Flow], in order.
func (o *object) flow(f *missions.Flow) {
	o.textIf("on_unmet", string(f.OnUnmet))
	o.usage("max_usage", f.MaxUsage)
	o.textIf("on_exceeded", string(f.OnExceeded))
	o.retryPolicy(f.RetryPolicy)
	o.textIf("parent_id", f.ParentID)
	o.trueIf("detached", f.Detached)
	o.textIf("batch", f.Batch)
	if f.Unique != nil {
		o.name("unique")
		o.within(func(inner *object) { inner.unique(f.Unique) })
	}
	o.textIf("key", f.Key)
	if f.Limits != nil {
		o.texts("limits", f.Limits)
	}
	o.labels("requires", f.Requires)
	o.textIf("prefer_agent", f.PreferAgent)
	if f.PreferSeconds != 0 {
		o.number("prefer_seconds", f.PreferSeconds)
	}
	o.timeIf("prefer_until", f.PreferUntil)
	o.textIf("schedule_id", f.ScheduleID)
	o.timeIf("scheduled_for", f.ScheduledFor)
	o.usage("usage", f.Usage)
	listIf(o, "waiting_for", f.WaitingFor, (*object).wait)
	o.timeIf("waiting_since", f.WaitingSince)
	o.timeIf("waiting_until", f.WaitingUntil)
	listIf(o, "waited_for", f.WaitedFor, (*object).wait)
	o.trueIf("timed_out", f.TimedOut)
	listIf(o, "signals", f.Signals, (*object).signal)
	o.inputs(f.Inputs)
}

// trueIf omits false.
func (o *object) trueIf(name string, value bool) {
	if value {
		o.flag(name, true)
	}
}

func (o *object) flag(name string, value bool) {
	o.name(name)
	o.dst = strconv.AppendBool(o.dst, value)
}

// within writes an object as a member's value.
func (o *object) within(fields func(*object)) {
	inner := open(o.dst)
	fields(&inner)
	o.dst = inner.close()
	if o.err == nil {
		o.err = inner.err
	}
}

// listIf writes objects, and omits nil.
func listIf[T any](o *object, name string, values []T, fields func(*object, *T)) {
	if values == nil {
		return
	}
	o.name(name)
	o.dst = append(o.dst, '[')
	for i := range values {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.within(func(inner *object) { fields(inner, &values[i]) })
	}
	o.dst = append(o.dst, ']')
}

// labels omits nil.
func (o *object) labels(name string, labels map[string]string) {
	if labels == nil {
		return
	}
	o.name(name)
	o.within(func(inner *object) {
		for _, label := range slices.Sorted(maps.Keys(labels)) {
			inner.text(label, labels[label])
		}
	})
}

// usage omits nil.
func (o *object) usage(name string, u missions.Usage) {
	if u == nil {
		return
	}
	o.name(name)
	o.within(func(inner *object) {
		for _, unit := range slices.Sorted(maps.Keys(u)) {
			inner.number(unit, u[unit])
		}
	})
}

func (o *object) retryPolicy(p *missions.RetryOptions) {
	if p == nil {
		return
	}
	o.name("retry_policy")
	o.within(func(inner *object) {
		for _, option := range []struct {
			name  string
			value *float64
		}{{"first_seconds", p.FirstSeconds}, {"factor", p.Factor}, {"max_seconds", p.MaxSeconds}, {"jitter", p.Jitter}} {
			if option.value != nil {
				inner.number(option.name, *option.value)
			}
		}
	})
}

func (o *object) unique(u *missions.Unique) {
	o.text("key", u.Key)
	o.textIf("on_conflict", string(u.OnConflict))
	if u.ForSeconds != 0 {
		o.number("for_seconds", u.ForSeconds)
	}
}

func (o *object) wait(w *missions.Wait) {
	o.textIf("mission", w.Mission)
	o.textIf("batch", w.Batch)
	o.textIf("signal", w.Signal)
	o.textIf("when", string(w.When))
	o.textIf("prompt", w.Prompt)
	if w.Choices != nil {
		o.texts("choices", w.Choices)
	}
	o.flag("met", w.Met)
	o.textIf("status", string(w.Status))
}

func (o *object) signal(s *missions.Signal) {
	o.integer("seq", int64(s.Seq))
	o.text("name", s.Name)
	if s.Data != nil {
		o.raw("data", s.Data)
	}
	o.textIf("by", s.By)
	o.flag("by_proven", s.ByProven)
	o.time("at", s.At)
	o.timeIf("seen_at", s.SeenAt)
	o.textIf("seen_by", s.SeenBy)
	o.trueIf("data_left_out", s.Elsewhere)
}

// inputs omits nil.
func (o *object) inputs(inputs map[string]missions.Input) {
	if inputs == nil {
		return
	}
	o.name("inputs")
	o.within(func(inner *object) {
		for _, source := range slices.Sorted(maps.Keys(inputs)) {
			input := inputs[source]
			inner.name(source)
			inner.within(func(fields *object) {
				fields.text("status", string(input.Status))
				fields.raw("result", input.Result)
			})
		}
	})
}
