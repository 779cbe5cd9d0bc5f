package charter

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/google/uuid"
)

// Encode is [Event.AppendJSON] with its own buffer.
func Encode(e *Event) ([]byte, error) {
	return e.AppendJSON(make([]byte, 0, e.sizeHint()))
}

// AppendJSON appends the envelope as one JSON object: the seven fields in order,
// then the extra ones sorted by name. If [Event.Validate] rejects the event, or it
// exceeds [MaxSize] bytes ([ErrTooLarge]), dst is returned unchanged. Invalid UTF-8
// in texts is replaced with U+FFFD.
func (e *Event) AppendJSON(dst []byte) ([]byte, error) {
	if err := e.Validate(); err != nil {
		return dst, err
	}
	b := append(dst, `{"id":"`...)
	b = appendUUID(b, e.ID)
	b = append(b, `","type":"`...)
	b = append(b, e.Type...) // valid, so it needs no escaping
	b = append(b, `","source":`...)
	b = appendText(b, e.Source)
	b = append(b, `,"target":`...)
	b = appendTextOrNull(b, e.Target)
	b = append(b, `,"timestamp":`...)
	b = appendUnix(b, e.Timestamp)
	b = append(b, `,"payload":`...)
	b = append(b, e.Payload...)
	b = append(b, `,"meta":`...)
	b = e.Meta.appendJSON(b)
	b = appendExtra(b, e.Extra)
	b = append(b, '}')
	if size := len(b) - len(dst); size > MaxSize {
		return dst, tooLarge(size)
	}
	return b, nil
}

func (m *Meta) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	if m.SchemaVersion != 0 {
		dst = strconv.AppendInt(append(dst, `"schema_version":`...), int64(m.SchemaVersion), 10)
	}
	dst = appendTextIfAny(dst, `"producer":`, m.Producer)
	dst = appendTextIfAny(dst, `"source_module":`, m.SourceModule)
	dst = appendTextIfAny(dst, `"correlation_id":`, m.CorrelationID)
	dst = appendTextIfAny(dst, `"traceparent":`, m.Traceparent)
	if len(m.written) > 0 {
		dst = append(appendComma(dst), m.written...)
	}
	return append(appendExtra(dst, m.Extra), '}')
}

// appendTextIfAny appends a field, unless it is empty, to an object that is still open.
func appendTextIfAny(dst []byte, label, s string) []byte {
	if s == "" {
		return dst
	}
	return appendText(append(appendComma(dst), label...), s)
}

// appendComma separates a field of an open object from the one before.
func appendComma(dst []byte) []byte {
	if dst[len(dst)-1] == '{' {
		return dst
	}
	return append(dst, ',')
}

// appendExtra appends fields to an object that is still open.
func appendExtra(dst []byte, extra map[string]json.RawMessage) []byte {
	if len(extra) == 0 {
		return dst
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		dst = append(appendText(appendComma(dst), name), ':')
		dst = append(dst, extra[name]...)
	}
	return dst
}

func appendUUID(dst []byte, id uuid.UUID) []byte {
	dst = append(hex.AppendEncode(dst, id[0:4]), '-')
	dst = append(hex.AppendEncode(dst, id[4:6]), '-')
	dst = append(hex.AppendEncode(dst, id[6:8]), '-')
	dst = append(hex.AppendEncode(dst, id[8:10]), '-')
	return hex.AppendEncode(dst, id[10:16])
}

// sizeHint is enough for one allocation unless much text needs escaping.
func (e *Event) sizeHint() int {
	m := &e.Meta
	size := 256 + len(e.Type) + len(e.Source) + len(e.Target) + len(e.Payload) +
		len(m.Producer) + len(m.SourceModule) + len(m.CorrelationID) + len(m.Traceparent) + len(m.written)
	for _, extra := range []map[string]json.RawMessage{m.Extra, e.Extra} {
		for name, raw := range extra {
			size += len(name) + len(raw) + len(`"":,`)
		}
	}
	return size
}
