package charter

import "slices"

// Kind is the delivery guarantee of an event.
type Kind uint8

const (
	// Telemetry is sent best effort: it delays, fails and queues nothing. What
	// cannot be sent at once is dropped and counted.
	Telemetry Kind = iota + 1

	// Durable events are stored in the same atomic step as the change they report,
	// and reach the stream from there, whatever happens in between.
	Durable
)

func (k Kind) String() string {
	switch k {
	case Telemetry:
		return "telemetry"
	case Durable:
		return "durable"
	}
	return "unknown"
}

// Form is the JSON form of a payload field.
type Form uint8

// Forms of fields.
const (
	FormText   Form = iota + 1 // a string
	FormTexts                  // an array of strings
	FormCount                  // a whole number of zero or more
	FormNumber                 // a finite number
	FormTime                   // Unix seconds, a number of zero or more, with microsecond precision
)

// Field describes one field of a payload. Every field is always present.
type Field struct {
	Name        string
	Form        Form
	Nullable    bool     // may be null
	Unit        string   // "" if it has none
	Max         float64  // the maximum of a FormNumber that starts at zero; 0: no limits
	Values      []string // the known values of a FormText; more may be added
	Description string   // one sentence
}

// Entry describes one event type.
type Entry struct {
	Type         string
	Source       string  // the source of every event of the type
	SourceModule string  // its meta.source_module
	Kind         Kind    // telemetry or durable
	Targeted     bool    // the target is mission_<mission_id>; otherwise null
	Description  string  // one sentence
	When         string  // when the event is sent
	Fields       []Field // of the payload, in the order they are written
	Example      Payload

	decode func(*object) Payload
}

// Catalogue lists every event type, in a stable order. The slices within the
// entries are shared and must not be changed.
func Catalogue() []Entry { return slices.Clone(catalogue) }

// Lookup returns the entry of an event type.
func Lookup(eventType string) (Entry, bool) {
	entry, ok := entries[eventType]
	if !ok {
		return Entry{}, false
	}
	return *entry, true
}

const (
	sourceSupervisor = "supervisor_service"
	sourceMissions   = "missions_service"
)

var catalogue = slices.Concat(supervisorEntries, missionEntries, agentEntries)

var entries = func() map[string]*Entry {
	m := make(map[string]*Entry, len(catalogue))
	for i := range catalogue {
		m[catalogue[i].Type] = &catalogue[i]
	}
	return m
}()

// Units shared by the tables of entries.
const (
	unitSeconds  = "Unix seconds, UTC"
	unitMissions = "missions"
	unitAgents   = "agents"
)

func textField(name, description string, values ...string) Field {
	return Field{Name: name, Form: FormText, Values: values, Description: description}
}

func countField(name, unit, description string) Field {
	return Field{Name: name, Form: FormCount, Unit: unit, Description: description}
}

func timeField(name, description string) Field {
	return Field{Name: name, Form: FormTime, Unit: unitSeconds, Description: description}
}
