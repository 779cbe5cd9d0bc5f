package charter

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth is the maximum nesting of objects and arrays, including the envelope
// itself. Many readers fail at 64 or 128 levels.
const maxDepth = 128

var (
	errCutShort = errors.New("is cut short")
	errTooDeep  = fmt.Errorf("is nested more than %d levels deep", maxDepth)
)

// scanner checks JSON text (RFC 8259) in one pass and without allocating. Beyond
// the grammar it requires UTF-8 in strings and enforces maxDepth. Its errors
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

// peek returns the current byte, or 0, which never occurs in JSON text, at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// take skips c if it is the current byte.
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

// end accepts only white space up to the end of the text.
func (s *scanner) end() error {
	if s.space(); s.pos < len(s.text) {
		return fmt.Errorf("has trailing data at byte %d", s.pos)
	}
	return nil
}

// value skips one value at the given nesting level.
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

// object skips an object. After each name, passed as it is in the text, with
// quotes, member must skip the value; nil does only that.
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

// array skips an array. item must skip each element; nil does only that.
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

// digits requires at least one.
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

// kindOf names the kind of a valid value, for an error.
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
