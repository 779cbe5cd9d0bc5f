package missions

import "fmt"

// Order returns an order in which missions of one request can be created, those that others
// wait for first, or an [ErrInvalid] that names a condition that is part of a cycle. Missions
// that none of the others waits for keep their places.
func Order(batch []Mission) ([]int, error) {
	o := &ordering{batch: batch, byID: make(map[string]int, len(batch)), byBatch: map[string][]int{}, state: make([]visit, len(batch))}
	for i := range batch {
		o.byID[batch[i].ID] = i
		if f := batch[i].Flow; f != nil && f.Batch != "" {
			o.byBatch[f.Batch] = append(o.byBatch[f.Batch], i)
		}
	}
	for i := range batch {
		if err := o.visit(i); err != nil {
			return nil, err
		}
	}
	return o.order, nil
}

// ordering searches missions of one request, depth first.
type ordering struct {
	batch   []Mission
	byID    map[string]int
	byBatch map[string][]int
	state   []visit
	order   []int
}

// visit is how far a mission was searched.
type visit int8

const (
	unseen visit = iota
	begun        // what it waits for is being searched
	placed
)

// visit places a mission behind what it waits for.
func (o *ordering) visit(i int) error {
	if o.state[i] != unseen {
		return nil
	}
	o.state[i] = begun
	if f := o.batch[i].Flow; f != nil {
		for j := range f.After {
			c := &f.After[j]
			field := fmt.Sprintf("missions[%d].after[%d].%s", i, j, c.Kind())
			if err := o.before(i, o.sources(c), field); err != nil {
				return err
			}
		}
		if at, there := o.byID[f.ParentID]; there && f.ParentID != "" {
			if err := o.before(i, []int{at}, fmt.Sprintf("missions[%d].parent_id", i)); err != nil {
				return err
			}
		}
	}
	o.state[i] = placed
	o.order = append(o.order, i)
	return nil
}

// sources returns the missions of the request that a condition waits for.
func (o *ordering) sources(c *Condition) []int {
	if at, there := o.byID[c.Mission]; there && c.Mission != "" {
		return []int{at}
	}
	if c.Batch != "" {
		return o.byBatch[c.Batch]
	}
	return nil
}

// before places missions before another one.
func (o *ordering) before(i int, sources []int, field string) error {
	for _, source := range sources {
		if o.state[source] == begun {
			return Invalid(field, "is part of a cycle: %q waits for %q as well", o.batch[source].ID, o.batch[i].ID)
		}
		if err := o.visit(source); err != nil {
			return err
		}
	}
	return nil
}
