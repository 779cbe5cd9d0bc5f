package missions

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
)

// LimitSpec says how many missions run at once, how many start and how much they use in some time, and how many
// wait. It applies to the missions that name it, and to those of its type.
type LimitSpec struct {
	Name             string              `json:"name"`
	Type             string              `json:"type,omitzero"`                // it applies to every mission of this type, "*" to all
	Total            *int64              `json:"total,omitzero"`               // RUNNING at once; default: no bound
	PerKey           *int64              `json:"per_key,omitzero"`             // RUNNING at once of each key; default: no bound
	Rate             *Rate               `json:"rate,omitzero"`                // of starts; default: no bound
	Budget           *Budget             `json:"budget,omitzero"`              // of usage; default: no bound
	MaxPendingPerKey *int64              `json:"max_pending_per_key,omitzero"` // PENDING of each key, above which none is created; default: no bound
	Paused           bool                `json:"paused,omitzero"`              // nothing starts
	Keys             map[string]KeyLimit `json:"keys,omitzero"`                // settings of single keys
	Note             string              `json:"note,omitzero"`                // for people
}

// Rate is how many missions may start: a token bucket of Count tokens, which is filled in PerSeconds.
type Rate struct {
	Count      int64 `json:"count"`
	PerSeconds int64 `json:"per_seconds"`
}

// Budget is how much may be used of a unit in each window of PerSeconds since the Unix epoch.
type Budget struct {
	Unit       string  `json:"unit"`
	Amount     float64 `json:"amount"`
	PerSeconds int64   `json:"per_seconds"`
}

// KeyLimit is what a limit says of a single key.
type KeyLimit struct {
	PerKey *int64  `json:"per_key,omitzero"` // instead of the limit's
	Weight float64 `json:"weight,omitzero"`  // how many turns it has while another key has one; default: 1
	Paused bool    `json:"paused,omitzero"`  // nothing with the key starts
}

// Limit is a limit as a store has it.
type Limit struct {
	LimitSpec

	BlockedUntil Time   `json:"blocked_until"` // nothing starts before: an agent was told to wait
	CreatedAt    Time   `json:"created_at"`
	ChangedAt    Time   `json:"changed_at"`
	By           string `json:"by,omitzero"`        // who has set it last
	ByProven     bool   `json:"by_proven,omitzero"` // By is proven
}

// LimitStatus is a limit and what it counts.
type LimitStatus struct {
	Limit

	Running  int64     `json:"running"`   // RUNNING missions that it applies to
	Waiting  int64     `json:"waiting"`   // PENDING ones
	Spent    float64   `json:"spent"`     // of its budget, in the present window
	Full     LimitFull `json:"full"`      // why no mission starts at present, "" if missions may
	OpensAt  Time      `json:"opens_at"`  // when missions may start again by themselves, null if that depends on something else
	Busiest  []BusyKey `json:"busiest"`   // the keys with the most RUNNING missions
	KeysFull int64     `json:"keys_full"` // keys of which no mission starts at present
}

// BusyKey is a key under a limit.
type BusyKey struct {
	Key     string `json:"key"`
	Running int64  `json:"running"`
}

// LimitFull is why a limit lets no mission start.
type LimitFull string

// Values of LimitFull.
const (
	FullPaused  LimitFull = "paused"
	FullTotal   LimitFull = "total"
	FullRate    LimitFull = "rate"
	FullBudget  LimitFull = "budget"
	FullBlocked LimitFull = "blocked" // an agent was told to wait
)

// AllTypes is the type of a limit that applies to missions of all types.
const AllTypes = "*"

// Bounds of limits.
const (
	MaxLimits           = 1000
	MaxKeyChars         = 128 // of a key of missions
	MaxKeysOfLimit      = 1000
	MaxLanes            = 10_000 // combinations of type, requirements and limits that living missions have
	MaxPreferLanes      = 5000   // combinations of these and a preferred agent, beyond which missions are not withheld
	MaxNamedLimits      = 2
	MaxRequirements     = 8
	maxCountOfLimit     = 1_000_000_000
	maxRateCount        = 1_000_000
	maxWeight           = 1000
	minWeight           = 0.001
	maxLimitSeconds     = 366 * 24 * 3600
	busiestOfLimit      = 10
	maxBlockedSeconds   = maxTimeoutSeconds
	mostBudgetOfAWindow = 1e15
)

// BusiestKeys is how many keys a limit's status names.
const BusiestKeys = busiestOfLimit

// Normalize sets the defaults.
func (l *LimitSpec) Normalize() {
	if len(l.Keys) == 0 {
		l.Keys = nil
	}
}

// SameContent reports whether two normalized limits say the same.
func (l *LimitSpec) SameContent(other *LimitSpec) bool { return reflect.DeepEqual(l, other) }

// Validate checks a normalized limit. The error names the field.
func (l *LimitSpec) Validate() error {
	if err := CheckToken("name", l.Name); err != nil {
		return err
	}
	if l.Type != "" && l.Type != AllTypes {
		if err := CheckToken("type", l.Type); err != nil {
			return err
		}
	}
	checks := []error{
		checkCount("total", l.Total), l.checkPerKey(), checkCount("max_pending_per_key", l.MaxPendingPerKey),
		l.Rate.check(), l.Budget.check(), CheckLine("note", l.Note, MaxNameChars), l.checkKeys(),
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkCount(field string, n *int64) error {
	if n != nil && (*n < 0 || *n > maxCountOfLimit) {
		return Invalid(field, "must be between 0 and %d", maxCountOfLimit)
	}
	return nil
}

// checkPerKey refuses 0: the keys that it would hold are not known, unlike those that have missions which run.
func (l *LimitSpec) checkPerKey() error {
	if l.PerKey != nil && *l.PerKey == 0 {
		return Invalid("per_key", "must be at least 1; to stop everything, use paused")
	}
	return checkCount("per_key", l.PerKey)
}

func (r *Rate) check() error {
	switch {
	case r == nil:
	case r.Count < 1 || r.Count > maxRateCount:
		return Invalid("rate.count", "must be between 1 and %d", maxRateCount)
	case r.PerSeconds < 1 || r.PerSeconds > maxLimitSeconds:
		return Invalid("rate.per_seconds", "must be between 1 and %d", maxLimitSeconds)
	}
	return nil
}

func (b *Budget) check() error {
	if b == nil {
		return nil
	}
	switch {
	case !isUnit(b.Unit):
		return Invalid("budget.unit", "must be 1 to %d of a-z, 0-9 and _", MaxUnitChars)
	case math.IsNaN(b.Amount) || b.Amount < 0 || b.Amount > mostBudgetOfAWindow:
		return Invalid("budget.amount", "must be between 0 and %g", mostBudgetOfAWindow)
	case b.PerSeconds < 1 || b.PerSeconds > maxLimitSeconds:
		return Invalid("budget.per_seconds", "must be between 1 and %d", maxLimitSeconds)
	}
	return nil
}

func (l *LimitSpec) checkKeys() error {
	if len(l.Keys) > MaxKeysOfLimit {
		return TooLarge("keys", "has more than %d entries", MaxKeysOfLimit)
	}
	for _, key := range slices.Sorted(maps.Keys(l.Keys)) {
		field := fmt.Sprintf("keys.%s", key)
		if err := checkKey(field, key); err != nil {
			return err
		}
		settings := l.Keys[key]
		if err := checkCount(field+".per_key", settings.PerKey); err != nil {
			return err
		}
		if w := settings.Weight; w != 0 && !(w >= minWeight && w <= maxWeight) {
			return Invalid(field+".weight", "must be between %g and %d", minWeight, maxWeight)
		}
	}
	return nil
}

func checkKey(field, key string) error {
	if key == "" {
		return Invalid(field, "is empty")
	}
	return CheckLine(field, key, MaxKeyChars)
}

// AppliesToType reports whether the limit applies to every mission of a type.
func (l *LimitSpec) AppliesToType(missionType string) bool {
	return l.Type != "" && (l.Type == missionType || l.Type == AllTypes)
}

// AppliesTo reports whether the limit applies to a mission of a type that names some limits.
func (l *LimitSpec) AppliesTo(missionType string, named []string) bool {
	return l.AppliesToType(missionType) || slices.Contains(named, l.Name)
}

// checkRouting checks what a creator sets of limits, keys and requirements.
func (f *Flow) checkRouting() error {
	if f.Key != "" {
		if err := checkKey("key", f.Key); err != nil {
			return err
		}
	}
	if len(f.Limits) > MaxNamedLimits {
		return TooLarge("limits", "has more than %d entries", MaxNamedLimits)
	}
	for i, name := range f.Limits {
		field := fmt.Sprintf("limits[%d]", i)
		if err := CheckToken(field, name); err != nil {
			return err
		}
		if slices.Contains(f.Limits[:i], name) {
			return Invalid(field, "is repeated")
		}
	}
	if len(f.Requires) > MaxRequirements {
		return TooLarge("requires", "has more than %d entries", MaxRequirements)
	}
	for _, label := range slices.Sorted(maps.Keys(f.Requires)) {
		if label == "" {
			return Invalid("requires", "has a label without a name")
		}
		if err := CheckLine("requires", label, MaxTokenChars); err != nil {
			return err
		}
		if err := CheckLine("requires."+label, f.Requires[label], MaxNameChars); err != nil {
			return err
		}
	}
	return nil
}

// CheckLimitPause checks for how long a holder closes a limit.
func CheckLimitPause(name string, seconds *float64) error {
	switch {
	case name == "":
		return nil
	case seconds == nil:
		return Invalid("retry_after_seconds", "is required with limit")
	case math.IsNaN(*seconds) || *seconds < 0 || *seconds > maxBlockedSeconds:
		return Invalid("retry_after_seconds", "must be between 0 and %d", maxBlockedSeconds)
	}
	return CheckToken("limit", name)
}

// LimitFigures are figures of all limits.
type LimitFigures struct {
	Full   int // let nothing start at present, though missions wait, but for those that are paused
	Paused int // are paused while missions wait
}

// Hold is which missions a limit holds back at present.
type Hold struct {
	Limit string
	Type  string   // the limit's
	All   bool     // all that it applies to
	Keys  []string // or else those with one of these keys
}

// Holds reports whether a mission of a type is held that names some limits and has a key, "" for none.
func (h *Hold) Holds(missionType string, limits []string, key string) bool {
	spec := LimitSpec{Name: h.Limit, Type: h.Type}
	return spec.AppliesTo(missionType, limits) && (h.All || key != "" && slices.Contains(h.Keys, key))
}

// LimitRequest is what [Limits.SetLimit] is asked for. The spec is normalized and valid.
type LimitRequest struct {
	Spec     LimitSpec
	By       string // the name of who asks; "" if it is not known
	ByProven bool

	// IfChangedAt is the ChangedAt of the limit that is to be changed: if there is none, or it has changed since,
	// nothing is. 0: whatever there is.
	IfChangedAt Time
}

// LimitResult is the result of a change of a limit.
type LimitResult struct {
	Limit   LimitStatus
	Changed bool // false if it said the same before
	Err     error
}

// DeleteLimitRequest is what [Limits.DeleteLimit] is asked for.
type DeleteLimitRequest struct {
	Name string
	By   string
}

// LimitsRequest is what [Limits.Limits] is asked for.
type LimitsRequest struct {
	Cursor string // Next of the previous page; "" for the first
	Limit  int
}

// LimitPage is one page of a list of limits.
type LimitPage struct {
	Limits []LimitStatus
	Next   string // "" if there are no more
}
