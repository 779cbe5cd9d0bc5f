package charter

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
	FormText       Form = iota + 1 // a string
	FormTexts                      // an array of strings
	FormCount                      // a whole number of zero or more
	FormNumber                     // a finite number
	FormTime                       // Unix seconds, a number of zero or more, with microsecond precision
	FormConditions                 // an array of objects; see [Condition]
)

// Field describes one field of a payload, as the tags of its struct do; see [Payload].
// Every field is always present.
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
	Example      Payload // a value of the struct that describes the fields

	names  []string // of the fields
	labels []string // what is written before each field's value
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

var catalogue = described(slices.Concat(supervisorEntries, missionEntries, flowEntries, limitEntries, scheduleEntries, agentEntries))

var entries = func() map[string]*Entry {
	m := make(map[string]*Entry, len(catalogue))
	for i := range catalogue {
		m[catalogue[i].Type] = &catalogue[i]
	}
	return m
}()

// described completes entries with what the structs of their payloads say.
func described(entries []Entry) []Entry {
	for i := range entries {
		e := &entries[i]
		e.Type = e.Example.EventType()
		e.Fields = fieldsOf(reflect.TypeOf(e.Example))
		if len(e.Fields) > maxFields {
			panic("charter: maxFields is too low for " + e.Type)
		}
		for j, f := range e.Fields {
			e.names = append(e.names, f.Name)
			e.labels = append(e.labels, `,"`+f.Name+`":`)
			if j == 0 {
				e.labels[0] = `{"` + f.Name + `":`
			}
		}
	}
	return entries
}

// forms maps the Go types that a payload's fields can have.
var forms = map[reflect.Type]Form{
	reflect.TypeFor[string]():      FormText,
	reflect.TypeFor[[]string]():    FormTexts,
	reflect.TypeFor[int64]():       FormCount,
	reflect.TypeFor[float64]():     FormNumber,
	reflect.TypeFor[time.Time]():   FormTime,
	reflect.TypeFor[[]Condition](): FormConditions,
}

// fieldsOf reads a payload's struct; see [Payload] for its tags.
func fieldsOf(payload reflect.Type) []Field {
	var fields []Field
	for field := range payload.Fields() {
		form, ok := forms[field.Type]
		if !ok {
			panic("charter: no form for " + payload.String() + "." + field.Name)
		}
		f := Field{
			Name: field.Tag.Get("json"), Form: form, Nullable: field.Tag.Get("nullable") == "true",
			Unit: field.Tag.Get("unit"), Description: field.Tag.Get("doc"),
		}
		if form == FormTime {
			f.Unit = "Unix seconds, UTC"
		}
		if values := field.Tag.Get("values"); values != "" {
			f.Values = strings.Fields(values)
		}
		f.Max, _ = strconv.ParseFloat(field.Tag.Get("max"), 64) // none: 0
		fields = append(fields, f)
	}
	return fields
}
