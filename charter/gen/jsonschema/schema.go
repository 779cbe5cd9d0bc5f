// Package jsonschema makes JSON Schemas (draft 2020-12) of Go structs: of the payloads of
// events, and of requests and replies. Only the generators of documents import it.
package jsonschema

import (
	"fmt"
	"reflect"
)

// Generator makes the schemas of one document.
type Generator struct {
	// Special returns the schema of a type that is not written as its kind says, or
	// nil.
	Special func(reflect.Type) Object

	// Component returns a reference to the schema of a struct. It is nil if there are
	// no structs within structs.
	Component func(reflect.Type) Object
}

// Field is a field of a struct, as it is written.
type Field struct {
	Name        string
	Type        reflect.Type
	Description string // "" if it has none
	Optional    bool   // may be left out
	Nullable    bool   // may be null
	More        Object // what else its schema says
}

// Struct returns the schema of a struct with these fields. Of fields with the same name
// the last one counts.
func (g *Generator) Struct(fields []Field) Object {
	properties, required := Object{}, []string{}
	for _, field := range fields {
		if !field.Optional && properties.Get(field.Name) == nil {
			required = append(required, field.Name)
		}
		properties = properties.With(field.Name, g.property(field))
	}
	schema := Object{{"type", "object"}}
	if len(required) > 0 {
		schema = append(schema, Member{"required", required})
	}
	return append(schema, Member{"properties", properties})
}

func (g *Generator) property(field Field) Object {
	var schema Object
	if field.Description != "" {
		schema = Object{{"description", field.Description}}
	}
	schema = append(schema, g.Of(field.Type, field.Nullable)...)
	return append(schema, field.More...)
}

// Of returns the schema of a type, which includes null if it is nullable.
func (g *Generator) Of(t reflect.Type, nullable bool) Object {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	schema := g.Special(t)
	if schema == nil {
		schema = g.ofKind(t)
	}
	if !nullable || len(schema) == 0 { // anything may be null, too
		return schema
	}
	if kind, simple := schema.Get("type").(string); simple {
		return schema.With("type", []string{kind, "null"})
	}
	return Object{{"anyOf", []Object{schema, {{"type", "null"}}}}}
}

func (g *Generator) ofKind(t reflect.Type) Object {
	switch t.Kind() {
	case reflect.String:
		return Object{{"type", "string"}}
	case reflect.Bool:
		return Object{{"type", "boolean"}}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return Object{{"type", "integer"}}
	case reflect.Float64:
		return Object{{"type", "number"}}
	case reflect.Slice:
		return Object{{"type", "array"}, {"items", g.Of(t.Elem(), false)}}
	case reflect.Array:
		return Object{{"type", "array"}, {"items", g.Of(t.Elem(), false)}, {"minItems", t.Len()}, {"maxItems", t.Len()}}
	case reflect.Map:
		return Object{{"type", "object"}, {"additionalProperties", g.Of(t.Elem(), false)}}
	case reflect.Struct:
		return g.Component(t)
	}
	panic(fmt.Sprintf("no schema for %s", t))
}
