package charter

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// object is a JSON object of which some fields are known. Its methods read a known
// field by its place among the names. The first error is kept in err; values read
// after it are meaningless. Values alias the text.
type object struct {
	path   string   // the object's own path, such as "payload"; "" for the envelope
	names  []string // the known fields, compared exactly
	values [maxFields]jsontext.Value
	rest   map[string]json.RawMessage // the other fields; nil if there are none
	err    error
}

// maxFields is how many known fields an object has at most.
const maxFields = 8

// parse parses text as one object, which is at the given nesting level. A duplicate
// name is rejected, because readers differ in which of the two they use.
func (o *object) parse(text []byte, depth int) error {
	r := newReader(text, depth)
	defer r.release()
	if err := r.open(depth); err != nil {
		return invalid(o.path, err.Error())
	}
	n := 0
	for ; r.tokens.PeekKind() == jsontext.KindString; n++ {
		if err := o.parseMember(r, n, depth); err != nil {
			return err
		}
	}
	if _, err := r.tokens.ReadToken(); err != nil {
		return invalid(o.path, r.notClosed(n == 0).Error())
	}
	if o.err != nil { // a name is given twice
		return o.err
	}
	if err := r.end(); err != nil {
		return invalid(o.path, err.Error())
	}
	return nil
}

// parseMember parses the nth name and its value. An error within the value names the
// member, any other the object.
func (o *object) parseMember(r *reader, n, depth int) error {
	quoted, err := r.value(depth)
	if err != nil {
		return invalid(o.path, err.Error())
	}
	colon := r.pos()
	raw, errValue := r.value(depth + 1)
	if errValue != nil {
		if at := r.next(colon); at == len(r.text) || r.text[at] != ':' {
			return invalid(o.path, r.unexpected(at).Error())
		}
	}
	name, ok := unquote(quoted)
	if !ok {
		return invalid(o.path, errSurrogate.Error())
	}
	if errValue != nil {
		return invalid(o.pathOf(clip(string(name))), errValue.Error())
	}
	o.add(n, name, raw)
	return nil
}

// add keeps the nth member. That a name is given twice is said only when the rest
// of the text is in order.
func (o *object) add(n int, name []byte, raw jsontext.Value) {
	i := n // most writers keep our order
	if n >= len(o.names) || o.names[n] != string(name) {
		i = slices.IndexFunc(o.names, func(known string) bool { return known == string(name) })
	}
	var seen bool
	if i >= 0 {
		seen = o.values[i] != nil
		o.values[i] = raw
	} else {
		if o.rest == nil {
			o.rest = make(map[string]json.RawMessage)
		}
		_, seen = o.rest[string(name)]
		o.rest[string(name)] = json.RawMessage(raw)
	}
	if seen && o.err == nil {
		o.err = invalid(o.pathOf(clip(string(name))), "is given twice")
	}
}

func (o *object) has(i int) bool { return o.values[i] != nil }

// pathOf returns the path of a field, for an error.
func (o *object) pathOf(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

// fail keeps the first error.
func (o *object) fail(i int, reason string) {
	if o.err == nil {
		o.err = invalid(o.pathOf(o.names[i]), reason)
	}
}

// field returns the value of a required field, or nil.
func (o *object) field(i int) jsontext.Value {
	if !o.has(i) {
		o.fail(i, "is missing")
	}
	return o.values[i]
}

// typed returns the value of a required field of that kind, or nil.
func (o *object) typed(i int, kind jsontext.Kind) jsontext.Value {
	raw := o.field(i)
	if raw == nil {
		return nil
	}
	if found := raw.Kind(); found != kind {
		o.fail(i, "must be "+kindName(kind)+", not "+kindName(found))
		return nil
	}
	return raw
}

func (o *object) isNull(i int) bool {
	raw := o.field(i)
	return raw != nil && raw.Kind() == jsontext.KindNull
}

// text reads a string.
func (o *object) text(i int) string { return string(o.rawText(i)) }

// rawText is text without a copy.
func (o *object) rawText(i int) []byte {
	raw := o.typed(i, jsontext.KindString)
	if raw == nil {
		return nil
	}
	text, ok := unquote(raw)
	if !ok {
		o.fail(i, errSurrogate.Error())
	}
	return text
}

// filled reads a string that must not be empty.
func (o *object) filled(i int) string {
	text := o.text(i)
	if text == "" {
		o.fail(i, "is empty")
	}
	return text
}

// texts reads an array of strings.
func (o *object) texts(i int) []string {
	raw := o.typed(i, jsontext.KindBeginArray)
	if raw == nil {
		return nil
	}
	r := newReader(raw, 1)
	defer r.release()
	texts := []string{}
	_, err := r.tokens.ReadToken()
	for err == nil && r.tokens.PeekKind() != jsontext.KindEndArray {
		var item jsontext.Value
		if item, err = r.value(2); err == nil {
			texts, err = appendUnquoted(texts, item)
		}
	}
	if err != nil {
		o.fail(i, err.Error())
	}
	return texts
}

func appendUnquoted(texts []string, item jsontext.Value) ([]string, error) {
	if kind := item.Kind(); kind != jsontext.KindString {
		return texts, errors.New("must hold strings only, not " + kindName(kind))
	}
	text, ok := unquote(item)
	if !ok {
		return texts, errSurrogate
	}
	return append(texts, string(text)), nil
}

// count reads a whole number of zero or more. JSON does not distinguish 5 from 5.0,
// so count does not either.
func (o *object) count(i int) int64 {
	raw := o.typed(i, jsontext.KindNumber)
	if raw == nil {
		return 0
	}
	d, ok := parseDecimal(raw, 0)
	if !ok || !d.exact || d.negative {
		o.fail(i, "must be a whole number from 0 to 9223372036854775807")
	}
	return d.value
}

// number reads a finite number.
func (o *object) number(i int) float64 {
	raw := o.typed(i, jsontext.KindNumber)
	if raw == nil {
		return 0
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		o.fail(i, "is not finite")
	}
	return f
}

// time reads Unix seconds.
func (o *object) time(i int) time.Time {
	raw := o.typed(i, jsontext.KindNumber)
	if raw == nil {
		return time.Time{}
	}
	t, ok := parseUnix(raw)
	if !ok {
		o.fail(i, timeReason)
	}
	return t
}
