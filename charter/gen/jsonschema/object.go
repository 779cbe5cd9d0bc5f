package jsonschema

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Object is a JSON object that keeps the order of its members.
type Object []Member

// Member is a name, which is a string, and its value.
type Member [2]any

// Get returns the value of a member, or nil.
func (o Object) Get(name string) any {
	for _, m := range o {
		if m[0] == name {
			return m[1]
		}
	}
	return nil
}

// With returns a copy in which a member has that value. A new member comes last.
func (o Object) With(name string, value any) Object {
	with := slices.Clone(o)
	for i := range with {
		if with[i][0] == name {
			with[i][1] = value
			return with
		}
	}
	return append(with, Member{name, value})
}

// MarshalJSON writes the members in order.
func (o Object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := compact(m[0])
		if err != nil {
			return nil, err
		}
		value, err := compact(m[1])
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// Indent writes JSON for people to read.
func Indent(v any) ([]byte, error) {
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
