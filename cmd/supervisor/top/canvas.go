package top

import (
	"slices"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"

	"missioncontrol/cmd/supervisor/ui"
)

// canvas draws text on a terminal. All text passes through put, which makes it safe.
// Only changed lines are redrawn, so nothing flickers.
type canvas struct {
	terminal tcell.Screen
	zone     *time.Location
	colours  bool
	base     tcell.AttrMask // of everything drawn now

	width        int
	lines, drawn [][]segment // of this page, and as shown on the terminal
}

// segment is a text in a line.
type segment struct {
	x     int
	text  string
	style tcell.Style
}

// begin begins a page and returns its size.
func (c *canvas) begin() (width, height int) {
	width, height = c.terminal.Size()
	if width != c.width || height != len(c.drawn) {
		c.terminal.Clear()
		c.width, c.drawn = width, make([][]segment, height)
	}
	c.lines = make([][]segment, height)
	c.terminal.HideCursor()
	return width, height
}

// end shows the page.
func (c *canvas) end() {
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

func (c *canvas) cursor(x, y int) { c.terminal.ShowCursor(x, y) }

func (c *canvas) style(colour string) tcell.Style {
	style := tcell.StyleDefault.Attributes(c.base)
	switch tone, known := tones[colour]; {
	case colour == ui.Bold:
		return style.Bold(true)
	case colour == ui.Faint:
		return style.Dim(true)
	case known && c.colours:
		return style.Foreground(tone)
	}
	return style
}

// put draws a text, cut to a width, and returns the width drawn.
func (c *canvas) put(x, y, width int, text, colour string) int {
	text = ui.Clean(text)
	if width <= 0 || text == "" || y < 0 || y >= len(c.lines) {
		return 0
	}
	if ui.ShownWidth(text) > width {
		text = ui.CutEnd(text, width)
	}
	c.lines[y] = append(c.lines[y], segment{x, text, c.style(colour)})
	return ui.ShownWidth(text)
}

// line draws texts next to each other.
func (c *canvas) line(y, width int, parts []tableCell) {
	x := 0
	for _, part := range parts {
		x += c.put(x, y, width-x, part.text, part.colour) + 2
	}
}

// row draws cells into columns.
func (c *canvas) row(y int, widths []int, cells []tableCell, width int) {
	if c.base != 0 {
		c.put(0, y, width, ui.PadRight(" ", width), "")
	}
	x := 1
	for i, cell := range cells {
		if widths[i] > 0 {
			c.put(x, y, min(widths[i], width-x), cell.text, cell.colour)
			x += widths[i] + 2
		}
	}
}
