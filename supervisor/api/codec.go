package api

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/missions"
)

// MaxBody is the largest request body, in bytes. A batch of a thousand missions may
// need it. A single mission has its own limits.
const MaxBody = 8 << 20

// maxDepth is how deeply JSON within a request may be nested: more than clients need,
// and less than the limit of any JSON reader.
const maxDepth = 100

var decodeOptions = json.JoinOptions(json.RejectUnknownMembers(true))

var encodeOptions = json.JoinOptions(json.Deterministic(true), jsontext.AllowInvalidUTF8(true))

// Encode encodes a request or reply.
func Encode(v any) ([]byte, error) {
	if reply, ok := v.(appender); ok {
		return reply.appendJSON(make([]byte, 0, reply.size()))
	}
	return json.Marshal(v, encodeOptions)
}

// DecodeReply decodes a reply. Unlike requests, replies may have fields that the reader
// does not know, from a newer supervisor.
func DecodeReply(body []byte, into any) error { return json.Unmarshal(body, into) }

// Decode decodes a request of type T; an empty body counts as {}. The error is a
// missions.ErrInvalid that names the field (an unknown or repeated one, one of the
// wrong type, or "body" if the JSON itself is broken), or ErrTooLarge.
func Decode[T any](body []byte) (T, error) {
	var request T
	if len(body) > MaxBody {
		return request, missions.TooLarge("body", "is larger than %d MiB", MaxBody>>20)
	}
	if len(body) == 0 {
		return request, nil
	}
	if depth(body) > maxDepth {
		return request, missions.Invalid("body", "is nested more than %d levels deep", maxDepth)
	}
	if err := json.Unmarshal(body, &request, decodeOptions); err != nil {
		return request, refusal(err)
	}
	if kind := jsontext.Value(body).Kind(); kind != '{' {
		return request, missions.Invalid("body", "must be a JSON object")
	}
	return request, nil
}

// depth returns how deeply body is nested, counting brackets.
func depth(body []byte) int {
	level, deepest, quoted := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// refusal says in the words of the protocol why a body was not understood.
func refusal(err error) error {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &semantic):
		field := fieldName(semantic.JSONPointer)
		if errors.Is(err, json.ErrUnknownName) {
			return missions.Invalid(field, "is not a field of this request")
		}
		if inner := semantic.Err; inner != nil && semantic.GoType != nil && semantic.GoType.Kind() == reflect.Int64 &&
			!errors.Is(inner, strconv.ErrRange) && !errors.Is(inner, strconv.ErrSyntax) {
			return missions.Invalid(field, "%s", inner)
		}
		return missions.Invalid(field, "must be %s", expected(semantic.GoType))
	case errors.As(err, &syntactic):
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return missions.Invalid(fieldName(syntactic.JSONPointer), "is given twice")
		}
		return missions.Invalid(fieldName(syntactic.JSONPointer), "is not valid JSON at byte %d", syntactic.ByteOffset)
	}
	return missions.Invalid("body", "is not valid JSON")
}

// fieldName formats a JSON pointer in the way users write fields: missions[3].name.
func fieldName(pointer jsontext.Pointer) string {
	var name strings.Builder
	for token := range pointer.Tokens() {
		switch _, err := strconv.ParseUint(token, 10, 32); {
		case err == nil && name.Len() > 0:
			fmt.Fprintf(&name, "[%s]", token)
		case name.Len() > 0:
			name.WriteString("." + token)
		default:
			name.WriteString(token)
		}
		if name.Len() > 200 {
			break
		}
	}
	if name.Len() == 0 {
		return "body"
	}
	return strings.ToValidUTF8(printable(name.String()), "�")
}

// printable keeps control characters of a client's field name out of headers.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return '�'
		}
		return r
	}, s)
}

var rawJSON = reflect.TypeFor[stdjson.RawMessage]()

// expected says what JSON value a field of a Go type needs.
func expected(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == nil || t == rawJSON:
		return "valid JSON"
	case t == reflect.TypeFor[missions.Time]():
		return "a time as a number of Unix seconds"
	case t == reflect.TypeFor[Cursor]():
		return "a cursor from an earlier reply"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "an array"
	}
	return "an object"
}
