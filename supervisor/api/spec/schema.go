package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"sync"

	"missioncontrol/supervisor/api"
)

// Schema is a JSON Schema of an object that refers to nothing outside itself.
type Schema map[string]any

// ComponentName returns the name of a struct among the components of the documents. A struct
// that carries a mission has the mission's name.
func ComponentName(t reflect.Type) string {
	if t == reflect.TypeFor[api.Mission]() {
		return "MissionReply"
	}
	return t.Name()
}

// SchemaOf returns the schema of a request or a reply, as the documents have it. It panics if
// they do not have the type. The caller may change what it returns.
func SchemaOf(t reflect.Type) Schema {
	name := ComponentName(t)
	text, known := components()[name]
	if !known {
		panic(fmt.Sprintf("the documents have no schema of %v", t))
	}
	schema := decoded(text)
	defs := map[string]any{}
	define(schema, defs)
	if len(defs) > 0 {
		schema["$defs"] = defs
	}
	schema["type"] = "object"
	return schema
}

// RequestOf returns the schema of an operation's request. If the request is only known from the
// query of an HTTP request, it is that of its parameters.
func RequestOf(op *api.Operation) Schema {
	if _, known := components()[ComponentName(op.Request)]; known {
		return SchemaOf(op.Request)
	}
	method, path, _ := strings.Cut(op.HTTP, " ")
	properties := map[string]any{}
	for _, parameter := range documents().openAPI.Paths[path][strings.ToLower(method)].Parameters {
		property := maps.Clone(parameter.Schema)
		if parameter.Description != "" {
			property["description"] = parameter.Description
		}
		properties[parameter.Name] = property
	}
	return Schema{"type": "object", "properties": properties}
}

// document is the part of both documents that schemas are made of.
type document struct {
	Components struct {
		Schemas map[string]json.RawMessage `json:"schemas"`
	} `json:"components"`
	Paths map[string]map[string]struct {
		Parameters []struct {
			Name        string         `json:"name"`
			Description string         `json:"description"`
			Schema      map[string]any `json:"schema"`
		} `json:"parameters"`
	} `json:"paths"`
}

// documents reads both documents, once.
var documents = sync.OnceValue(func() (read struct{ openAPI, asyncAPI document }) {
	for text, into := range map[*[]byte]*document{&OpenAPI: &read.openAPI, &AsyncAPI: &read.asyncAPI} {
		if err := json.Unmarshal(*text, into); err != nil {
			panic(err) // they are generated, and tested
		}
	}
	return read
})

// components returns the schemas of both documents by name. They agree on those that both have.
var components = sync.OnceValue(func() map[string]json.RawMessage {
	all := maps.Clone(documents().asyncAPI.Components.Schemas)
	maps.Copy(all, documents().openAPI.Components.Schemas)
	return all
})

func decoded(text json.RawMessage) map[string]any {
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		panic(err) // see documents
	}
	return schema
}

const (
	componentRef = "#/components/schemas/"
	defRef       = "#/$defs/"
)

// define makes the references in a part of a schema refer to defs, and adds what they refer to.
func define(part any, defs map[string]any) {
	switch part := part.(type) {
	case map[string]any:
		if ref, ok := part["$ref"].(string); ok && strings.HasPrefix(ref, componentRef) {
			name := strings.TrimPrefix(ref, componentRef)
			part["$ref"] = defRef + name
			if _, there := defs[name]; !there {
				schema := decoded(components()[name])
				defs[name] = schema
				define(schema, defs)
			}
		}
		for _, inner := range part {
			define(inner, defs)
		}
	case []any:
		for _, inner := range part {
			define(inner, defs)
		}
	}
}
