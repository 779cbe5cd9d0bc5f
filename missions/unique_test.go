package missions

import (
	"errors"
	"strings"
	"testing"
)

func TestUniqueIsChecked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given Unique
		field string // that is refused; "" for none
	}{
		"the default":         {Unique{Key: "sync:42"}, ""},
		"everything":          {Unique{Key: "Ü " + strings.Repeat("x", 198), OnConflict: ConflictReplacePending, ForSeconds: 366 * 24 * 3600}, ""},
		"no key":              {Unique{OnConflict: ConflictReplace}, "unique.key"},
		"a long key":          {Unique{Key: strings.Repeat("x", 201)}, "unique.key"},
		"a key of two lines":  {Unique{Key: "a\nb"}, "unique.key"},
		"an unknown conflict": {Unique{Key: "k", OnConflict: "overwrite"}, "unique.on_conflict"},
		"a negative time":     {Unique{Key: "k", ForSeconds: -1}, "unique.for_seconds"},
		"a very long time":    {Unique{Key: "k", ForSeconds: 1e9}, "unique.for_seconds"},
	} {
		given := c.given
		m := Mission{ID: "m", Name: "n", Flow: &Flow{Unique: &given}}
		m.Normalize()
		err := m.Validate()
		var refused *Error
		switch {
		case c.field == "" && (err != nil || m.Flow == nil || m.Unique.OnConflict == ""):
			t.Errorf("%s: %v, %+v", name, err, m.Flow)
		case c.field != "" && (!errors.As(err, &refused) || refused.Field != c.field):
			t.Errorf("%s: %v, want a refusal of %s", name, err, c.field)
		}
		if given != c.given {
			t.Errorf("%s: what was given is changed to %+v", name, given)
		}
	}
}

// What a template says of unique is checked like that of a mission, and keeps its form.
func TestATemplateCanHaveAUniqueKey(t *testing.T) {
	t.Parallel()
	s, err := scheduleOf(`{"id":"s","every_seconds":60,"mission":{"name":"n","unique":{"key":"k","for_seconds":5}}}`)
	if err != nil || s.Mission.Overlaps() || s.Mission.KeepsApart() {
		t.Fatalf("%+v, %v", s, err)
	}
	if u := s.Occurrence(0).Unique; u == nil || *u != (Unique{Key: "k", OnConflict: ConflictKeep, ForSeconds: 5}) {
		t.Errorf("missions have the key %+v", u)
	}
	same, err := scheduleOf(`{"id":"s","every_seconds":60,"mission":{"name":"n","unique":{"on_conflict":"keep","for_seconds":5.0,"key":"k"}}}`)
	if err != nil || !s.SameContent(&same) {
		t.Errorf("%+v is not the same, %v", same, err)
	}
	for given, field := range map[string]string{
		`{}`: "mission.unique.key", `{"key":"k","on_conflict":"x"}`: "mission.unique.on_conflict", `{"key":7}`: "mission.unique",
		`{"key":"k","for":5}`: "mission.unique", `"k"`: "mission.unique", `false`: "mission.unique",
	} {
		_, err := scheduleOf(`{"id":"s","every_seconds":60,"mission":{"name":"n","unique":` + given + `}}`)
		var refused *Error
		if !errors.As(err, &refused) || refused.Field != field {
			t.Errorf("%s: %v, want a refusal of %s", given, err, field)
		}
	}
}
