package charter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is the maximum nesting of objects and arrays, including the envelope
// itself. Many readers fail at 64 or 128 levels.
const maxDepth = 128

var (
	errCutShort  = errors.New("is cut short")
	errTooDeep   = fmt.Errorf("is nested more than %d levels deep", maxDepth)
	errSurrogate = errors.New("holds half of a surrogate pair, which no UTF-8 text can")
)

// reader reads JSON text (RFC 8259) value by value. Beyond the grammar it requires
// UTF-8 and enforces maxDepth. Its errors complete the sentence of a [FieldError].
type reader struct {
	text   []byte
	proper bool         // UTF-8, and with too few brackets to exceed maxDepth
	source bytes.Buffer // holds text, which tokens reads in place
	tokens jsontext.Decoder
}

// grammar accepts names that stand twice and half of a surrogate pair, which a value
// that is only passed on may contain. To jsontext the latter is invalid UTF-8, so the
// reader checks UTF-8 itself.
var grammar = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

var readers = sync.Pool{New: func() any { return new(reader) }}

// newReader returns a reader of text, whose first value is at the given nesting level.
// It must be released.
func newReader(text []byte, depth int) *reader {
	r := readers.Get().(*reader)
	r.text, r.source = text, *bytes.NewBuffer(text)
	r.proper = utf8.Valid(text) && depth-1+bytes.Count(text, []byte{'{'})+bytes.Count(text, []byte{'['}) <= maxDepth
	r.tokens.Reset(&r.source, grammar...)
	return r
}

// release ends the use of a reader, which keeps its text alive until it is used again or
// garbage.
func (r *reader) release() { readers.Put(r) }

// pos returns how much of the text has been read.
func (r *reader) pos() int { return int(r.tokens.InputOffset()) }

// next returns the first position from a given one on that is not white space.
func (r *reader) next(at int) int {
	for at < len(r.text) && (r.text[at] == ' ' || r.text[at] == '\t' || r.text[at] == '\n' || r.text[at] == '\r') {
		at++
	}
	return at
}

// open reads an object's opening bracket. Instead of an object it reports what is
// there, if that is valid.
func (r *reader) open(depth int) error {
	if r.next(0) == len(r.text) {
		return errors.New("is empty")
	}
	if r.tokens.PeekKind() == jsontext.KindBeginObject {
		_, err := r.tokens.ReadToken()
		return err
	}
	raw, err := r.value(depth)
	if err != nil {
		return err
	}
	return errors.New("must be an object, not " + kindName(raw.Kind()))
}

// notClosed says what stands where an object should go on or end.
func (r *reader) notClosed(empty bool) error {
	at := r.next(r.pos())
	if !empty && at < len(r.text) && r.text[at] == ',' {
		at = r.next(at + 1)
	}
	return r.unexpected(at)
}

// value reads one value, whose objects and arrays are at the given nesting level.
func (r *reader) value(depth int) (jsontext.Value, error) {
	read, err := r.tokens.ReadValue()
	if err != nil {
		return nil, r.fault(err, depth)
	}
	end := r.pos()
	start := end - len(read)
	raw := r.text[start:end:end]
	if r.proper {
		return raw, nil
	}
	_, err = checkText(raw, start, depth)
	return raw, err
}

// end accepts only white space up to the end of the text.
func (r *reader) end() error {
	if at := r.next(r.pos()); at < len(r.text) {
		return fmt.Errorf("has trailing data at byte %d", at)
	}
	return nil
}

// fault says what is wrong with the text that follows what has been read: the first
// fault in it, which can be one that jsontext tolerates.
func (r *reader) fault(err error, depth int) error {
	var syntax *jsontext.SyntacticError
	start, at := r.pos(), len(r.text)
	if errors.As(err, &syntax) && !errors.Is(err, io.ErrUnexpectedEOF) {
		at = int(syntax.ByteOffset)
	}
	quoted, err := checkText(r.text[start:at], start, depth)
	if err != nil {
		return err
	}
	if quoted && at < len(r.text) && r.text[at] == '\\' {
		at += 1 + badEscape(r.text[at+1:])
	}
	return r.unexpected(at)
}

// badEscape returns the position of the byte that does not fit behind a backslash.
func badEscape(text []byte) int {
	const hex = "0123456789abcdefABCDEF"
	if len(text) == 0 || text[0] != 'u' {
		return 0
	}
	return len(text) - len(bytes.TrimLeft(text[1:], hex))
}

func (r *reader) unexpected(at int) error {
	if at >= len(r.text) {
		return errCutShort
	}
	return fmt.Errorf("is not JSON: unexpected %q at byte %d", r.text[at], at)
}

// checkText reports the first byte of text, well-formed JSON as far as it goes, that
// is not UTF-8 or begins too deep a level, and whether the text ends within a string.
// The text is at byte start of the whole, and its objects and arrays are at the given
// level.
func checkText(text []byte, start, depth int) (quoted bool, err error) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && size == 1 {
				return quoted, fmt.Errorf("is not UTF-8 at byte %d", start+i)
			}
			i += size - 1
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth > maxDepth {
				return quoted, errTooDeep
			}
			depth++
		case c == '}' || c == ']':
			depth--
		}
	}
	return quoted, nil
}

// kindName names a kind of value, for an error.
func kindName(kind jsontext.Kind) string {
	switch kind {
	case jsontext.KindBeginObject:
		return "an object"
	case jsontext.KindBeginArray:
		return "an array"
	case jsontext.KindString:
		return "a string"
	case jsontext.KindTrue, jsontext.KindFalse:
		return "a boolean"
	case jsontext.KindNull:
		return "null"
	}
	return "a number"
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
