package main

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"missioncontrol/charter"
)

// render returns every generated file by its slash-separated path in the folder of
// package charter.
func render() (map[string][]byte, error) {
	files := make(map[string][]byte)
	add := func(name string, schema object) error {
		b, err := indent(schema)
		files["schema/"+name+".json"] = b
		return err
	}
	if err := add("envelope", envelopeSchema()); err != nil {
		return nil, err
	}
	for _, entry := range charter.Catalogue() {
		schema, err := eventSchema(entry)
		if err != nil {
			return nil, err
		}
		if err := add(entry.Type, schema); err != nil {
			return nil, err
		}
	}
	events, err := eventsPage(charter.Catalogue())
	if err != nil {
		return nil, err
	}
	files["EVENTS.md"] = events
	return files, nil
}

// example returns the event shown in schemas and EVENTS.md, the same in every run.
func example(entry charter.Entry) (json.RawMessage, error) {
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:charter:example:"+entry.Type))
	e := charter.NewWithID(id, entry.Example, time.UnixMicro(1703001234_567890))
	return charter.Encode(&e)
}

// object is a JSON object that keeps the order of its members.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		for _, v := range []any{m.name, m.value} {
			text, err := compact(v)
			if err != nil {
				return nil, err
			}
			b.Write(text)
			b.WriteByte(':')
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// indent writes JSON for people to read.
func indent(v any) ([]byte, error) {
	text, err := compact(v)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
