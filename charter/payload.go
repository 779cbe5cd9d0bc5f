package charter

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"
)

// Payload is the content of one type of event. Every payload struct in the
// catalogue implements it by value.
//
// The struct is the one description of a payload: its fields are written in order,
// and their tags give each field's name (json), a sentence about it (doc), its unit,
// the known values of a text, the max of a number that starts at zero, and whether it
// is nullable. Encoding, decoding, [Entry], the schemas and EVENTS.md follow from it.
type Payload interface {
	// EventType returns the event's type, such as "mission.created".
	EventType() string

	// AppendJSON appends the payload as one JSON object. It cannot fail: invalid
	// UTF-8 is replaced with U+FFFD, a time outside the years 1970 to 9999 becomes
	// the nearest valid one, and a number that is not finite becomes null.
	AppendJSON(dst []byte) []byte
}

// DecodePayload returns the event's payload as the struct of its type, by value. A
// missing or mistyped field is rejected with a [FieldError]. Unknown fields are
// ignored, so that an older reader understands a newer writer. A type outside the
// catalogue is [ErrUnknownType].
func DecodePayload(e *Event) (Payload, error) {
	entry, ok := entries[e.Type]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownType, clip(e.Type))
	}
	o := object{path: "payload", names: entry.names}
	if err := o.parse(e.Payload, 2); err != nil {
		return nil, err
	}
	p := reflect.New(reflect.TypeOf(entry.Example)).Elem()
	for i := range entry.Fields {
		o.set(p.Field(i), i, &entry.Fields[i])
	}
	if o.err != nil {
		return nil, o.err
	}
	return p.Interface().(Payload), nil
}

// set reads the ith field of a payload.
func (o *object) set(into reflect.Value, i int, f *Field) {
	switch f.Form {
	case FormText:
		if !f.Nullable || !o.isNull(i) { // null is ""
			into.SetString(o.text(i))
		}
	case FormTexts:
		*into.Addr().Interface().(*[]string) = o.texts(i)
	case FormCount:
		into.SetInt(o.count(i))
	case FormNumber:
		into.SetFloat(o.payloadNumber(i, f))
	case FormTime:
		if !f.Nullable || !o.isNull(i) { // null is the zero time
			*into.Addr().Interface().(*time.Time) = o.time(i)
		}
	case FormConditions:
		*into.Addr().Interface().(*[]Condition) = o.conditions(i)
	}
}

// payloadNumber reads a number within its limits, and null, if allowed, as NaN.
func (o *object) payloadNumber(i int, f *Field) float64 {
	if f.Nullable && o.isNull(i) {
		return math.NaN()
	}
	n := o.number(i)
	if f.Max != 0 && (n < 0 || n > f.Max) {
		o.fail(i, "must be from 0 to "+strconv.FormatFloat(f.Max, 'f', -1, 64))
	}
	return n
}

// appendPayload is AppendJSON of a payload in the catalogue.
func appendPayload(dst []byte, p Payload) []byte {
	return entries[p.EventType()].append(dst, p, reflect.ValueOf(p))
}

// append appends a payload of the entry's type, given also as a value.
func (e *Entry) append(dst []byte, p Payload, value reflect.Value) []byte {
	if d, ok := p.(direct); ok {
		return append(d.appendFields(dst, e.labels), '}')
	}
	return e.appendJSON(dst, value)
}

// appendJSON appends a payload of the entry's type.
func (e *Entry) appendJSON(dst []byte, p reflect.Value) []byte {
	for i := range e.Fields {
		dst = append(dst, e.labels[i]...)
		switch value := p.Field(i); e.Fields[i].Form {
		case FormText:
			if e.Fields[i].Nullable {
				dst = appendTextOrNull(dst, value.String())
			} else {
				dst = appendText(dst, value.String())
			}
		case FormTexts:
			dst = appendTexts(dst, value.Interface().([]string))
		case FormCount:
			dst = strconv.AppendInt(dst, value.Int(), 10)
		case FormNumber:
			dst = appendNumber(dst, value.Float())
		case FormTime:
			if at := value.Interface().(time.Time); e.Fields[i].Nullable && at.IsZero() {
				dst = append(dst, "null"...)
			} else {
				dst = appendUnix(dst, at)
			}
		case FormConditions:
			dst = appendConditions(dst, value.Interface().([]Condition))
		}
	}
	return append(dst, '}')
}

// sizeHint is enough for a payload and its target unless much text needs escaping.
func (e *Entry) sizeHint(p reflect.Value) int {
	size := len(targetPrefix) + len("}")
	for i := range e.Fields {
		size += len(e.labels[i])
		switch e.Fields[i].Form {
		case FormText:
			size += p.Field(i).Len() + len(`""`)
			if i == 0 { // the target repeats it
				size += p.Field(i).Len()
			}
		case FormTexts:
			for _, s := range p.Field(i).Interface().([]string) {
				size += len(s) + len(`"",`)
			}
		case FormConditions:
			for _, c := range p.Field(i).Interface().([]Condition) {
				size += len(c.Mission) + len(c.Batch) + len(c.Signal) + len(`{"mission":""},`)
			}
		default:
			size += 24 // the longest number
		}
	}
	return size
}
