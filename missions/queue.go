package missions

// Queue is the PENDING missions of a type that have the same requirements and name the same limits.
type Queue struct {
	Type     string            `json:"type"`
	Requires map[string]string `json:"requires,omitzero"` // labels that an agent must have
	Limits   []string          `json:"limits,omitzero"`   // by name, beside those of the type; in order

	Pending   int64 `json:"pending"`   // PENDING missions
	Claimable int64 `json:"claimable"` // of them, those that an agent could claim if it were not for limits
	Held      int64 `json:"held"`      // of those, the ones that limits hold back
	Since     Time  `json:"since"`     // since when one could be claimed and none was; null if none can be

	Agents int64 `json:"agents"` // that are online and serve it
	Slots  int64 `json:"slots"`  // theirs
	Busy   int64 `json:"busy"`   // of those, with missions of any type

	Keys      []QueueKey `json:"keys"`       // those with the most PENDING missions, at most MaxQueueKeys
	KeysTotal int64      `json:"keys_total"` // with PENDING missions
}

// QueueKey is the PENDING missions of a queue with one key, or those without one ("").
type QueueKey struct {
	Key       string `json:"key"`
	Pending   int64  `json:"pending"`
	Claimable int64  `json:"claimable"`
	Held      bool   `json:"held,omitzero"` // because of its limits, no mission with the key starts at present
}

// Queues are all queues, those with the most PENDING missions first.
type Queues struct {
	Queues  []Queue `json:"queues"`   // at most MaxQueues
	LeftOut int64   `json:"left_out"` // queues beyond those
	AllKeys bool    `json:"all_keys"` // keys are of all that there are; else of the first MaxKeysOfQueues
}

// Bounds of [Queues].
const (
	MaxQueues       = 100
	MaxQueueKeys    = 10
	MaxKeysOfQueues = 10_000
)
