package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// screen is an output, with or without a terminal and colours. Each call writes
// immediately and in one piece, so several goroutines may share it.
type screen struct {
	mu  sync.Mutex
	w   io.Writer
	bad error // the first write failure

	terminal bool
	colours  bool
	zone     *time.Location

	size          func() (width, height int) // asks a terminal
	width, height int                        // in characters; 0: no limit
}

// newScreen returns a screen that writes to w. Colours need a terminal that supports
// them, and NO_COLOR must not be set (https://no-color.org).
func newScreen(w io.Writer, lookup func(string) (string, bool)) *screen {
	s := &screen{w: w, zone: time.Local}
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return s
	}
	s.terminal = true
	s.size = func() (width, height int) {
		width, height, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return 0, 0
		}
		return width, height
	}
	s.measure()
	noColour, _ := lookup("NO_COLOR")
	kind, _ := lookup("TERM")
	s.colours = noColour == "" && kind != "dumb"
	return s
}

// measure records the terminal's size, which may have changed.
func (s *screen) measure() {
	if s.size != nil {
		s.width, s.height = s.size()
	}
}

// Write implements [io.Writer].
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.w.Write(p)
	if err != nil && s.bad == nil {
		s.bad = fmt.Errorf("the output could not be written: %w", err)
	}
	return n, err
}

// failure returns the first write error.
func (s *screen) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bad
}

// printf writes text that is safe for a terminal: external text must go through clean
// first. A write failure is kept for the end of the run.
func (s *screen) printf(format string, args ...any) { _, _ = fmt.Fprintf(s, format, args...) }

// json writes one document: as received for a program, indented for a person. In both
// cases it escapes everything that a terminal would interpret.
func (s *screen) json(raw []byte) {
	text := string(raw)
	if s.terminal {
		var indented bytes.Buffer
		if err := json.Indent(&indented, raw, "", "  "); err != nil {
			s.printf("%s\n", clean(text))
			return
		}
		text = indented.String()
	}
	s.printf("%s\n", escapeJSON(text))
}

// jsonLine writes one document on a line of its own, for programs and people alike.
func (s *screen) jsonLine(raw []byte) {
	if bytes.IndexByte(raw, '\n') >= 0 {
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err == nil {
			raw = compact.Bytes()
		}
	}
	s.printf("%s\n", escapeJSON(string(raw)))
}

// painted is text that is safe for a terminal and may contain colours.
type painted string

// The colours, as ANSI codes.
const (
	bold   = "1"
	faint  = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
	cyan   = "36"
)

// paint cleans text, and colours it if the screen has colours.
func (s *screen) paint(colour, text string) painted {
	text = clean(text)
	if !s.colours || colour == "" || text == "" {
		return painted(text)
	}
	return painted("\x1b[" + colour + "m" + text + "\x1b[0m")
}

// moment formats a time in the local zone.
func (s *screen) moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(s.zone).Format(time.DateTime)
}

// clock formats the time of day, for lines that are read as they appear.
func (s *screen) clock(t time.Time) string { return t.In(s.zone).Format(time.TimeOnly) }

// The terminal sequences that watching needs.
const (
	cursorHome     = "\x1b[H"
	clearLineEnd   = "\x1b[K"
	clearScreenEnd = "\x1b[J"
	clearScreen    = "\x1b[2J"
)

// redraw replaces the previous page with as much of the new page's top as fits. It
// overwrites lines rather than clearing the screen, which would flicker.
func (s *screen) redraw(page string, first bool) {
	start := cursorHome
	if first {
		start = clearScreen + cursorHome
	}
	s.printf("%s%s%s", start, strings.ReplaceAll(s.top(page), "\n", clearLineEnd+"\n"), clearScreenEnd)
}

// top returns the part of a page that fits on the screen, and says how much does not. The
// last line of the screen stays free for the cursor.
func (s *screen) top(page string) string {
	lines := strings.SplitAfter(strings.TrimSuffix(page, "\n"), "\n")
	room, fit := s.height-1, 0
	for s.height > 0 && fit < len(lines) {
		if room -= s.rows(lines[fit]); room < 0 {
			break
		}
		fit++
	}
	if s.height <= 0 || fit == len(lines) {
		return page
	}
	fit = max(fit-1, 0) // for the line that says so
	return strings.Join(lines[:fit], "") + string(s.paint(faint, "… "+plural(len(lines)-fit, "more line", "more lines"))) + "\n"
}

// rows returns how many terminal lines a line takes.
func (s *screen) rows(line string) int {
	if s.width <= 0 {
		return 1
	}
	return max(1, (shownWidth(strings.TrimSuffix(line, "\n"))+s.width-1)/s.width)
}

// over returns a screen that behaves like s and writes to w.
func (s *screen) over(w io.Writer) *screen {
	return &screen{w: w, terminal: s.terminal, colours: s.colours, width: s.width, height: s.height, zone: s.zone}
}
