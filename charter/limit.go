package charter

import "time"

// TypeLimitChanged is the type of the event about limits.
const TypeLimitChanged = "limit.changed"

// LimitChanged reports that a limit was added, changed, paused or deleted. An empty By means null.
type LimitChanged struct {
	Name      string    `json:"name" doc:"The limit's name."`
	By        string    `json:"by" nullable:"true" doc:"Who changed it, which may not be proven; null if that is not known."`
	ChangedAt time.Time `json:"changed_at" doc:"When the change was stored."`
}

// EventType returns [TypeLimitChanged].
func (p LimitChanged) EventType() string { return TypeLimitChanged }

// AppendJSON implements [Payload].
func (p LimitChanged) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

var limitEntries = []Entry{{
	Source:       sourceMissions,
	SourceModule: "limits",
	Kind:         Durable,
	Description:  "A limit was added, changed, paused or deleted.",
	When:         "Sent once per change; setting a limit to what it already says is none.",
	Example:      LimitChanged{Name: "anthropic", By: "alice", ChangedAt: exampleTime},
}}
