package natsapi

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api/spec"
)

// The machine-readable documents describe every endpoint and nothing else, and their
// types are those of the methods that answer.
func TestTheDocumentsTellOfEveryEndpoint(t *testing.T) {
	t.Parallel()
	var served, described []string
	for _, e := range endpoints(&supervisor.Service{}) {
		served = append(served, e.subject)
	}
	service := reflect.TypeFor[*supervisor.Service]()
	for _, op := range spec.Operations() {
		if op.Subject != "" {
			described = append(described, op.Subject)
		}
		if op.Reply == nil || op.Does == "" {
			continue
		}
		method, found := service.MethodByName(op.Does)
		if !found {
			t.Errorf("the service has no method %s", op.Does)
			continue
		}
		// A method takes the service, a context, the agent's id if it is an agent's,
		// and the request.
		if in := method.Type.In(method.Type.NumIn() - 1); in != op.Request || method.Type.Out(0) != op.Reply || method.Type.In(1) != reflect.TypeFor[context.Context]() {
			t.Errorf("%s is %s; the documents say %s and %s", op.Does, method.Type, op.Request, op.Reply)
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	if !slices.Equal(served, described) {
		t.Errorf("served:    %v\ndescribed: %v", served, described)
	}
}
