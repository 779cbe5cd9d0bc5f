package ui

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"
)

// escapeSequence matches what a terminal interprets as a command: CSI, OSC and other
// sequences of ECMA-48, in their seven-bit and eight-bit forms.
var escapeSequence = regexp.MustCompile("(?:\x1b\\[|\u009b)[0-?]*[ -/]*[@-~]" +
	"|(?:\x1b[\\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\x07\x1b\u009c]*(?:\x07|\x1b\\\\|\u009c)" +
	"|\x1b[ -/]*[0-~]")

// Clean makes a line of external text safe for a terminal. It removes escape sequences,
// control characters and the marks that reverse the direction of text. Line breaks and
// tabs become spaces.
func Clean(s string) string {
	if plain(s) {
		return s
	}
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(CleanBlock(s))
}

// CleanBlock is clean for text of several lines. It keeps the line breaks.
func CleanBlock(s string) string {
	if plain(s) {
		return s
	}
	s = escapeSequence.ReplaceAllString(strings.ToValidUTF8(s, "�"), "")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case r == '\r', r == '\u2028', r == '\u2029':
			return '\n'
		case harmful(r):
			return -1
		}
		return r
	}, s)
}

// plain reports whether s is printable ASCII, as most text is.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// harmful reports whether a terminal would interpret r rather than show it.
func harmful(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// EscapeJSON escapes control characters and direction marks. JSON requires this only for
// control characters below U+0020, but output written to a pipe or a file may be shown by
// a terminal later. The value does not change. Outside of strings, white space is the
// only use of control characters in JSON.
func EscapeJSON(document string) string {
	if !strings.ContainsFunc(document, func(r rune) bool { return r != '\n' && harmful(r) || r == utf8.RuneError }) {
		return document
	}
	var b strings.Builder
	for _, r := range document {
		switch {
		case r == '\t', r == '\r':
			b.WriteByte(' ')
		case r != '\n' && harmful(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// FirstLine returns the first line of a text.
func FirstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// Shorten cuts text to at most most characters.
func Shorten(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// CutMiddle shortens an id to a number of characters. Its end stays, because the ids of
// missions that were created together begin alike.
func CutMiddle(id string, most int) string {
	runes := []rune(id)
	if len(runes) <= most || most < 3 {
		return id
	}
	end := most / 2
	return string(runes[:most-1-end]) + "…" + string(runes[len(runes)-end:])
}

// ShownWidth returns how many terminal cells a text takes, without colours.
func ShownWidth(s string) int { return text.StringWidthWithoutEscSequences(s) }

// CutEnd cuts a text, which may be painted, to a width in terminal cells.
func CutEnd(s string, width int) string { return text.Snip(s, width, "…") }

// WrapLines breaks a text into lines of at most width terminal cells, at spaces where that
// is possible.
func WrapLines(s string, width int) []string {
	s = strings.TrimSpace(CleanBlock(s))
	if s == "" || width <= 0 {
		return nil
	}
	lines := strings.Split(text.WrapSoft(s, width), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}
