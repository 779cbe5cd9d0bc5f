package main

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"missioncontrol/charter/gen/jsonschema"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/api/spec"
)

// schemas makes JSON Schemas of Go types. It keeps the schemas of named structs as
// components, so that each occurs once.
type schemas struct {
	jsonschema.Generator
	comment    comments
	components object
}

func newSchemas(comment comments) *schemas {
	s := &schemas{comment: comment, components: object{}}
	s.Generator = jsonschema.Generator{Special: special, Component: s.component}
	return s
}

// component returns a reference to the schema of a struct.
func (s *schemas) component(t reflect.Type) jsonschema.Object {
	name := componentName(t)
	if _, made := s.components[name]; !made {
		s.components[name] = nil // it may refer to itself
		s.components[name] = s.structure(t)
	}
	return jsonschema.Object{{"$ref", "#/components/schemas/" + name}}
}

// componentName returns the name of a struct among the components. A struct that
// carries a mission has the mission's name.
func componentName(t reflect.Type) string {
	if t == reflect.TypeFor[api.Mission]() {
		return "MissionReply"
	}
	return t.Name()
}

// special returns the schema of a type that is not written as its kind says, or nil.
func special(t reflect.Type) jsonschema.Object {
	switch t {
	case reflect.TypeFor[missions.Time]():
		return jsonschema.Object{{"type", "number"}, {"minimum", 0}}
	case reflect.TypeFor[api.Cursor]():
		return jsonschema.Object{{"type", "string"}}
	case reflect.TypeFor[json.RawMessage]():
		return jsonschema.Object{}
	}
	if values := spec.Values(t); values != nil {
		return jsonschema.Object{{"type", "string"}, {"enum", values}}
	}
	return nil
}

// structure returns the schema of a struct. A struct that embeds another one beside a
// slice is either that one or a batch.
func (s *schemas) structure(t reflect.Type) jsonschema.Object {
	fields, single := s.fields(t)
	if single != nil {
		for i := range fields {
			fields[i].Optional = false
		}
	}
	schema := s.Struct(fields)
	if required, ok := schema.Get("required").([]string); ok {
		slices.Sort(required)
	}
	if single != nil {
		schema = jsonschema.Object{{"anyOf", []any{s.component(single), schema}}}
	}
	if doc := s.comment[t.String()]; doc != "" {
		schema = schema.With("description", doc)
	}
	return schema
}

// fields returns the fields of a struct and of the structs that it embeds. An embedded
// struct beside a slice is returned by itself instead.
func (s *schemas) fields(t reflect.Type) (fields []jsonschema.Field, single reflect.Type) {
	for field := range t.Fields() {
		if field.Anonymous {
			embedded := field.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			if isBatch(t) {
				single = embedded
				continue
			}
			promoted, _ := s.fields(embedded)
			fields = append(fields, promoted...)
			continue
		}
		name, optional := jsonName(field)
		if name == "" {
			continue
		}
		fields = append(fields, jsonschema.Field{
			Name: name, Type: field.Type, Description: s.comment[t.String()+"."+field.Name],
			Optional: optional, Nullable: !optional && isNullable(t, field),
		})
	}
	return fields, single
}

// isBatch reports whether a struct is one item or a slice of items: its only field
// besides the embedded ones is an optional slice.
func isBatch(t reflect.Type) bool {
	embeds, slice := 0, 0
	for field := range t.Fields() {
		_, optional := jsonName(field)
		switch {
		case field.Anonymous:
			embeds++
		case optional && field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct:
			slice++
		}
	}
	return embeds == 1 && slice == 1 && t.NumField() == 2
}

// isNullable reports whether a field without a value is written as null. Required
// fields of a request are not.
func isNullable(t reflect.Type, field reflect.StructField) bool {
	if strings.HasSuffix(t.Name(), "Request") {
		return false
	}
	switch field.Type {
	case reflect.TypeFor[missions.Time](), reflect.TypeFor[missions.Text]():
		return true
	}
	return field.Type.Kind() == reflect.Pointer
}

// jsonName returns the JSON name of a field, or "" if it is not written, and whether it
// may be left out.
func jsonName(field reflect.StructField) (name string, optional bool) {
	name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
	if name == "-" || !field.IsExported() {
		return "", false
	}
	return name, strings.Contains(options, "omitzero") || strings.Contains(options, "omitempty")
}
