package charter

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth is how many objects and arrays may stand inside each other, the
// envelope itself being the first. Many readers give up at 64 or 128 levels.
const maxDepth = 128

var (
	errCutShort = errors.New("is cut short")
	errTooDeep  = fmt.Errorf("is nested more than %d levels deep", maxDepth)
)

// A scanner checks JSON text (RFC 8259) in one pass and without allocating. Next
// to the grammar it insists on UTF-8 inside strings and on maxDepth. Its errors
// complete the sentence of a [FieldError].
type scanner struct {
	text []byte
	pos  int
}

func (s *scanner) space() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek gives the byte at hand, or 0, which stands nowhere in JSON text, when
// there is none left.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// take steps over c if it is at hand.
func (s *scanner) take(c byte) bool {
	if s.peek() != c || s.pos == len(s.text) {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) unexpected() error {
	if s.pos >= len(s.text) {
		return errCutShort
	}
	return fmt.Errorf("is not JSON: unexpected %q at byte %d", s.text[s.pos], s.pos)
}

// end wants nothing but space up to the end of the text.
func (s *scanner) end() error {
	if s.space(); s.pos < len(s.text) {
		return fmt.Errorf("has trailing data at byte %d", s.pos)
	}
	return nil
}

// value steps over one value, which stands at the given level of nesting.
func (s *scanner) value(depth int) error {
	switch c := s.peek(); {
	case c == '"':
		return s.str()
	case c == '{':
		return s.object(depth, nil)
	case c == '[':
		return s.array(depth, nil)
	case c == '-' || isDigit(c):
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	}
	return s.unexpected()
}

// object steps over an object. After each name, which it gets as it stands in
// the text, quotes included, member has to step over the value; nil does just
// that.
func (s *scanner) object(depth int, member func(name []byte) error) error {
	if depth > maxDepth {
		return errTooDeep
	}
	if member == nil {
		member = func([]byte) error { return s.value(depth + 1) }
	}
	s.pos++
	if s.space(); s.take('}') {
		return nil
	}
	for {
		start := s.pos
		if s.peek() != '"' {
			return s.unexpected()
		}
		if err := s.str(); err != nil {
			return err
		}
		name := s.text[start:s.pos]
		if s.space(); !s.take(':') {
			return s.unexpected()
		}
		s.space()
		if err := member(name); err != nil {
			return err
		}
		if s.space(); s.take('}') {
			return nil
		}
		if !s.take(',') {
			return s.unexpected()
		}
		s.space()
	}
}

// array steps over an array. item has to step over each element; nil does just
// that.
func (s *scanner) array(depth int, item func() error) error {
	if depth > maxDepth {
		return errTooDeep
	}
	if item == nil {
		item = func() error { return s.value(depth + 1) }
	}
	s.pos++
	if s.space(); s.take(']') {
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if s.space(); s.take(']') {
			return nil
		}
		if !s.take(',') {
			return s.unexpected()
		}
		s.space()
	}
}

func (s *scanner) str() error {
	s.pos++
	for {
		s.pos += plainPrefix(s.text[s.pos:])
		switch c := s.peek(); {
		case s.pos == len(s.text):
			return errCutShort
		case c == '"':
			s.pos++
			return nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case c < ' ':
			return s.unexpected()
		default:
			r, size := utf8.DecodeRune(s.text[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return fmt.Errorf("is not UTF-8 at byte %d", s.pos)
			}
			s.pos += size
		}
	}
}

func (s *scanner) escape() error {
	s.pos++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
		s.pos++
		for range 4 {
			if !isHex(s.peek()) {
				return s.unexpected()
			}
			s.pos++
		}
		return nil
	}
	return s.unexpected()
}

func (s *scanner) number() error {
	s.take('-')
	if !s.take('0') {
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.take('.') {
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		return s.digits()
	}
	return nil
}

// digits wants at least one.
func (s *scanner) digits() error {
	if !isDigit(s.peek()) {
		return s.unexpected()
	}
	for isDigit(s.peek()) {
		s.pos++
	}
	return nil
}

func (s *scanner) literal(word string) error {
	for i := range len(word) {
		if !s.take(word[i]) {
			return s.unexpected()
		}
	}
	return nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// kindOf names what a valid value is, in the words of an error.
func kindOf(raw []byte) string {
	s := scanner{text: raw}
	s.space()
	switch s.peek() {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
