package charter

import (
	"fmt"
	"strconv"
	"time"
)

// Payload is the content of one type of event. Every payload struct in the
// catalogue implements it by value.
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
	s := &scanner{text: e.Payload}
	o, err := parseObject(s, "payload", 2)
	if err != nil {
		return nil, err
	}
	if err := s.end(); err != nil {
		return nil, invalid("payload", err.Error())
	}
	p := entry.decode(o)
	if o.err != nil {
		return nil, o.err
	}
	return p, nil
}

// builder appends an object's fields. Names come from the catalogue and need no
// escaping.
type builder []byte

func open(dst []byte) builder { return append(dst, '{') }

func (b builder) close() []byte { return append(b, '}') }

func (b builder) name(name string) builder {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(append(b, '"'), name...)
	return append(b, '"', ':')
}

func (b builder) text(name, s string) builder {
	return appendText(b.name(name), s)
}

func (b builder) textOrNull(name, s string) builder {
	return appendTextOrNull(b.name(name), s)
}

func (b builder) texts(name string, texts []string) builder {
	return appendTexts(b.name(name), texts)
}

func (b builder) count(name string, n int64) builder {
	return strconv.AppendInt(b.name(name), n, 10)
}

func (b builder) number(name string, f float64) builder {
	return appendNumber(b.name(name), f)
}

func (b builder) time(name string, t time.Time) builder {
	return appendUnix(b.name(name), t)
}
