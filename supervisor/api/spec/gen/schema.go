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
	s.Generator = jsonschema.Generator{Special: s.special, Component: s.component}
	return s
}

// component returns a reference to the schema of a struct.
func (s *schemas) component(t reflect.Type) jsonschema.Object {
	name := spec.ComponentName(t)
	if _, made := s.components[name]; !made {
		s.components[name] = nil // it may refer to itself
		s.components[name] = s.structure(t)
	}
	return jsonschema.Object{{"$ref", "#/components/schemas/" + name}}
}

// missionOrBrief is the type of a mission in a reply that may be brief.
type missionOrBrief struct{}

// special returns the schema of a type that is not written as its kind says, or nil.
func (s *schemas) special(t reflect.Type) jsonschema.Object {
	switch t {
	case reflect.TypeFor[missionOrBrief]():
		return jsonschema.Object{{"anyOf", []any{s.component(reflect.TypeFor[missions.Mission]()), s.component(reflect.TypeFor[api.BriefMission]())}}}
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
	var both []jsonschema.Field // of one item as well as of a batch
	if single != nil {
		items := slices.IndexFunc(fields, func(f jsonschema.Field) bool { return f.Type.Kind() == reflect.Slice })
		both = slices.Delete(slices.Clone(fields), items, items+1)
		fields = fields[items : items+1]
		fields[0].Optional = false
	}
	schema := s.Struct(fields)
	if required, ok := schema.Get("required").([]string); ok {
		slices.Sort(required)
	}
	if single != nil {
		schema = jsonschema.Object{{"anyOf", []any{s.component(single), schema}}}
	}
	if len(both) > 0 {
		schema = schema.With("properties", s.Struct(both).Get("properties"))
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
		kind := field.Type
		if kind == reflect.TypeFor[*missions.Mission]() {
			kind = reflect.TypeFor[missionOrBrief]()
		}
		fields = append(fields, jsonschema.Field{
			Name: name, Type: kind, Description: s.comment[t.String()+"."+field.Name],
			Optional: optional, Nullable: !optional && isNullable(t, field),
		})
	}
	return fields, single
}

// isBatch reports whether a struct is one item or a slice of items: its only fields
// besides the embedded ones are an optional slice, and what says how to answer.
func isBatch(t reflect.Type) bool {
	embeds, slices, others := 0, 0, 0
	for field := range t.Fields() {
		name, optional := jsonName(field)
		switch {
		case field.Anonymous:
			embeds++
		case optional && field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct:
			slices++
		case name != "" && field.Type.Kind() != reflect.Bool:
			others++
		}
	}
	return embeds == 1 && slices == 1 && others == 0
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
