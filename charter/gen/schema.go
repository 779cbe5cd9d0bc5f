package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"missioncontrol/charter"
	"missioncontrol/charter/gen/jsonschema"
)

type (
	object = jsonschema.Object
	member = jsonschema.Member
)

const (
	dialect     = "https://json-schema.org/draft/2020-12/schema"
	uuidPattern = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
	typePattern = `^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$`
	isoPattern  = `^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}`
	timeLimit   = 253402300800 // the start of the year 10000
)

// envelopeSchema returns the schema of what every reader accepts.
func envelopeSchema() object {
	return object{
		{"$schema", dialect},
		{"$id", "urn:charter:1.0:envelope"},
		{"title", "Charter v1.0 envelope"},
		{"description", "Any event, of a known or an unknown type."},
		{"type", "object"},
		{"required", required},
		{"properties", object{
			{"id", idSchema()},
			{"type", object{
				{"description", "The event type: at least two lower-case names, separated by dots."},
				{"type", "string"}, {"pattern", typePattern}, {"maxLength", 255},
			}},
			{"source", object{
				{"description", "The part of the system that reports the event."},
				{"type", "string"}, {"minLength", 1},
			}},
			{"target", object{
				{"description", "What the event is about; null for a broadcast."},
				{"type", []string{"string", "null"}}, {"minLength", 1},
			}},
			{"timestamp", object{
				{"description", "When the event was created. Writers use Unix seconds; readers also accept ISO-8601."},
				{"anyOf", []object{
					timeSchema("Unix seconds, UTC, to the microsecond."),
					{{"description", "ISO-8601; UTC if there is no time zone."}, {"type", "string"}, {"pattern", isoPattern}},
				}},
			}},
			{"payload", object{
				{"description", "The content; see the schema of the event's type."},
				{"type", "object"},
			}},
			{"meta", metaSchema(nil)},
		}},
		{"additionalProperties", true},
	}
}

// eventSchema returns the schema of one event type. It is self-contained, so that a
// reader needs no other file.
func eventSchema(entry charter.Entry) (object, error) {
	sample, err := example(entry)
	if err != nil {
		return nil, err
	}
	target := object{{"description", "Always null: a broadcast."}, {"type", "null"}}
	if entry.Targeted {
		target = object{
			{"description", "mission_ followed by the payload's mission_id."},
			{"type", "string"}, {"pattern", "^mission_"},
		}
	}
	return object{
		{"$schema", dialect},
		{"$id", "urn:charter:1.0:" + entry.Type},
		{"title", entry.Type},
		{"description", what(entry) + " Kind: " + entry.Kind.String() + "."},
		{"type", "object"},
		{"required", required},
		{"properties", object{
			{"id", idSchema()},
			{"type", object{{"description", "The event type."}, {"const", entry.Type}}},
			{"source", object{{"description", "The part of the system that reports the event."}, {"const", entry.Source}}},
			{"target", target},
			{"timestamp", timeSchema("When the event was created, in Unix seconds, UTC, to the microsecond.")},
			{"payload", payloadSchema(entry)},
			{"meta", metaSchema(outboxSchema(entry))},
		}},
		{"additionalProperties", true},
		{"examples", []json.RawMessage{sample}},
	}, nil
}

// payloads makes the schemas of payloads.
var payloads = jsonschema.Generator{Special: func(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return timeType
	case reflect.TypeFor[int64]():
		return object{{"type", "integer"}, {"minimum", 0}}
	case reflect.TypeFor[charter.Condition]():
		text := object{{"type", "string"}, {"minLength", 1}}
		return object{
			{"type", "object"},
			{"properties", object{{"mission", text}, {"batch", text}, {"signal", text}}},
			{"additionalProperties", true},
		}
	}
	return nil
}}

func payloadSchema(entry charter.Entry) object {
	payload := reflect.TypeOf(entry.Example)
	fields := make([]jsonschema.Field, len(entry.Fields))
	for i, field := range entry.Fields {
		fields[i] = jsonschema.Field{
			Name: field.Name, Type: payload.Field(i).Type, Nullable: field.Nullable, Description: describe(field),
		}
		if field.Max != 0 {
			fields[i].More = object{{"minimum", 0}, {"maximum", field.Max}}
		}
		if len(field.Values) > 0 {
			fields[i].More = append(fields[i].More, member{"examples", field.Values})
		}
	}
	schema := object{{"description", "Later versions may add fields; ignore fields that you do not know."}}
	schema = append(schema, payloads.Struct(fields)...)
	return append(schema, member{"additionalProperties", true})
}

// describe returns the field's description, with its unit and known values.
func describe(field charter.Field) string {
	text := field.Description
	if field.Unit != "" {
		text += " Unit: " + field.Unit + "."
	}
	if len(field.Values) > 0 {
		text += " Known values (later versions may add some): " + strings.Join(field.Values, ", ") + "."
	}
	return text
}

var required = []string{"id", "type", "source", "target", "timestamp", "payload", "meta"}

func idSchema() object {
	return object{
		{"description", "The event's ID. An event that is delivered twice has the same ID."},
		{"type", "string"}, {"format", "uuid"}, {"pattern", uuidPattern},
		{"not", object{{"const", "00000000-0000-0000-0000-000000000000"}}},
	}
}

// timeType is how times are written, after their description.
var timeType = object{{"type", "number"}, {"minimum", 0}, {"exclusiveMaximum", timeLimit}}

func timeSchema(description string) object {
	return append(object{{"description", description}}, timeType...)
}

// outboxSchema returns the schema of the extra meta keys of durable events.
func outboxSchema(entry charter.Entry) object {
	if entry.Kind != charter.Durable {
		return nil
	}
	return object{
		{"outbox", textSchema("The outbox that the event came from.")},
		{"outbox_position", object{
			{"description", "The event's position in that outbox, which increases by one with each event."},
			{"type", "integer"}, {"minimum", 1},
		}},
		{"outbox_positions", object{
			{"description", "Only in events of earlier versions, from a data set in Redis with several partitions: the last position sent from each outbox, including this event."},
			{"type", "object"}, {"additionalProperties", object{{"type", "integer"}, {"minimum", 0}}},
		}},
	}
}

func textSchema(description string) object {
	return object{{"description", description}, {"type", "string"}, {"minLength", 1}}
}

func metaSchema(more object) object {
	return object{
		{"description", "Where the event comes from; may be empty, and may have additional keys."},
		{"type", "object"},
		{"properties", append(object{
			{"schema_version", object{
				{"description", "The version of the payload's schema: 1."},
				{"type", "integer"}, {"minimum", 1}, {"maximum", 1<<31 - 1},
			}},
			{"producer", textSchema("The program that created the event.")},
			{"source_module", textSchema("The module of that program.")},
			{"correlation_id", textSchema("Events with the same cause have the same value.")},
			{"traceparent", textSchema("W3C trace context.")},
		}, more...)},
		{"additionalProperties", true},
	}
}
