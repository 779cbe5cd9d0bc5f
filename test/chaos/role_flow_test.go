//go:build chaos

package chaos

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"missioncontrol/test/chaos/check"
)

// flowKind is the type of the missions that wait, keep and spend. Those of other types use nothing
// of it.
const flowKind = "flow"

// condition is one of those that a mission waits for.
type condition struct {
	Mission string   `json:"mission,omitempty"`
	Batch   string   `json:"batch,omitempty"`
	Signal  string   `json:"signal,omitempty"`
	When    string   `json:"when,omitempty"`
	Prompt  string   `json:"prompt,omitempty"`
	Choices []string `json:"choices,omitempty"`
}

// waiting is a mission that waits, as a list has it.
type waiting struct {
	ID         string `json:"id"`
	WaitingFor []struct {
		condition
		Met bool `json:"met"`
	} `json:"waiting_for"`
}

// neverSent is a signal that nobody sends.
const neverSent = "nobody"

// signalRequest is a signal as its sender sends it.
type signalRequest struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Data     any    `json:"data,omitempty"`
	SignalID string `json:"signal_id,omitempty"`
}

// answerTo returns what a person could answer to a condition.
func answerTo(c *condition, n int) any {
	switch {
	case c.Signal == "budget":
		return map[string]float64{"tokens": 1e6}
	case len(c.Choices) > 0:
		return c.Choices[n%len(c.Choices)]
	}
	return map[string]int{"n": n}
}

// answers answers everybody who waits for a signal, and closes the batches that are open, and
// deletes the schedules. It is what operators do in the end: without it, some missions would rightly wait for ever.
func (c *caller) answers(n int) {
	var list struct {
		Missions []waiting `json:"missions"`
	}
	c.ask("missions.list", map[string]any{"waiting": "signal", "limit": 200}).read(&list)
	for _, m := range list.Missions {
		for _, w := range m.WaitingFor {
			if w.Signal == "" || w.Signal == neverSent || w.Met {
				continue
			}
			id := fmt.Sprintf("%s-%d-%d", c.who, c.rec.Life(), n)
			c.ask("missions.signal", signalRequest{ID: m.ID, Name: w.Signal, Data: answerTo(&w.condition, n), SignalID: id})
			n++
		}
	}
	c.deleteSchedules()
	for cursor := ""; ; {
		var batches struct {
			Batches []check.Batch `json:"batches"`
			Next    string        `json:"next_cursor"`
		}
		c.ask("batches.list", map[string]any{"limit": 200, "cursor": cursor}).read(&batches)
		for _, b := range batches.Batches {
			if b.Open {
				c.ask("batches.close", byID{b.ID})
			}
		}
		if cursor = batches.Next; cursor == "" {
			return
		}
	}
}

// flowing are the habits of a client that has missions wait for each other, and answers them.
var flowing = []habit{
	{5, (*client).createPipeline}, {2, (*client).createFan}, {6, (*client).createAsking}, {5, (*client).createCapped}, {4, (*client).createPlainFlow},
	{10, (*client).answerSome}, {6, (*client).signalSome}, {3, (*client).retryDependents}, {2, (*client).retryFresh},
	{2, (*client).aboutABatch}, {1, (*client).graph}, {1, (*client).createCrowd}, {3, (*client).outliveSource}, {8, (*client).createUnique}, {8, (*client).createLimited},
}

// simpleFlowing are those of a client that uses HTTP.
var simpleFlowing = []habit{{3, (*client).createAsking}, {3, (*client).createPlainFlow}, {5, (*client).answerSome}, {5, (*client).signalSome}, {3, (*client).createUnique}}

// newFlowSpec returns a mission of the type whose agents report checkpoints and usage.
func (c *client) newFlowSpec() spec {
	s := c.newSpec()
	s.Type, s.NotBefore = flowKind, 0
	if c.dice.IntN(6) == 0 {
		s.RetryPolicy = map[string]float64{"first_seconds": 0.1, "factor": 2, "max_seconds": 1}
	}
	return s
}

func (c *client) createPlainFlow() {
	s := c.newFlowSpec()
	c.prefer(&s)
	c.insist("missions.create", s)
}

// createUnique creates a mission with one of a few keys, or two in one request.
func (c *client) createUnique() {
	var all []spec
	for range 1 + c.dice.IntN(2) {
		s := c.newFlowSpec()
		if c.dice.IntN(2) == 0 {
			s.Type = kinds[c.dice.IntN(len(kinds))]
		}
		s.Unique = &check.Unique{Key: fmt.Sprint("key:", c.dice.IntN(4)), OnConflict: []string{"keep", "keep", "replace_pending", "replace"}[c.dice.IntN(4)]}
		if c.dice.IntN(3) == 0 {
			s.Unique.ForSeconds = 4 * c.dice.Float64()
		}
		all = append(all, s)
	}
	if len(all) == 1 {
		c.insist("missions.create", all[0])
		return
	}
	c.insist("missions.create", together{Missions: all})
}

// unmet sets what becomes of a mission whose conditions cannot be met, and sometimes when.
func (c *client) unmet(s *spec) {
	s.OnUnmet = []string{"", "", "cancel", "fail", "run"}[c.dice.IntN(5)]
	if c.dice.IntN(5) == 0 {
		s.AfterTimeout = 0.5 + 4*c.dice.Float64()
	}
}

// after returns a condition for the end of a mission.
func (c *client) after(id string) condition {
	return condition{Mission: id, When: []string{"", "completed", "ended"}[c.dice.IntN(3)]}
}

// createPipeline creates missions of one request of which each waits for the one before, in any order; the
// first may wait for one that was created earlier.
func (c *client) createPipeline() {
	var all []spec
	for i := range 2 + c.dice.IntN(3) {
		s := c.newFlowSpec()
		switch {
		case i > 0:
			s.After = []condition{c.after(all[i-1].ID)}
		case c.dice.IntN(2) == 0:
			if earlier, there := c.one(); there {
				s.After = []condition{c.after(earlier.ID)}
			}
		}
		if len(s.After) > 0 {
			c.unmet(&s)
		}
		all = append(all, s)
	}
	c.dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	c.insist("missions.create", together{Missions: all})
	if c.dice.IntN(3) == 0 { // one of them ends before its turn
		c.ask([]string{"missions.cancel", "missions.delete"}[c.dice.IntN(2)], byID{all[c.dice.IntN(len(all))].ID})
	}
}

// createFan creates a batch and a mission that waits for it, in one request or in two.
func (c *client) createFan() {
	c.next++
	batch := fmt.Sprintf("b-%s-%d-%d", c.who, c.rec.Life(), c.next)
	var all []spec
	for range 2 + c.dice.IntN(6) {
		s := c.newFlowSpec()
		if c.dice.IntN(2) == 0 {
			s.Type = kinds[c.dice.IntN(len(kinds))]
		}
		s.Batch = batch
		all = append(all, s)
	}
	collector := c.newFlowSpec()
	collector.After = []condition{{Batch: batch, When: []string{"completed", "ended"}[c.dice.IntN(2)]}}
	c.unmet(&collector)
	if c.dice.IntN(2) == 0 {
		c.insist("missions.create", together{Missions: append([]spec{collector}, all...), CloseBatch: true})
		return
	}
	half := len(all) / 2
	c.insist("missions.create", together{Missions: all[:half]})
	c.insist("missions.create", collector)
	c.insist("missions.create", together{Missions: all[half:], CloseBatch: c.dice.IntN(2) == 0})
	if c.dice.IntN(2) == 0 {
		c.ask("batches.close", byID{batch})
	}
}

// outliveSource has a mission lose what it waits for, and go on or not: the source ends, is deleted, and
// then the mission is retried.
func (c *client) outliveSource() {
	source, s := c.newFlowSpec(), c.newFlowSpec()
	source.After = []condition{{Signal: neverSent}}
	source.AfterTimeout = 10
	s.After = []condition{c.after(source.ID), {Signal: "go"}}
	if c.dice.IntN(3) == 0 {
		s.After, s.OnUnmet = s.After[:1], "run"
	}
	c.insist("missions.create", together{Missions: []spec{s, source}})
	if c.dice.IntN(3) > 0 {
		c.ask("missions.cancel", byID{source.ID})
	}
	c.ask("missions.delete", byID{source.ID})
	if c.dice.IntN(2) == 0 {
		c.ask("missions.get", byID{s.ID})
	}
	c.ask("missions.cancel", byID{s.ID})
	c.ask("missions.retry", map[string]any{"id": s.ID, "dependents": c.dice.IntN(2) == 0})
}

// createCrowd rarely creates so many missions that wait for one that the supervisor cannot tell them all
// in one step.
func (c *client) createCrowd() {
	if c.dice.IntN(9) > 0 {
		return
	}
	source := c.newFlowSpec()
	all := []spec{source}
	for range 110 + c.dice.IntN(150) {
		s := c.newFlowSpec()
		s.Type, s.After = kinds[c.dice.IntN(len(kinds))], []condition{c.after(source.ID)}
		all = append(all, s)
	}
	c.insist("missions.create", together{Missions: all})
	if c.dice.IntN(2) == 0 {
		c.ask("missions.cancel", byID{source.ID})
		c.ask("missions.retry", map[string]any{"id": source.ID, "dependents": true})
	}
}

// createAsking creates a mission that waits for a signal, and perhaps for more.
func (c *client) createAsking() {
	s := c.newFlowSpec()
	s.After = []condition{{Signal: "go", Prompt: "Go on?"}}
	switch c.dice.IntN(4) {
	case 0:
		s.After[0] = condition{Signal: "approved", Choices: []string{"yes", "no"}}
	case 1:
		s.After = append(s.After, condition{Signal: "approved", Choices: []string{"yes", "no"}})
	case 2:
		if earlier, there := c.one(); there {
			s.After = append(s.After, c.after(earlier.ID))
		}
	}
	c.unmet(&s)
	c.insist("missions.create", s)
}

// createCapped creates a mission that may use little.
func (c *client) createCapped() {
	s := c.newFlowSpec()
	s.MaxUsage = map[string]float64{"tokens": float64(20 + c.dice.IntN(150))}
	s.OnExceeded = []string{"", "fail", "ask", "ask"}[c.dice.IntN(4)]
	c.insist("missions.create", s)
}

// send sends a signal until it is answered, and sometimes again.
func (c *client) send(s signalRequest) {
	again := 1
	if s.SignalID != "" {
		again = 1 + c.dice.IntN(4)
	}
	for range again {
		if a := c.ask("missions.signal", s); a.outcome != check.Unknown {
			break
		}
	}
	if s.SignalID != "" && c.dice.IntN(5) == 0 {
		c.ask("missions.signal", s)
	}
}

// newSignal returns a signal to a mission that no other one resembles.
func (c *client) newSignal(id, name string, data any) signalRequest {
	c.next++
	s := signalRequest{ID: id, Name: name, Data: data}
	if c.dice.IntN(4) > 0 {
		s.SignalID = fmt.Sprintf("%s-%d-%d", c.who, c.rec.Life(), c.next)
	}
	return s
}

// answerSome answers some of those that wait for a signal, sometimes wrongly.
func (c *client) answerSome() {
	var list struct {
		Missions []waiting `json:"missions"`
	}
	c.ask("missions.list", map[string]any{"waiting": "signal", "limit": 10}).read(&list)
	for _, m := range list.Missions {
		for _, w := range m.WaitingFor {
			if w.Signal == "" || w.Signal == neverSent || w.Met || c.dice.IntN(2) == 0 {
				continue
			}
			if len(w.Choices) > 0 && c.dice.IntN(5) == 0 {
				c.send(c.newSignal(m.ID, w.Signal, "maybe"))
			}
			c.next++
			c.send(c.newSignal(m.ID, w.Signal, answerTo(&w.condition, c.next)))
		}
	}
}

// signalSome sends a signal to some mission, whether it waits for it or not.
func (c *client) signalSome() {
	s, there := c.one()
	for range 5 {
		if there && s.Type != flowKind {
			s, there = c.one()
		}
	}
	if !there || s.Type != flowKind {
		return
	}
	c.next++
	data := map[string]any{"n": c.next}
	if c.dice.IntN(6) == 0 {
		data["long"] = fmt.Sprintf("%0400d", c.next)
	}
	c.send(c.newSignal(s.ID, []string{"go", "news", "approved"}[c.dice.IntN(3)], data))
}

func (c *client) retryDependents() { c.retryAs(map[string]any{"dependents": true}) }
func (c *client) retryFresh()      { c.retryAs(map[string]any{"fresh": true}) }

func (c *client) retryAs(request map[string]any) {
	if s, there := c.one(); there {
		request["id"] = s.ID
		c.ask("missions.retry", request)
	}
}

func (c *client) graph() { c.about("missions.graph") }

func (c *client) aboutABatch() {
	s, there := c.one()
	if !there || s.Batch == "" {
		c.ask("batches.list", map[string]any{"limit": 10})
		return
	}
	c.ask("batches.get", byID{s.Batch})
}

// unique returns JSON that no other has.
func unique(dice *rand.Rand, format string, args ...any) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{%s,"nonce":%d}`, fmt.Sprintf(format, args...), dice.IntN(1<<30)))
}
