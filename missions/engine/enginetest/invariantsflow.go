package enginetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// text returns a flow as text, as far as callers see it.
func (x *modelMission) text() string {
	f := x.flows
	if f == nil {
		return fmt.Sprint(x.turn())
	}
	var t strings.Builder
	fmt.Fprint(&t, x.turn(), " keeps ", f.checkpoint, " used ", f.used(), " of ", f.max, " timed out ", f.timedOut)
	if f.waits {
		fmt.Fprint(&t, " waits until ", f.until)
	}
	if f.prefers != "" {
		fmt.Fprint(&t, " prefers ", f.prefers, " until ", f.preferUntil)
	}
	for i := range f.conditions {
		c := &f.conditions[i]
		status := c.outcome
		if status == "signalled" || status == "waived" {
			status = ""
		}
		fmt.Fprint(&t, " ", c.source, " ", c.meets(), " ", status)
	}
	for i := range f.signals {
		s := &f.signals[i]
		fmt.Fprint(&t, " signal ", s.name, " ", len(s.data), " ", s.seen)
	}
	return t.String()
}

// flowText is [modelMission.text] of what is stored.
func flowText(r *engine.Record) string {
	m := r.Output()
	f := m.Flow
	if f == nil {
		f = &missions.Flow{}
	}
	var t strings.Builder
	fmt.Fprint(&t, m.Turn, " keeps ", string(m.Checkpoint), " used ", f.Usage["usd"], " of ", f.MaxUsage["usd"], " timed out ", f.TimedOut)
	waits := f.WaitedFor
	if f.WaitingSince != 0 {
		fmt.Fprint(&t, " waits until ", f.WaitingUntil)
		waits = f.WaitingFor
	}
	if f.PreferAgent != "" {
		fmt.Fprint(&t, " prefers ", f.PreferAgent, " until ", f.PreferUntil)
	}
	for i := range waits {
		c := &waits[i]
		fmt.Fprint(&t, " ", string(c.Kind()[0]), "/", c.Source(), " ", c.Met, " ", c.Status)
	}
	for i := range f.Signals {
		s := &f.Signals[i]
		size := len(s.Data)
		if s.Elsewhere {
			size = len(longText)
		}
		fmt.Fprint(&t, " signal ", s.Name, " ", size, " ", s.SeenAt != 0)
	}
	return t.String()
}

// compareFlows checks what belongs to waits beside the missions: who stands in the set of a source, how many that is, the
// counts of batches, and the parts of missions.
func (w *world) compareFlows() error {
	var sources []string
	for i := range w.is.list {
		sources = append(sources, "m/"+w.is.list[i].id)
	}
	for _, id := range simulatedBatches {
		sources = append(sources, "b/"+id)
	}
	for i := range w.is.wakes {
		if s := w.is.wakes[i].source; !slices.Contains(sources, s) { // the mission is deleted
			sources = append(sources, s)
		}
	}
	var ranges []engine.Range
	var keys []string
	for _, s := range sources {
		ranges = append(ranges, engine.Range{Set: "w/" + s, Limit: 1000})
		if s[0] == 'b' {
			keys = append(keys, s)
		}
	}
	lists, err := w.backend.Members(w.ctx, ranges)
	if err != nil {
		return err
	}
	for i, s := range sources {
		if err := w.compareSet(s, lists[i]); err != nil {
			return err
		}
	}
	docs, err := w.backend.Docs(w.ctx, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := w.compareBatch(key[2:], docs[key]); err != nil {
			return err
		}
	}
	return w.compareParts()
}

// compareTotals checks how many missions wait for what, and what was spent.
func (w *world) compareTotals(stored *engine.Totals) error {
	if stored == nil || w.draining {
		return nil
	}
	var want [4]int64
	kinds := map[byte]missions.WaitKind{'m': missions.WaitMission, 'b': missions.WaitBatch, 's': missions.WaitSignal}
	for i := range w.is.list {
		x := &w.is.list[i]
		if x.status != missions.Pending || x.queued {
			continue
		}
		waits := map[missions.WaitKind]bool{}
		if x.waits() {
			for _, c := range x.flows.conditions {
				if c.outcome == "" {
					waits[kinds[c.source[0]]] = true
				}
			}
		}
		if len(waits) == 0 {
			waits[missions.WaitTime] = true
		}
		for kind := range waits {
			want[slices.Index(missions.WaitKinds(), kind)]++
		}
	}
	if stored.Waiting != want || stored.Usage["usd"] != w.is.spent {
		return fmt.Errorf("counted as waiting are %v, want %v; %v were spent, want %v", stored.Waiting, want, stored.Usage["usd"], w.is.spent)
	}
	return nil
}

// compareSet checks who stands in the set of a source.
func (w *world) compareSet(source string, members []string) error {
	var got, want []string
	for _, member := range members {
		got = append(got, member[len("0000000000000000:"):])
	}
	for _, of := range w.is.registered(source) {
		want = append(want, fmt.Sprintf("%02x:%s", of.place, of.id))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("in the set of %s are %q, want %q", source, got, want)
	}
	return nil
}

// compareBatch checks the counts of a batch against a recount of the model.
func (w *world) compareBatch(id string, body []byte) error {
	is, there := w.is.batches[id]
	if !there || body == nil {
		if there != (body != nil) {
			return fmt.Errorf("batch %s is stored: %v, want %v", id, body != nil, there)
		}
		return nil
	}
	b, err := engine.DecodeBatch(id, body)
	if err != nil {
		return err
	}
	counts, total, _ := w.is.members(id)
	got := fmt.Sprint(b.Open, b.Total, b.ByStatus, b.EndedAt)
	if want := fmt.Sprint(is.open, total, counts, is.ended); got != want {
		return fmt.Errorf("batch %s is %s, want %s", id, got, want)
	}
	return nil
}

// compareParts checks that the outcomes of what missions waited for are there, and the data of signals.
func (w *world) compareParts() error {
	var keys []engine.PartKey
	var want []string
	for i := range w.is.list {
		x := &w.is.list[i]
		if x.flows == nil {
			continue
		}
		for place, c := range x.flows.conditions {
			if c.outcome != "" && c.outcome != "signalled" && c.outcome != "waived" {
				keys, want = append(keys, engine.InputPart(x.id, place)), append(want, c.outcome)
			}
		}
		for n, s := range x.flows.signals {
			if len(s.data) > 512 {
				keys, want = append(keys, engine.SignalPart(x.id, n+1)), append(want, strconv.Itoa(len(s.data)))
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	bodies, err := w.backend.Parts(w.ctx, keys)
	if err != nil {
		return err
	}
	for i, body := range bodies {
		got := strconv.Itoa(len(body))
		if body != nil && body[0] == '{' {
			var input missions.Input
			if err := json.Unmarshal(body, &input); err != nil {
				return err
			}
			got = string(input.Status)
		}
		if got != want[i] {
			return fmt.Errorf("part %s of mission %s is of %s, want %s", keys[i].Name, keys[i].MissionID, got, want[i])
		}
	}
	return nil
}
