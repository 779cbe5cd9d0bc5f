package client

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// fieldChange is a field of a thing that differs, with its values in JSON.
type fieldChange struct {
	Field string          `json:"field"`
	Old   json.RawMessage `json:"old,omitempty"` // absent if it was not there
	New   json.RawMessage `json:"new,omitempty"` // absent if it is not there any more
}

// words says what changes. A thing that is added has no old values.
func (c *fieldChange) words(added bool) string {
	switch {
	case added:
		return c.Field + ": " + string(c.New)
	case c.Old == nil:
		return c.Field + ": not set → " + string(c.New)
	case c.New == nil:
		return c.Field + ": " + string(c.Old) + " → not set"
	}
	return c.Field + ": " + string(c.Old) + " → " + string(c.New)
}

// difference returns the fields in which the JSON of two values differs, by name. Fields of objects within are named
// with a dot.
func difference(was, is any) ([]fieldChange, error) {
	before, err := fieldsOf(was)
	if err != nil {
		return nil, err
	}
	after, err := fieldsOf(is)
	if err != nil {
		return nil, err
	}
	names := maps.Clone(before)
	maps.Copy(names, after)
	changes := []fieldChange{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !bytes.Equal(before[name], after[name]) {
			changes = append(changes, fieldChange{name, before[name], after[name]})
		}
	}
	return changes, nil
}

// fieldsOf returns the JSON of each field of a value.
func fieldsOf(value any) (map[string]json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if value == nil {
		return fields, nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, err
	}
	return fields, addFields(fields, "", object)
}

func addFields(fields map[string]json.RawMessage, within string, object map[string]any) error {
	for name, value := range object {
		if inner, is := value.(map[string]any); is && len(inner) > 0 {
			if err := addFields(fields, within+name+".", inner); err != nil {
				return err
			}
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		fields[within+name] = text
	}
	return nil
}
