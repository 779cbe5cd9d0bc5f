package missions_test

import (
	"errors"
	"slices"
	"testing"

	"missioncontrol/missions"
)

// TestOrder: missions of one request come behind those that they wait for, in whichever order they are
// given; a circle is refused by the field that closes it.
func TestOrder(t *testing.T) {
	t.Parallel()
	after := func(conditions ...missions.Condition) *missions.Flow { return &missions.Flow{After: conditions} }
	of := func(batch string, f *missions.Flow) *missions.Flow {
		if f == nil {
			f = &missions.Flow{}
		}
		f.Batch = batch
		return f
	}
	mission, batch := func(id string) missions.Condition { return missions.Condition{Mission: id} }, func(id string) missions.Condition { return missions.Condition{Batch: id} }
	for name, c := range map[string]struct {
		batch []missions.Mission
		order []int
		field string
	}{
		"plain":             {[]missions.Mission{{ID: "a"}, {ID: "b"}}, []int{0, 1}, ""},
		"backwards":         {[]missions.Mission{{ID: "c", Flow: after(mission("b"))}, {ID: "b", Flow: after(mission("a"))}, {ID: "a"}}, []int{2, 1, 0}, ""},
		"others":            {[]missions.Mission{{ID: "a", Flow: after(mission("elsewhere"), batch("elsewhere"))}}, []int{0}, ""},
		"parent":            {[]missions.Mission{{ID: "a", Flow: &missions.Flow{ParentID: "b"}}, {ID: "b"}}, []int{1, 0}, ""},
		"batch before":      {[]missions.Mission{{ID: "end", Flow: after(batch("x"))}, {ID: "a", Flow: of("x", nil)}, {ID: "b", Flow: of("x", nil)}}, []int{1, 2, 0}, ""},
		"circle":            {[]missions.Mission{{ID: "a", Flow: after(mission("b"))}, {ID: "b", Flow: after(mission("c"), mission("a"))}}, nil, "missions[1].after[1].mission"},
		"its own batch":     {[]missions.Mission{{ID: "a", Flow: of("x", after(batch("x")))}}, nil, "missions[0].after[0].batch"},
		"circle of a batch": {[]missions.Mission{{ID: "a", Flow: of("x", after(mission("b")))}, {ID: "b", Flow: after(batch("x"))}}, nil, "missions[1].after[0].batch"},
		"circle of parents": {[]missions.Mission{{ID: "a", Flow: &missions.Flow{ParentID: "b"}}, {ID: "b", Flow: &missions.Flow{ParentID: "a"}}}, nil, "missions[1].parent_id"},
	} {
		order, err := missions.Order(c.batch)
		var refused *missions.Error
		switch {
		case c.field == "" && (err != nil || !slices.Equal(order, c.order)):
			t.Errorf("%s: %v %v, want %v", name, order, err, c.order)
		case c.field != "" && (!errors.As(err, &refused) || refused.Code != missions.CodeInvalid || refused.Field != c.field):
			t.Errorf("%s: %v, want a refusal of %s", name, err, c.field)
		}
	}
}
