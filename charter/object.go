package charter

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"
)

// object is a parsed JSON object. Its methods read fields by their exact names. The
// first error is kept in err; values read after it are meaningless. Values alias
// the text.
type object struct {
	prefix  string // prefix of a field's name in an error, such as "payload."
	members []member
	err     error
}

type member struct {
	name []byte // unquoted
	raw  []byte
}

func (m member) is(name string) bool { return string(m.name) == name }

// parseObject parses the object at the scanner's position, which is at the given
// nesting level. A duplicate name is rejected, because readers differ in which of
// the two they use.
func parseObject(s *scanner, path string, depth int) (*object, error) {
	o := &object{members: make([]member, 0, 16)}
	if path != "" {
		o.prefix = path + "."
	}
	if s.space(); s.pos == len(s.text) {
		return nil, invalid(path, "is empty")
	}
	if s.peek() != '{' {
		// Report what it is, if it is valid.
		if err := s.value(depth); err != nil {
			return nil, invalid(path, err.Error())
		}
		return nil, invalid(path, "must be an object, not "+kindOf(s.text))
	}
	var inside error // an error within a member, whose name is then known
	err := s.object(depth, func(quoted []byte) error {
		name, ok := unquoteName(quoted)
		if !ok {
			return errSurrogate
		}
		start := s.pos
		if err := s.value(depth + 1); err != nil {
			inside = invalid(o.prefix+clip(string(name)), err.Error())
			return inside
		}
		o.members = append(o.members, member{name, s.text[start:s.pos]})
		return nil
	})
	switch {
	case inside != nil:
		return nil, inside
	case err != nil:
		return nil, invalid(path, err.Error())
	}
	if name, twice := duplicate(o.members); twice {
		return nil, invalid(o.prefix+clip(name), "stands there twice")
	}
	return o, nil
}

// duplicate finds a duplicate name. It needs no map for the few members that events
// have, and no quadratic work for many members.
func duplicate(members []member) (string, bool) {
	const few = 16
	if len(members) <= few {
		for i, m := range members {
			for _, earlier := range members[:i] {
				if bytes.Equal(m.name, earlier.name) {
					return string(m.name), true
				}
			}
		}
		return "", false
	}
	seen := make(map[string]struct{}, len(members))
	for _, m := range members {
		if _, twice := seen[string(m.name)]; twice {
			return string(m.name), true
		}
		seen[string(m.name)] = struct{}{}
	}
	return "", false
}

// rest returns the members that are not known, or nil.
func (o *object) rest(known []string) map[string]json.RawMessage {
	var rest map[string]json.RawMessage
	for _, m := range o.members {
		if slices.ContainsFunc(known, m.is) {
			continue
		}
		if rest == nil {
			rest = make(map[string]json.RawMessage)
		}
		rest[string(m.name)] = slices.Clip(m.raw)
	}
	return rest
}

func (o *object) has(name string) bool {
	return slices.ContainsFunc(o.members, func(m member) bool { return m.is(name) })
}

// fail keeps the first error.
func (o *object) fail(name, reason string) {
	if o.err == nil {
		o.err = invalid(o.prefix+name, reason)
	}
}

// field returns the value of a required field, or nil.
func (o *object) field(name string) []byte {
	for _, m := range o.members {
		if m.is(name) {
			return m.raw
		}
	}
	o.fail(name, "is missing")
	return nil
}

// typed returns the value of a required field of that kind, or nil.
func (o *object) typed(name, kind string) []byte {
	raw := o.field(name)
	if raw == nil {
		return nil
	}
	if found := kindOf(raw); found != kind {
		o.fail(name, "must be "+kind+", not "+found)
		return nil
	}
	return raw
}

func (o *object) isNull(name string) bool {
	raw := o.field(name)
	return raw != nil && raw[0] == 'n'
}

// text reads a string.
func (o *object) text(name string) string {
	raw := o.typed(name, "a string")
	if raw == nil {
		return ""
	}
	text, ok := unquote(raw)
	if !ok {
		o.fail(name, errSurrogate.Error())
	}
	return text
}

// filled reads a string that must not be empty.
func (o *object) filled(name string) string {
	text := o.text(name)
	if text == "" {
		o.fail(name, "is empty")
	}
	return text
}

// textOrNull reads null as "".
func (o *object) textOrNull(name string) string {
	if o.isNull(name) {
		return ""
	}
	return o.text(name)
}

// texts reads an array of strings.
func (o *object) texts(name string) []string {
	raw := o.typed(name, "an array")
	if raw == nil {
		return nil
	}
	texts := []string{}
	s := scanner{text: raw}
	err := s.array(1, func() error {
		start := s.pos
		if err := s.value(2); err != nil {
			return err
		}
		item := s.text[start:s.pos]
		if found := kindOf(item); found != "a string" {
			return errors.New("must hold strings only, not " + found)
		}
		text, ok := unquote(item)
		if !ok {
			return errSurrogate
		}
		texts = append(texts, text)
		return nil
	})
	if err != nil {
		o.fail(name, err.Error())
	}
	return texts
}

// count reads a whole number of zero or more. JSON does not distinguish 5 from 5.0,
// so count does not either.
func (o *object) count(name string) int64 {
	raw := o.typed(name, "a number")
	if raw == nil {
		return 0
	}
	d, ok := parseDecimal(raw, 0)
	if !ok || !d.exact || d.negative {
		o.fail(name, "must be a whole number from 0 to 9223372036854775807")
	}
	return d.value
}

// number reads a finite number.
func (o *object) number(name string) float64 {
	raw := o.typed(name, "a number")
	if raw == nil {
		return 0
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		o.fail(name, "is not finite")
	}
	return f
}

// time reads Unix seconds.
func (o *object) time(name string) time.Time {
	raw := o.typed(name, "a number")
	if raw == nil {
		return time.Time{}
	}
	t, ok := parseUnix(raw)
	if !ok {
		o.fail(name, timeReason)
	}
	return t
}
