package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/api/spec"
)

// schemas makes JSON Schemas of Go types. It keeps the schemas of named structs as
// components, so that each occurs once.
type schemas struct {
	comment    comments
	components object
}

// component returns a reference to the schema of a struct.
func (s *schemas) component(t reflect.Type) object {
	name := componentName(t)
	if _, made := s.components[name]; !made {
		s.components[name] = nil // it may refer to itself
		s.components[name] = s.structure(t)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

// componentName returns the name of a struct among the components. A struct that
// carries a mission has the mission's name.
func componentName(t reflect.Type) string {
	if t == reflect.TypeFor[api.Mission]() {
		return "MissionReply"
	}
	return t.Name()
}

// of returns the schema of a type, including null if it is nullable.
func (s *schemas) of(t reflect.Type, nullable bool) object {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	schema := s.plain(t)
	if !nullable {
		return schema
	}
	if kind, simple := schema["type"].(string); simple {
		schema["type"] = []string{kind, "null"}
		return schema
	}
	if len(schema) == 0 {
		return schema // anything may be null, too
	}
	return object{"anyOf": []object{schema, {"type": "null"}}}
}

func (s *schemas) plain(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[missions.Time]():
		return object{"type": "number", "minimum": 0}
	case reflect.TypeFor[api.Cursor]():
		return object{"type": "string"}
	case reflect.TypeFor[json.RawMessage]():
		return object{}
	}
	switch t.Kind() {
	case reflect.String:
		if values := spec.Values(t); values != nil {
			return object{"type": "string", "enum": values}
		}
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem(), false)}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem(), false)}
	case reflect.Struct:
		return s.component(t)
	}
	panic(fmt.Sprintf("no schema for %s", t))
}

// structure returns the schema of a struct. A struct that embeds another one beside a
// slice is either that one or a batch.
func (s *schemas) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	var single reflect.Type
	s.fields(t, properties, &required, &single)
	whole := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		slices.Sort(required)
		whole["required"] = slices.Compact(required)
	}
	if single != nil {
		batch := slices.Collect(maps.Keys(properties))
		whole["required"] = batch
		whole = object{"anyOf": []object{s.component(single), whole}}
	}
	if doc := s.comment[t.String()]; doc != "" {
		whole["description"] = doc
	}
	return whole
}

// fields adds the fields of a struct and of the structs that it embeds. An embedded
// struct beside a slice goes to single instead.
func (s *schemas) fields(t reflect.Type, properties object, required *[]string, single *reflect.Type) {
	for field := range fieldsOf(t) {
		if field.Anonymous {
			embedded := field.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			if isBatch(t) {
				*single = embedded
				continue
			}
			s.fields(embedded, properties, required, single)
			continue
		}
		name, optional := jsonName(field)
		if name == "" {
			continue
		}
		schema := s.of(field.Type, !optional && isNullable(t, field))
		if doc := s.comment[t.String()+"."+field.Name]; doc != "" {
			schema = maps.Clone(schema)
			schema["description"] = doc
		}
		properties[name] = schema
		if !optional {
			*required = append(*required, name)
		}
	}
}

func fieldsOf(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if !yield(t.Field(i)) {
				return
			}
		}
	}
}

// isBatch reports whether a struct is one item or a slice of items: its only field
// besides the embedded ones is an optional slice.
func isBatch(t reflect.Type) bool {
	embeds, slice := 0, 0
	for field := range fieldsOf(t) {
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
