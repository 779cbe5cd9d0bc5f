package engine

import (
	"cmp"
	"slices"

	"missioncontrol/missions"
	"missioncontrol/missions/codec"
)

// extension is what comes behind encoded changes if missions use a [Flow].
type extension struct {
	flows   []placed[Flow] // of Changes.Missions, by place
	signals []placed[int]  // of Changes.Leases, by place
	totals  []named[Totals]
	points  []keyed[missions.Usage]
	parts   []Part
	docs    []Doc
	members []Member

	// Of flows, by place. They make it the encoding of a later version.
	occurrences []placed[occurrence]
	uniques     []placed[missions.Unique]
	routings    []placed[routing]

	shares []placed[routing] // of Changes.Leases, by place; they do so, too
}

// routing is what a flow or a lease has of keys, limits, requirements and preferences.
type routing struct {
	key      string
	limits   []string
	requires map[string]string
	queued   bool

	prefers     missions.Preference
	preferUntil missions.Time
}

func routingOf(c *codec.Codec, r *routing) {
	codec.Text(c, &r.key)
	codec.Sequence(c, &r.limits, codec.Text)
	codec.Table(c, &r.requires, codec.Text, codec.Text)
	codec.Flag(c, &r.queued)
	codec.Text(c, &r.prefers.PreferAgent)
	codec.Float(c, &r.prefers.PreferSeconds)
	if codec.Number(c, &r.preferUntil); c.Reading() {
		if len(r.limits) == 0 {
			r.limits = nil
		}
		if len(r.requires) == 0 {
			r.requires = nil
		}
	}
}

// routing returns what a flow has of keys, limits, requirements and preferences, and whether that is anything.
func (f *Flow) routing() (r routing, there bool) {
	return routing{f.Key, f.Limits, f.Requires, f.Queued, f.Preference, f.PreferUntil},
		f.Key != "" || len(f.Limits)+len(f.Requires) > 0 || f.PreferAgent != ""
}

func (f *Flow) setRouting(r *routing) {
	f.Key, f.Limits, f.Requires, f.Queued = r.key, r.limits, r.requires, r.queued
	f.Preference, f.PreferUntil = r.prefers, r.preferUntil
}

// occurrence is what a flow has of the schedule that created its mission.
type occurrence struct {
	scheduleID string
	at         missions.Time
}

func occurrenceOf(c *codec.Codec, o *occurrence) {
	codec.Text(c, &o.scheduleID)
	codec.Number(c, &o.at)
}

type placed[T any] struct {
	place int
	value T
}

type named[T any] struct {
	name  string
	value T
}

type keyed[T any] struct {
	key   PointKey
	value T
}

// extensionOf returns the extension of changes, nil if they need none.
func extensionOf(c *Changes) *extension {
	x := &extension{parts: c.Parts, docs: c.Docs, members: c.Members}
	needed := len(c.Parts)+len(c.Docs)+len(c.Members) > 0
	for i := range c.Missions {
		if r := c.Missions[i].After; r != nil && r.Flow != nil {
			if id := r.Flow.ScheduleID; id != "" {
				x.occurrences = append(x.occurrences, placed[occurrence]{len(x.flows), occurrence{id, r.Flow.ScheduledFor}})
			}
			if of, there := r.Flow.routing(); there {
				x.routings = append(x.routings, placed[routing]{len(x.flows), of})
			}
			if u := r.Flow.Unique; u != nil {
				x.uniques = append(x.uniques, placed[missions.Unique]{len(x.flows), *u})
			}
			x.flows = append(x.flows, placed[Flow]{i, *r.Flow})
		}
	}
	for i := range c.Leases {
		if n := c.Leases[i].Signal; n != 0 {
			x.signals = append(x.signals, placed[int]{i, n})
		}
		if l := &c.Leases[i]; l.Key != "" || len(l.Limits) > 0 {
			x.shares = append(x.shares, placed[routing]{i, routing{key: l.Key, limits: l.Limits}})
		}
	}
	for name, t := range c.Totals {
		if t.extended() {
			x.totals = append(x.totals, named[Totals]{name, *t})
		}
	}
	for key, p := range c.Points {
		if len(p.Usage) > 0 {
			x.points = append(x.points, keyed[missions.Usage]{key, p.Usage})
		}
	}
	if !needed && len(x.flows)+len(x.signals)+len(x.shares)+len(x.totals)+len(x.points) == 0 {
		return nil
	}
	slices.SortFunc(x.totals, func(a, b named[Totals]) int { return cmp.Compare(a.name, b.name) })
	slices.SortFunc(x.points, func(a, b keyed[missions.Usage]) int {
		return cmp.Or(cmp.Compare(a.key.Series, b.key.Series), cmp.Compare(a.key.Type, b.key.Type), cmp.Compare(a.key.Slot, b.key.Slot))
	})
	return x
}

func extend(c *codec.Codec, x *extension) {
	codec.Sequence(c, &x.flows, func(c *codec.Codec, p *placed[Flow]) {
		codec.Number(c, &p.place)
		flow(c, &p.value)
	})
	codec.Sequence(c, &x.signals, func(c *codec.Codec, p *placed[int]) {
		codec.Number(c, &p.place)
		codec.Number(c, &p.value)
	})
	codec.Sequence(c, &x.totals, func(c *codec.Codec, t *named[Totals]) {
		codec.Text(c, &t.name)
		moreTotals(c, &t.value)
	})
	codec.Sequence(c, &x.points, func(c *codec.Codec, p *keyed[missions.Usage]) {
		codec.Number(c, &p.key.Series)
		codec.Text(c, &p.key.Type)
		codec.Number(c, &p.key.Slot)
		usage(c, &p.value)
	})
	codec.Sequence(c, &x.parts, func(c *codec.Codec, p *Part) {
		codec.Number(c, &p.Seq)
		codec.Text(c, &p.MissionID)
		codec.Text(c, &p.Name)
		codec.Content(c, &p.Body)
	})
	codec.Sequence(c, &x.docs, func(c *codec.Codec, d *Doc) {
		codec.Text(c, &d.Key)
		codec.Content(c, &d.Body)
	})
	codec.Sequence(c, &x.members, func(c *codec.Codec, m *Member) {
		codec.Text(c, &m.Set)
		codec.Text(c, &m.Member)
		codec.Flag(c, &m.Gone)
	})
}

// schedules is what comes behind an extension if missions were created by schedules.
func schedules(c *codec.Codec, x *extension) {
	codec.Sequence(c, &x.occurrences, func(c *codec.Codec, p *placed[occurrence]) {
		codec.Number(c, &p.place)
		occurrenceOf(c, &p.value)
	})
}

// routings is what comes behind that if missions have keys, limits or requirements.
func routings(c *codec.Codec, x *extension) {
	for _, list := range []*[]placed[routing]{&x.routings, &x.shares} {
		codec.Sequence(c, list, func(c *codec.Codec, p *placed[routing]) {
			codec.Number(c, &p.place)
			routingOf(c, &p.value)
		})
	}
}

// applyRoutings completes flows and leases that were decoded.
func (x *extension) applyRoutings(c *Changes) bool {
	for i := range x.routings {
		r := &x.routings[i]
		if r.place < 0 || r.place >= len(x.flows) {
			return false
		}
		x.flows[r.place].value.setRouting(&r.value)
	}
	for i := range x.shares {
		s := &x.shares[i]
		if s.place < 0 || s.place >= len(c.Leases) {
			return false
		}
		c.Leases[s.place].Key, c.Leases[s.place].Limits = s.value.key, s.value.limits
	}
	return true
}

// uniques is what comes behind that if missions have unique keys.
func uniques(c *codec.Codec, x *extension) {
	codec.Sequence(c, &x.uniques, func(c *codec.Codec, p *placed[missions.Unique]) {
		codec.Number(c, &p.place)
		uniqueOf(c, &p.value)
	})
}

// applyTo completes changes that were decoded. It reports false for what fits no changes.
func (x *extension) applyTo(c *Changes) bool {
	for _, o := range x.occurrences {
		if o.place < 0 || o.place >= len(x.flows) {
			return false
		}
		f := &x.flows[o.place].value
		f.ScheduleID, f.ScheduledFor = o.value.scheduleID, o.value.at
	}
	if !x.applyRoutings(c) {
		return false
	}
	for i := range x.uniques {
		place := x.uniques[i].place
		if place < 0 || place >= len(x.flows) {
			return false
		}
		x.flows[place].value.Unique = &x.uniques[i].value
	}
	parts := map[PartKey][]byte{}
	for i := range x.parts {
		parts[PartKey{x.parts[i].MissionID, x.parts[i].Name}] = x.parts[i].Body
	}
	for i := range x.flows {
		place := x.flows[i].place
		if place < 0 || place >= len(c.Missions) || c.Missions[place].After == nil {
			return false
		}
		r := c.Missions[place].After
		r.Flow = &x.flows[i].value
		if err := r.Flow.Complete(parts[PartKey{r.ID, PartConditions}], parts[PartKey{r.ID, PartCheckpoint}]); err != nil {
			return false
		}
	}
	for _, s := range x.signals {
		if s.place < 0 || s.place >= len(c.Leases) {
			return false
		}
		c.Leases[s.place].Signal = s.value
	}
	for i := range x.totals {
		if t := c.Totals[x.totals[i].name]; t != nil {
			t.Waiting, t.Usage = x.totals[i].value.Waiting, x.totals[i].value.Usage
		}
	}
	for _, p := range x.points {
		of := c.Points[p.key]
		of.Usage = p.value
		c.Points[p.key] = of
	}
	c.Parts, c.Docs, c.Members = x.parts, x.docs, x.members
	return true
}
