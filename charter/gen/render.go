package main

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"missioncontrol/charter"
	"missioncontrol/charter/gen/jsonschema"
)

// render returns every generated file by its slash-separated path in the folder of
// package charter.
func render() (map[string][]byte, error) {
	files := make(map[string][]byte)
	add := func(name string, schema object) error {
		b, err := jsonschema.Indent(schema)
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
