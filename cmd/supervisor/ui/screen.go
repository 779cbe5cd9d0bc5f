package ui

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

// Screen is an output, with or without a terminal and colours. Each call writes
// immediately and in one piece, so several goroutines may share it.
type Screen struct {
	mu  sync.Mutex
	w   io.Writer
	bad error // the first write failure

	Terminal bool
	Colours  bool
	Zone     *time.Location

	Size          func() (width, height int) // asks a terminal
	Width, height int                        // in characters; 0: no limit

	// Wide is whether nothing is cut or left out to save room.
	Wide bool

	notes *Screen // see Note; may be nil
}

// NewScreen returns a screen that writes to w. Colours need a terminal that supports
// them, and NO_COLOR must not be set (https://no-color.org).
func NewScreen(w io.Writer, lookup func(string) (string, bool)) *Screen {
	s := &Screen{w: w, Zone: time.Local}
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return s
	}
	s.Terminal = true
	s.Size = func() (width, height int) {
		width, height, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return 0, 0
		}
		return width, height
	}
	s.Measure()
	noColour, _ := lookup("NO_COLOR")
	kind, _ := lookup("TERM")
	s.Colours = noColour == "" && kind != "dumb"
	return s
}

// Measure records the terminal's size, which may have changed.
func (s *Screen) Measure() {
	if s.Size != nil {
		s.Width, s.height = s.Size()
	}
}

// Write implements [io.Writer].
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.w.Write(p)
	if err != nil && s.bad == nil {
		s.bad = fmt.Errorf("the output could not be written: %w", err)
	}
	return n, err
}

// Failure returns the first write error.
func (s *Screen) Failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bad
}

// Printf writes text that is safe for a terminal: external text must go through clean
// first. A write failure is kept for the end of the run.
func (s *Screen) Printf(format string, args ...any) { _, _ = fmt.Fprintf(s, format, args...) }

// Note writes what is about the output rather than part of it. If the output is no
// terminal, a program reads it, and the note goes to the other output.
func (s *Screen) Note(format string, args ...any) {
	if !s.Terminal && s.notes != nil {
		s.notes.Printf(format, args...)
		return
	}
	s.Printf(format, args...)
}

// Shorten is [Shorten] unless the screen is wide.
func (s *Screen) Shorten(text string, most int) string {
	if s.Wide {
		return text
	}
	return Shorten(text, most)
}

// JSON writes one document: as received for a program, indented for a person. In both
// cases it escapes everything that a terminal would interpret.
func (s *Screen) JSON(raw []byte) {
	text := string(raw)
	if s.Terminal {
		var indented bytes.Buffer
		if err := json.Indent(&indented, raw, "", "  "); err != nil {
			s.Printf("%s\n", Clean(text))
			return
		}
		text = indented.String()
	}
	s.Printf("%s\n", EscapeJSON(text))
}

// JSONLine writes one document on a line of its own, for programs and people alike.
func (s *Screen) JSONLine(raw []byte) {
	if bytes.IndexByte(raw, '\n') >= 0 {
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err == nil {
			raw = compact.Bytes()
		}
	}
	s.Printf("%s\n", EscapeJSON(string(raw)))
}

// Painted is text that is safe for a terminal and may contain colours.
type Painted string

// The colours, as ANSI codes.
const (
	Bold   = "1"
	Faint  = "2"
	Red    = "31"
	Green  = "32"
	Yellow = "33"
	Blue   = "34"
	Cyan   = "36"
)

// Paint cleans text, and colours it if the screen has colours.
func (s *Screen) Paint(colour, text string) Painted {
	text = Clean(text)
	if !s.Colours || colour == "" || text == "" {
		return Painted(text)
	}
	return Painted("\x1b[" + colour + "m" + text + "\x1b[0m")
}

// Moment formats a time in the local zone.
func (s *Screen) Moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(s.Zone).Format(time.DateTime)
}

// Clock formats the time of day, for lines that are read as they appear.
func (s *Screen) Clock(t time.Time) string { return t.In(s.Zone).Format(time.TimeOnly) }

// The terminal sequences that watching needs.
const (
	cursorHome     = "\x1b[H"
	clearLineEnd   = "\x1b[K"
	clearScreenEnd = "\x1b[J"
	clearScreen    = "\x1b[2J"
)

// Redraw replaces the previous page with as much of the new page's top as fits. It
// overwrites lines rather than clearing the screen, which would flicker.
func (s *Screen) Redraw(page string, first bool) {
	start := cursorHome
	if first {
		start = clearScreen + cursorHome
	}
	s.Printf("%s%s%s", start, strings.ReplaceAll(s.top(page), "\n", clearLineEnd+"\n"), clearScreenEnd)
}

// top returns the part of a page that fits on the screen, and says how much does not. The
// last line of the screen stays free for the cursor.
func (s *Screen) top(page string) string {
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
	return strings.Join(lines[:fit], "") + string(s.Paint(Faint, "… "+Plural(len(lines)-fit, "more line", "more lines"))) + "\n"
}

// rows returns how many terminal lines a line takes.
func (s *Screen) rows(line string) int {
	if s.Width <= 0 {
		return 1
	}
	return max(1, (ShownWidth(strings.TrimSuffix(line, "\n"))+s.Width-1)/s.Width)
}

// Over returns a screen that behaves like s and writes to w.
func (s *Screen) Over(w io.Writer) *Screen {
	return &Screen{w: w, Terminal: s.Terminal, Colours: s.Colours, Width: s.Width, height: s.height, Zone: s.Zone, Wide: s.Wide, notes: s.notes}
}
