package charter

import "slices"

// Kind says how much care an event gets on its way.
type Kind uint8

const (
	// Telemetry is sent at best effort: it delays, fails and queues nothing, and
	// what cannot be sent at once is dropped and counted.
	Telemetry Kind = iota + 1

	// Durable events are recorded in the same atomic step as the change that
	// they tell of, and reach the stream from there, whatever comes between.
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

// Form is the JSON form of a payload's field.
type Form uint8

// The forms of fields.
const (
	FormText   Form = iota + 1 // a string
	FormTexts                  // an array of strings
	FormCount                  // a whole number of zero or more
	FormNumber                 // a finite number
	FormTime                   // Unix seconds, a number of zero or more, to the microsecond
)

// Field describes one field of a payload. Every field is always present.
type Field struct {
	Name        string
	Form        Form
	Nullable    bool     // null is a value too
	Unit        string   // "" where there is nothing to measure
	Max         float64  // the largest value of a FormNumber that runs from zero; 0: no bounds
	Values      []string // the values known today of a FormText; more may be added
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
	When         string  // when such an event is sent
	Fields       []Field // of the payload, in the order in which they are written
	Example      Payload

	decode func(*object) Payload
}

// Catalogue lists every event type, in a stable order. The entries' own slices
// are shared and must not be changed.
func Catalogue() []Entry { return slices.Clone(catalogue) }

// Lookup gives the entry of an event type.
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

// Units that the tables of entries share.
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
