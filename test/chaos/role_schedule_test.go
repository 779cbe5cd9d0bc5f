//go:build chaos

package chaos

import (
	"fmt"
	"time"

	"missioncontrol/test/chaos/check"
)

// timetable is a schedule as its owner sets it.
type timetable struct {
	ID      string         `json:"id"`
	Every   int64          `json:"every_seconds"`
	Offset  int64          `json:"offset_seconds,omitempty"`
	CatchUp string         `json:"catch_up,omitempty"`
	Within  int64          `json:"catch_up_seconds,omitempty"`
	Jitter  int64          `json:"jitter_seconds,omitempty"`
	Paused  bool           `json:"paused,omitempty"`
	Mission map[string]any `json:"mission"`
}

// scheduling are the habits of a client that has schedules and changes many missions at once.
var scheduling = []habit{
	{4, (*client).keepSchedule}, {3, (*client).setSchedule}, {3, (*client).pauseSchedule}, {3, (*client).triggerSchedule},
	{1, (*client).backfill}, {1, (*client).deleteSchedule}, {1, (*client).schedules}, {4, (*client).changeMany},
}

// keepSchedule sets a schedule that never changes: none of its times may be missed.
func (c *client) keepSchedule() {
	c.insist("schedules.set", timetable{ID: "at-" + c.who + "-kept", Every: 2, CatchUp: "all",
		Mission: map[string]any{"name": "kept", "type": kinds[0], "unique": nil}})
}

// aSchedule returns the ID of one of the client's other schedules.
func (c *client) aSchedule() string { return fmt.Sprintf("at-%s-%d", c.who, c.dice.IntN(2)) }

// setSchedule sets a schedule to something new.
func (c *client) setSchedule() {
	t := timetable{ID: c.aSchedule(), Every: 1 + c.dice.Int64N(5), CatchUp: []string{"", "last", "all", "none"}[c.dice.IntN(4)],
		Paused: c.dice.IntN(6) == 0, Mission: map[string]any{"name": "changed", "type": kinds[c.dice.IntN(len(kinds))]}}
	t.Offset = c.dice.Int64N(t.Every)
	if c.dice.IntN(2) == 0 {
		t.Mission["unique"] = nil
	}
	if c.dice.IntN(4) == 0 {
		t.Within = 1 + c.dice.Int64N(10)
	}
	if c.dice.IntN(4) == 0 {
		t.Jitter = 1
	}
	c.insist("schedules.set", t)
}

// pauseSchedule pauses a schedule, or resumes it.
func (c *client) pauseSchedule() {
	var t timetable
	a := c.ask("schedules.get", byID{c.aSchedule()})
	if a.read(&t); !a.ok() {
		return
	}
	t.Paused = !t.Paused
	c.insist("schedules.set", t)
}

// triggerSchedule triggers a schedule, and sometimes ends what that created.
func (c *client) triggerSchedule() {
	var made struct {
		Mission byID `json:"mission"`
	}
	a := c.ask("schedules.trigger", byID{c.aSchedule()})
	if a.read(&made); a.ok() && c.dice.IntN(3) == 0 {
		c.ask([]string{"missions.cancel", "missions.delete"}[c.dice.IntN(2)], made.Mission)
	}
}

func (c *client) backfill() {
	now := time.Now().Unix()
	c.ask("schedules.backfill", map[string]any{"id": c.aSchedule(), "from": now - 1 - c.dice.Int64N(10), "to": now - c.dice.Int64N(2)})
}

func (c *client) deleteSchedule() { c.ask("schedules.delete", byID{c.aSchedule()}) }
func (c *client) schedules()      { c.ask("schedules.list", map[string]any{"limit": 10}) }

// manyRequest is a request to do something to all missions that have a tag.
type manyRequest struct {
	Action   string            `json:"action"`
	Filter   map[string]string `json:"filter"`
	DryRun   bool              `json:"dry_run,omitempty"`
	Limit    int               `json:"limit,omitempty"`
	AsOf     float64           `json:"as_of,omitempty"`
	Cursor   string            `json:"cursor,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	Name     string            `json:"name,omitempty"`
	SignalID string            `json:"signal_id,omitempty"`
}

// newMany returns a request that no other resembles: its reason or its signal says whose work an event tells of.
func newMany(action, tag string, dryRun bool) manyRequest {
	q := manyRequest{Action: action, Filter: map[string]string{"tag": tag}, DryRun: dryRun}
	switch action {
	case "cancel":
		q.Reason = "many " + tag
	case "signal":
		q.Name, q.SignalID = tag, tag
	}
	return q
}

// changeMany creates missions with a tag of their own and does something to all of them, in steps. Before it
// begins, and between the steps, it creates more, which must be left alone.
func (c *client) changeMany() {
	c.next++
	tag := fmt.Sprintf("many-%s-%d-%d", c.who, c.rec.Life(), c.next)
	c.createTagged(tag, 2+c.dice.IntN(6))
	actions := [][]string{{"cancel"}, {"cancel", "retry"}, {"delete"}, {"signal"}, {"signal", "cancel", "delete"}}
	for _, action := range actions[c.dice.IntN(len(actions))] {
		asOf, known := c.count(newMany(action, tag, true))
		if !known {
			return
		}
		c.createTagged(tag, 1+c.dice.IntN(2))
		q := newMany(action, tag, false)
		q.AsOf, q.Limit = asOf, 1+c.dice.IntN(4)
		c.changeAll(q)
	}
}

// count returns the time up to which a request for many missions counts them.
func (c *client) count(q manyRequest) (asOf float64, known bool) {
	var counted struct {
		AsOf float64 `json:"as_of"`
	}
	a := c.ask("missions.bulk", q)
	a.read(&counted)
	return counted.AsOf, a.ok() && counted.AsOf != 0
}

// changeAll repeats a request for many missions until there are no more, or nobody answers.
func (c *client) changeAll(q manyRequest) {
	for range 20 {
		var a answer
		for range 4 {
			if a = c.ask("missions.bulk", q); a.outcome != check.Unknown {
				break
			}
		}
		var reply struct {
			Next string `json:"next_cursor"`
		}
		if a.read(&reply); !a.ok() || reply.Next == "" {
			return
		}
		q.Cursor = reply.Next
		if c.dice.IntN(4) == 0 {
			c.createTagged(q.Filter["tag"], 1)
		}
	}
}

func (c *client) createTagged(tag string, n int) {
	all := make([]spec, n)
	for i := range all {
		all[i] = c.newFlowSpec()
		all[i].Tags = append(all[i].Tags, tag)
	}
	c.insist("missions.create", together{Missions: all})
}

// deleteSchedules deletes all schedules, as a person does in the end: with them, some mission would always be
// on its way.
func (c *caller) deleteSchedules() {
	var list struct {
		Schedules []byID `json:"schedules"`
	}
	c.ask("schedules.list", map[string]any{"limit": 200}).read(&list)
	for _, s := range list.Schedules {
		c.ask("schedules.delete", s)
	}
}
