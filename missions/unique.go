package missions

import "math"

// Unique is a key that one mission at a time holds: while it is PENDING or RUNNING, and for ForSeconds from its
// creation if that is longer.
type Unique struct {
	Key        string     `json:"key"`
	OnConflict OnConflict `json:"on_conflict,omitzero"` // default: keep
	ForSeconds float64    `json:"for_seconds,omitzero"` // default: as long as the mission lives
}

// OnConflict decides what becomes of a new mission, and of the one that holds its key.
type OnConflict string

// Values of OnConflict. An ended mission that holds its key for some time still is no obstacle to those that replace.
const (
	ConflictKeep           OnConflict = "keep"            // no mission is created, the holder is the answer
	ConflictReplacePending OnConflict = "replace_pending" // a PENDING holder is cancelled, for the end of a RUNNING one the newest mission waits
	ConflictReplace        OnConflict = "replace"         // the holder is cancelled, also if it is RUNNING
)

// OnConflicts lists every value.
func OnConflicts() []OnConflict {
	return []OnConflict{ConflictKeep, ConflictReplacePending, ConflictReplace}
}

// MaxUniqueKeyChars bounds a unique key.
const MaxUniqueKeyChars = 200

// normalized returns the key with its defaults.
func (u *Unique) normalized() *Unique {
	if u == nil || u.OnConflict != "" {
		return u
	}
	c := *u
	c.OnConflict = ConflictKeep
	return &c
}

// check checks a normalized key.
func (u *Unique) check(field string) error {
	switch {
	case u == nil:
		return nil
	case u.Key == "":
		return Invalid(field+".key", "is required")
	case u.OnConflict != ConflictKeep && u.OnConflict != ConflictReplacePending && u.OnConflict != ConflictReplace:
		return Invalid(field+".on_conflict", "must be one of keep, replace_pending, replace")
	case math.IsNaN(u.ForSeconds) || u.ForSeconds < 0 || u.ForSeconds > maxTimeoutSeconds:
		return Invalid(field+".for_seconds", "must be between 0 and %d", maxTimeoutSeconds)
	}
	return CheckLine(field+".key", u.Key, MaxUniqueKeyChars)
}
