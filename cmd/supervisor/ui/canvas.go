package ui

import (
	"slices"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"
)

// Canvas draws text on a terminal. All text passes through Put, which makes it safe.
// Only changed lines are redrawn, so nothing flickers.
type Canvas struct {
	Base tcell.AttrMask // of everything drawn now
	Zone *time.Location

	terminal tcell.Screen
	colours  bool

	width        int
	lines, drawn [][]segment // of this page, and as shown on the terminal
}

// Cell is text as received, and its colour.
type Cell struct{ Text, Colour string }

// Text returns a cell; its colour may be "".
func Text(text, colour string) Cell { return Cell{text, colour} }

// segment is a text in a line.
type segment struct {
	x     int
	text  string
	style tcell.Style
}

// tones maps the colours to those of the terminal library.
var tones = map[string]tcell.Color{
	Red: tcell.ColorMaroon, Green: tcell.ColorGreen, Yellow: tcell.ColorOlive, Blue: tcell.ColorNavy, Cyan: tcell.ColorTeal,
}

// Canvas returns a canvas on a terminal, with the colours and the time zone of s.
func (s *Screen) Canvas(terminal tcell.Screen) *Canvas {
	return &Canvas{terminal: terminal, Zone: s.Zone, colours: s.Colours}
}

// Begin begins a page and returns its size.
func (c *Canvas) Begin() (width, height int) {
	width, height = c.terminal.Size()
	if width != c.width || height != len(c.drawn) {
		c.terminal.Clear()
		c.width, c.drawn = width, make([][]segment, height)
	}
	c.lines = make([][]segment, height)
	c.terminal.HideCursor()
	return width, height
}

// End shows the page.
func (c *Canvas) End() {
	for y, line := range c.lines {
		if slices.Equal(line, c.drawn[y]) {
			continue
		}
		c.terminal.PutStr(0, y, strings.Repeat(" ", c.width))
		for _, s := range line {
			c.terminal.PutStrStyled(s.x, y, s.text, s.style)
		}
	}
	c.drawn = c.lines
	c.terminal.Show()
}

// Cursor shows the cursor.
func (c *Canvas) Cursor(x, y int) { c.terminal.ShowCursor(x, y) }

func (c *Canvas) style(colour string) tcell.Style {
	style := tcell.StyleDefault.Attributes(c.Base)
	switch tone, known := tones[colour]; {
	case colour == Bold:
		return style.Bold(true)
	case colour == Faint:
		return style.Dim(true)
	case known && c.colours:
		return style.Foreground(tone)
	}
	return style
}

// Put draws a text, cut to a width, and returns the width drawn.
func (c *Canvas) Put(x, y, width int, text, colour string) int {
	text = Clean(text)
	if width <= 0 || text == "" || y < 0 || y >= len(c.lines) {
		return 0
	}
	if ShownWidth(text) > width {
		text = CutEnd(text, width)
	}
	c.lines[y] = append(c.lines[y], segment{x, text, c.style(colour)})
	return ShownWidth(text)
}

// Line draws texts next to each other.
func (c *Canvas) Line(y, width int, parts []Cell) {
	x := 0
	for _, part := range parts {
		x += c.Put(x, y, width-x, part.Text, part.Colour) + 2
	}
}

// Row draws cells into columns.
func (c *Canvas) Row(y int, widths []int, cells []Cell, width int) {
	if c.Base != 0 {
		c.Put(0, y, width, PadRight(" ", width), "")
	}
	x := 1
	for i, cell := range cells {
		if widths[i] > 0 {
			c.Put(x, y, min(widths[i], width-x), cell.Text, cell.Colour)
			x += widths[i] + 2
		}
	}
}
