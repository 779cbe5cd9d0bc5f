package natsapi

import (
	"slices"
	"testing"

	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
)

// Every operation that has a subject has an endpoint.
func TestEveryOperationIsServed(t *testing.T) {
	t.Parallel()
	var served []*api.Operation
	for _, ep := range endpoints(&supervisor.Service{}) {
		served = append(served, ep.Operation)
	}
	for _, op := range api.Operations() {
		if op.Subject != "" && !slices.Contains(served, op) {
			t.Errorf("%s has no endpoint", op.Name)
		}
	}
	if unique := slices.Compact(slices.Sorted(names(served))); len(unique) != len(served) {
		t.Errorf("an operation is served twice: %v", unique)
	}
}

func names(operations []*api.Operation) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, op := range operations {
			if !yield(op.Name) {
				return
			}
		}
	}
}
