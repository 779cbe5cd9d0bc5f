package charter

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// Known names, in the order they are written.
var (
	envelopeFields = []string{"id", "type", "source", "target", "timestamp", "payload", "meta"}
	metaFields     = []string{"schema_version", "producer", "source_module", "correlation_id", "traceparent"}
)

// maxTypeLength keeps a type, in bytes, well within a broker's limit for subjects.
const maxTypeLength = 255

// Validate returns a [FieldError] for the first rule of the envelope that the event
// breaks. It checks only that the payload is a JSON object, and not even that if the
// event came from [New] or [Decode]. [Event.AppendJSON] checks the size.
func (e *Event) Validate() error {
	switch {
	case e.ID == uuid.Nil:
		return invalid("id", "is the nil UUID")
	case !typeFits(e.Type):
		return invalid("type", typeReason)
	case e.Source == "":
		return invalid("source", "is empty")
	case !timeFits(e.Timestamp):
		return invalid("timestamp", timeReason)
	case e.Meta.SchemaVersion < 0 || e.Meta.SchemaVersion > math.MaxInt32:
		return invalid("meta.schema_version", versionReason)
	}
	if !same(e.Payload, e.checked) {
		if err := checkObject(e.Payload, "payload"); err != nil {
			return err
		}
	}
	if err := checkExtra(e.Meta.Extra, metaFields, "meta."); err != nil {
		return err
	}
	return checkExtra(e.Extra, envelopeFields, "")
}

const typeReason = "must be lower-case dotted names, at least two, of at most 255 bytes in all"

// typeFits matches ^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$ within maxTypeLength.
func typeFits(t string) bool {
	if len(t) > maxTypeLength {
		return false
	}
	names, start := 0, true
	for i := range len(t) {
		switch c := t[i]; {
		case c >= 'a' && c <= 'z':
			if start {
				names++
			}
			start = false
		case start:
			return false
		case c == '.':
			start = true
		case c != '_' && (c < '0' || c > '9'):
			return false
		}
	}
	return names >= 2 && !start
}

// same reports whether a and b are the same bytes in memory.
func same(a, b json.RawMessage) bool {
	return len(a) > 0 && len(a) == len(b) && &a[0] == &b[0]
}

func checkObject(raw json.RawMessage, field string) error {
	if err := checkValue(raw, field, 2); err != nil {
		return err
	}
	if kind := jsontext.Value(raw).Kind(); kind != jsontext.KindBeginObject {
		return invalid(field, "must be an object, not "+kindName(kind))
	}
	return nil
}

// checkExtra rejects fields that decoding would not return unchanged.
func checkExtra(extra map[string]json.RawMessage, known []string, prefix string) error {
	if len(extra) == 0 {
		return nil
	}
	depth := 2
	if prefix != "" {
		depth = 3
	}
	for name, raw := range extra {
		field := prefix + clip(name)
		if slices.Contains(known, name) {
			return invalid(field, "is a field of its own and cannot be extra")
		}
		if !utf8.ValidString(name) {
			return invalid(strings.TrimSuffix(prefix, "."), "has an extra field whose name is not UTF-8")
		}
		if err := checkValue(raw, field, depth); err != nil {
			return err
		}
	}
	return nil
}

// checkValue requires raw to be one JSON value, surrounded by nothing but white
// space.
func checkValue(raw json.RawMessage, field string, depth int) error {
	r := newReader(raw, depth)
	defer r.release()
	if r.next(0) == len(raw) {
		return invalid(field, "is missing")
	}
	if _, err := r.value(depth); err != nil {
		return invalid(field, err.Error())
	}
	if err := r.end(); err != nil {
		return invalid(field, err.Error())
	}
	return nil
}
