package check

import "encoding/json"

// Flow holds the fields of a mission that say what it waits for, keeps and spends.
type Flow struct {
	OnUnmet    string             `json:"on_unmet"`
	MaxUsage   map[string]float64 `json:"max_usage"`
	OnExceeded string             `json:"on_exceeded"`
	ParentID   string             `json:"parent_id"`
	Detached   bool               `json:"detached"`
	Batch      string             `json:"batch"`
	Unique     *Unique            `json:"unique"`
	Key        string             `json:"key"`
	Limits     []string           `json:"limits"`

	Turn       int                `json:"turn"`
	Checkpoint json.RawMessage    `json:"checkpoint"`
	Usage      map[string]float64 `json:"usage"`
	WaitingFor []Wait             `json:"waiting_for"`
	WaitedFor  []Wait             `json:"waited_for"`
	TimedOut   bool               `json:"timed_out"`
	Signals    []Signal           `json:"signals"`
	Inputs     map[string]Input   `json:"inputs"` // only in the answer to a claim
}

// Condition is one of those that a mission waits for.
type Condition struct {
	Mission string `json:"mission"`
	Batch   string `json:"batch"`
	Signal  string `json:"signal"`
	When    string `json:"when"` // not in events
}

func (c *Condition) String() string {
	switch {
	case c.Mission != "":
		return "mission " + c.Mission
	case c.Batch != "":
		return "batch " + c.Batch
	}
	return "signal " + c.Signal
}

// whenEnded is the condition that any end meets.
const whenEnded = "ended"

// Values of on_unmet and on_exceeded.
const (
	unmetRun    = "run"
	unmetFail   = "fail"
	exceededAsk = "ask"
)

// Wait is a condition and what has become of it.
type Wait struct {
	Condition
	Met    bool   `json:"met"`
	Status string `json:"status"` // how the source ended
}

// Signal is a signal of a mission.
type Signal struct {
	Seq    int             `json:"seq"`
	Name   string          `json:"name"`
	Data   json.RawMessage `json:"data"`
	SeenAt float64         `json:"seen_at"`
	SeenBy string          `json:"seen_by"`
}

// Input is the outcome of a source.
type Input struct {
	Status string          `json:"status"`
	Result json.RawMessage `json:"result"`
}

// Batch is a batch as the supervisor counts it.
type Batch struct {
	ID       string         `json:"id"`
	Open     bool           `json:"open"`
	Total    int            `json:"total"`
	ByStatus map[string]int `json:"by_status"`
	EndedAt  float64        `json:"ended_at"`
}

// empty reports whether JSON is absent or null.
func empty(text json.RawMessage) bool { return len(text) == 0 || string(text) == "null" }
