package client_test

import (
	"reflect"
	"testing"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// Every operation over NATS has a method of the client or of its agent.
func TestEveryOperationHasAMethod(t *testing.T) {
	t.Parallel()
	renamed := map[string]string{"AppendLog": "Log"}
	for _, op := range api.Operations() {
		from := reflect.TypeFor[*client.Client]()
		if op.Access == api.AccessAgent {
			from = reflect.TypeFor[*client.Agent]()
		}
		name := op.Method
		if other, ok := renamed[name]; ok {
			name = other
		}
		if _, ok := from.MethodByName(name); op.Subject != "" && !ok {
			t.Errorf("%s has no method %s for %s", from, name, op.Subject)
		}
	}
}
