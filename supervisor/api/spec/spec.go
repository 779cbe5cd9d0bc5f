// Package spec describes the protocol to machines: as an OpenAPI 3.1 document for HTTP
// and an AsyncAPI 3.0 document for NATS and the events. Both are generated from the
// types that the code itself reads and writes.
package spec

import (
	"bytes"
	_ "embed"
	"reflect"
	"strconv"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

//go:generate go run ./gen

// OpenAPI is the OpenAPI 3.1 document of the HTTP front end, as JSON.
//
//go:embed openapi.json
var OpenAPI []byte

// AsyncAPI is the AsyncAPI 3.0 document of the requests over NATS and of the events, as
// JSON.
//
//go:embed asyncapi.json
var AsyncAPI []byte

// WithVersion returns a document as the supervisor of a version serves it.
func WithVersion(document []byte, version string) []byte {
	quoted := func(version string) []byte { return []byte(`"version": ` + strconv.Quote(version)) }
	return bytes.Replace(document, quoted(api.DevVersion), quoted(version), 1)
}

// Command returns the subject and type of the messages that the supervisor pushes to an
// agent.
func Command() (subject string, message reflect.Type) {
	return api.CommandsSubject("*"), reflect.TypeFor[api.Command]()
}

// ErrorReply returns the type of the body of an error reply.
func ErrorReply() reflect.Type { return reflect.TypeFor[api.ErrorReply]() }

// Values returns the values that a string type may have, or none for free text.
func Values(t reflect.Type) (values []string) {
	switch t {
	case reflect.TypeFor[missions.Status]():
		return texts(missions.Statuses())
	case reflect.TypeFor[missions.Priority]():
		return texts(missions.Priorities())
	case reflect.TypeFor[missions.AgentState]():
		return texts(missions.AgentStates())
	case reflect.TypeFor[missions.When]():
		return texts([]missions.When{missions.WhenCompleted, missions.WhenEnded})
	case reflect.TypeFor[missions.OnUnmet]():
		return texts([]missions.OnUnmet{missions.UnmetCancel, missions.UnmetFail, missions.UnmetRun})
	case reflect.TypeFor[missions.OnConflict]():
		return texts(missions.OnConflicts())
	case reflect.TypeFor[missions.OnExceeded]():
		return texts([]missions.OnExceeded{missions.ExceededFail, missions.ExceededAsk})
	case reflect.TypeFor[missions.WaitKind]():
		return texts(append(missions.WaitKinds(), missions.WaitLimit))
	case reflect.TypeFor[missions.Delivery]():
		return texts([]missions.Delivery{missions.DeliveredWaiting, missions.DeliveredRunning, missions.DeliveredStored})
	case reflect.TypeFor[missions.BulkAction]():
		return texts(missions.BulkActions())
	case reflect.TypeFor[api.EdgeKind]():
		return texts(api.EdgeKinds())
	case reflect.TypeFor[missions.AlertState]():
		return texts(missions.AlertStates())
	}
	return nil
}

func texts[T ~string](values []T) (out []string) {
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}
