//go:build chaos

package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"missioncontrol/test/chaos/check"
)

// kinds are the types of the missions.
var kinds = []string{"alpha", "beta"}

// spec is a mission as its creator sends it.
type spec struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Type        string         `json:"type"`
	Data        map[string]any `json:"data"`
	Priority    string         `json:"priority"`
	Tags        []string       `json:"tags,omitempty"`
	MaxAttempts int            `json:"max_attempts"`
	Timeout     float64        `json:"timeout_seconds,omitempty"`
	NotBefore   float64        `json:"not_before,omitempty"`
	Deadline    float64        `json:"deadline,omitempty"`

	After        []condition        `json:"after,omitempty"`
	AfterTimeout float64            `json:"after_timeout_seconds,omitempty"`
	OnUnmet      string             `json:"on_unmet,omitempty"`
	MaxUsage     map[string]float64 `json:"max_usage,omitempty"`
	OnExceeded   string             `json:"on_exceeded,omitempty"`
	RetryPolicy  map[string]float64 `json:"retry_policy,omitempty"`
	Detached     bool               `json:"detached,omitempty"`
	Batch        string             `json:"batch,omitempty"`
	Unique       *check.Unique      `json:"unique,omitempty"`
	Key          string             `json:"key,omitempty"`
	Limits       []string           `json:"limits,omitempty"`

	PreferAgent   string `json:"prefer_agent,omitempty"`
	PreferSeconds int    `json:"prefer_seconds,omitempty"`
}

// together are missions of one request.
type together struct {
	Missions   []spec `json:"missions"`
	CloseBatch bool   `json:"close_batch,omitempty"`
}

type byID struct {
	ID string `json:"id"`
}

// client creates missions and changes them.
type client struct {
	*caller
	dice *rand.Rand
	made []spec // missions that were confirmed, or may have been
	next int

	limited bool // the limit is certainly set
}

func newClient(c *caller, dice *rand.Rand) *client { return &client{caller: c, dice: dice} }

// habit is something a client does, and its relative frequency.
type habit struct {
	weight int
	do     func(*client)
}

var (
	everything = []habit{
		{30, (*client).create}, {6, (*client).createBatch}, {5, (*client).createAgain},
		{12, (*client).get}, {3, (*client).list}, {4, (*client).log}, {4, (*client).wait},
		{5, (*client).cancel}, {5, (*client).retry}, {4, (*client).remove},
		{3, (*client).status}, {2, (*client).health}, {1, (*client).agents}, {1, (*client).stats},
	}
	simple = []habit{{30, (*client).create}, {15, (*client).get}, {5, (*client).log}, {10, (*client).status}, {5, (*client).health}}
)

// run does one thing after another until ctx ends.
func (c *client) run(ctx context.Context, habits []habit) {
	all := 0
	for _, h := range habits {
		all += h.weight
	}
	for ctx.Err() == nil {
		n := c.dice.IntN(all)
		for _, h := range habits {
			if n -= h.weight; n < 0 {
				h.do(c)
				break
			}
		}
		pause(ctx, c.dice, 60*time.Millisecond)
	}
}

func (c *client) newSpec() spec {
	c.next++
	id := fmt.Sprintf("%s-%d-%d", c.who, c.rec.Life(), c.next)
	s := spec{ID: id, Name: "mission " + id, Type: kinds[c.dice.IntN(len(kinds))],
		Data: map[string]any{"n": c.dice.IntN(1000)}, Priority: []string{"LOW", "NORMAL", "HIGH", "CRITICAL"}[c.dice.IntN(4)],
		MaxAttempts: 1 + c.dice.IntN(4)}
	now := float64(time.Now().UnixMilli()) / 1000
	switch c.dice.IntN(20) {
	case 0:
		s.Timeout = 0.5
	case 1:
		s.NotBefore = now + 1
	case 2:
		s.Deadline = now + 1
	case 3, 4:
		s.Tags = []string{"tagged", c.who}
	}
	return s
}

// create creates a mission, and usually repeats the request until it is answered.
func (c *client) create() { c.insist("missions.create", c.newSpec()) }

// insist creates one mission or a batch.
func (c *client) insist(op string, request any) {
	switch r := request.(type) {
	case spec:
		c.made = append(c.made, r)
	case together:
		c.made = append(c.made, r.Missions...)
	}
	for range 1 + c.dice.IntN(6) {
		if a := c.ask(op, request); a.outcome != check.Unknown {
			return
		}
	}
}

func (c *client) createBatch() {
	var batch []spec
	for range 2 + c.dice.IntN(6) {
		batch = append(batch, c.newSpec())
	}
	c.insist("missions.create", together{Missions: batch})
}

// createAgain requests a mission that may already exist: unchanged, or with the
// same ID and different content, which must be refused.
func (c *client) createAgain() {
	s, there := c.one()
	if !there {
		return
	}
	if c.dice.IntN(2) == 0 {
		s.Data = map[string]any{"n": "another"}
		c.ask("missions.create", s)
		return
	}
	c.ask("missions.create", s)
}

// one picks a mission, usually a new one.
func (c *client) one() (spec, bool) {
	if len(c.made) == 0 {
		return spec{}, false
	}
	back := c.dice.IntN(len(c.made))
	if c.dice.IntN(3) > 0 {
		back = c.dice.IntN(min(len(c.made), 20))
	}
	return c.made[len(c.made)-1-back], true
}

// about sends a request about one mission.
func (c *client) about(op string) {
	if s, there := c.one(); there {
		c.ask(op, byID{s.ID})
	}
}

func (c *client) get()    { c.about("missions.get") }
func (c *client) log()    { c.about("missions.log") }
func (c *client) cancel() { c.about("missions.cancel") }
func (c *client) retry()  { c.about("missions.retry") }
func (c *client) remove() { c.about("missions.delete") }

func (c *client) wait() {
	if s, there := c.one(); there {
		c.ask("missions.wait", map[string]any{"id": s.ID, "timeout_seconds": 1})
	}
}

func (c *client) list() {
	c.ask("missions.list", map[string]any{"type": kinds[c.dice.IntN(len(kinds))], "limit": 20})
}

func (c *client) status() { c.ask("status", struct{}{}) }
func (c *client) health() { c.ask("health", struct{}{}) }
func (c *client) agents() { c.ask("agents", struct{}{}) }
func (c *client) stats()  { c.ask("missions.stats", struct{}{}) }
