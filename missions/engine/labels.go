package engine

import (
	"slices"

	"missioncontrol/missions"
)

// Labels are what a backend finds missions by beside their tags. They begin with a character that
// no tag has.
const (
	labelParent  = ">parent:"
	labelBatch   = ">batch:"
	labelWaiting = ">waiting:"
	labelAfter   = ">after:"
	labelKey     = ">key:"
)

// Labels returns the labels of a mission.
func (r *Record) Labels() []string {
	if r == nil || r.Flow == nil {
		return nil
	}
	return append(r.stateLabels(), r.Flow.conditionLabels()...)
}

// stateLabels are those that may change at any time.
func (r *Record) stateLabels() (labels []string) {
	f := r.Flow
	if f.ParentID != "" {
		labels = append(labels, labelParent+f.ParentID)
	}
	if f.Batch != "" {
		labels = append(labels, labelBatch+f.Batch)
	}
	if f.Key != "" {
		labels = append(labels, labelKey+f.Key)
	}
	if f.Waiting {
		for i, kind := range missions.WaitKinds() {
			if r.kinds()&(1<<i) != 0 {
				labels = append(labels, labelWaiting+string(kind))
			}
		}
	}
	return labels
}

// conditionLabels are those that only change when another wait begins.
func (f *Flow) conditionLabels() (labels []string) {
	for i := range f.Conditions {
		if label := labelOf(&f.Conditions[i]); label != "" {
			labels = append(labels, label)
		}
	}
	return labels
}

func labelOf(c *missions.Condition) string {
	if source := sourceOf(c); source != "" {
		return labelAfter + source
	}
	return ""
}

// FilterLabels returns the labels of the missions that a filter selects. What else it says of flows is
// for [Record.Matches].
func FilterLabels(f *missions.Filter) (labels []string) {
	if label := labelOf(&f.After); label != "" {
		labels = append(labels, label)
	}
	if f.ParentID != "" {
		labels = append(labels, labelParent+f.ParentID)
	}
	if f.Batch != "" {
		labels = append(labels, labelBatch+f.Batch)
	}
	if f.Key != "" {
		labels = append(labels, labelKey+f.Key)
	}
	if f.Waiting != "" && f.Waiting != missions.WaitTime && f.Waiting != missions.WaitLimit { // others than those with a flow wait for a time
		labels = append(labels, labelWaiting+string(f.Waiting))
	}
	return labels
}

// Matches reports whether a mission has all the labels of a filter, and waits for what it says.
func (r *Record) Matches(f *missions.Filter) bool {
	labels := r.Labels()
	for _, label := range FilterLabels(f) {
		if !slices.Contains(labels, label) {
			return false
		}
	}
	if f.Waiting == missions.WaitLimit {
		return r.isHeld(f.Holds)
	}
	return f.Waiting == "" || r.WaitsFor(f.Waiting)
}

// Relabels returns the labels that a change adds and takes away.
func (m *MissionChange) Relabels() (added, gone []string) {
	was, is := flowIn(m.Before), flowIn(m.After)
	switch {
	case was == nil && is == nil:
		return nil, nil
	case was != nil && is != nil && sameSlice(was.Conditions, is.Conditions):
		return differences(m.Before.stateLabels(), m.After.stateLabels())
	}
	return differences(m.Before.Labels(), m.After.Labels())
}

// differences returns what is only in the second list, and what is only in the first.
func differences(before, after []string) (added, gone []string) {
	for _, label := range after {
		if !slices.Contains(before, label) {
			added = append(added, label)
		}
	}
	for _, label := range before {
		if !slices.Contains(after, label) {
			gone = append(gone, label)
		}
	}
	return added, gone
}

func flowIn(r *Record) *Flow {
	if r == nil {
		return nil
	}
	return r.Flow
}
