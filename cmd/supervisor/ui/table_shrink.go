package ui

import (
	"slices"

	"github.com/jedib0t/go-pretty/v6/text"
)

// A shrinkRule is a way to make a table narrower so that it fits a terminal.
type shrinkRule struct {
	column  string
	least   int // characters that remain; 0: the column is removed
	shorten func(cell string, width int) string
}

// Drop removes columns, one after the other.
func Drop(columns ...string) []shrinkRule {
	out := make([]shrinkRule, len(columns))
	for i, column := range columns {
		out[i].column = column
	}
	return out
}

// Shorter cuts a column's cells at the end.
func Shorter(column string, least int) []shrinkRule {
	return []shrinkRule{{column, least, CutEnd}}
}

// ShorterID cuts the middle of a column's cells, since ids often differ only at one end.
func ShorterID(column string, least int) []shrinkRule {
	return []shrinkRule{{column, least, cutMiddle}}
}

// Shrink sets the rules by which a table shrinks, in order. The table shrinks no more
// than it has to.
func (g *Table) Shrink(shrinkRules ...[]shrinkRule) {
	g.shrinkRules = slices.Concat(shrinkRules...)
}

// fit shrinks a table to width, as far as its rules allow. It removes empty columns
// first. A width of 0 means no limit.
func (g *Table) fit(width int) {
	if width <= 0 || g.width() <= width {
		return
	}
	g.limits = map[string]shrinkRule{}
	for _, c := range slices.Concat(Drop(g.empty()...), g.shrinkRules) {
		excess := g.width() - width
		if excess <= 0 {
			break
		}
		i := slices.Index(g.header, c.column)
		switch {
		case i < 0: // already removed
		case c.least == 0:
			g.remove(i)
		default:
			c.least = max(c.least, g.columnWidth(i)-excess)
			g.limits[c.column] = c
		}
	}
	g.widen(width - g.width())
	for i, column := range g.header {
		c, limited := g.limits[column]
		if limited && g.naturalWidth(i) <= c.least {
			delete(g.limits, column)
		} else if limited {
			g.shorten(i, c.least, c.shorten)
		}
	}
}

// widen lets shortened columns grow into the room that is left, the last shortened first.
func (g *Table) widen(room int) {
	for _, c := range slices.Backward(g.shrinkRules) {
		i := slices.Index(g.header, c.column)
		limit, limited := g.limits[c.column]
		if room <= 0 || i < 0 || !limited {
			continue
		}
		more := min(room, g.naturalWidth(i)-g.columnWidth(i))
		limit.least, room = g.columnWidth(i)+more, room-more
		g.limits[c.column] = limit
	}
}

// width returns the drawn width of the table, including its lines.
func (g *Table) width() int {
	width := 1
	for i := range g.header {
		width += g.columnWidth(i) + 3
	}
	return width
}

// columnWidth returns the drawn width of a column.
func (g *Table) columnWidth(i int) int {
	width := g.naturalWidth(i)
	if c, ok := g.limits[g.header[i]]; ok {
		width = max(ShownWidth(g.header[i]), min(width, c.least))
	}
	return width
}

// naturalWidth returns the width of a column without limits.
func (g *Table) naturalWidth(i int) int {
	width := ShownWidth(g.header[i])
	for _, row := range g.rows {
		width = max(width, ShownWidth(row[i]))
	}
	return width
}

// empty lists the columns that the rules may remove and that have no value in any row.
func (g *Table) empty() (columns []string) {
	for _, c := range g.shrinkRules {
		i := slices.Index(g.header, c.column)
		if c.least == 0 && !slices.ContainsFunc(g.rows, func(row []string) bool { return row[i] != "" }) {
			columns = append(columns, c.column)
		}
	}
	return columns
}

func (g *Table) remove(i int) {
	g.header, g.numbers = slices.Delete(g.header, i, i+1), slices.Delete(g.numbers, i, i+1)
	for j := range g.rows {
		g.rows[j] = slices.Delete(g.rows[j], i, i+1)
	}
}

func (g *Table) shorten(i, width int, at func(string, int) string) {
	for _, row := range g.rows {
		if ShownWidth(row[i]) > width {
			row[i] = at(row[i], width)
		}
	}
}

// ShownWidth returns how many terminal cells a text takes, without colours.
func ShownWidth(s string) int { return text.StringWidthWithoutEscSequences(s) }

// CutEnd cuts a text, which may be painted, to a width.
func CutEnd(s string, width int) string { return text.Snip(s, width, "…") }

// cutMiddle cuts plain text to a width, keeping both ends.
func cutMiddle(s string, width int) string {
	head := text.Trim(s, width/2)
	tail, room := []rune(s), width-1-ShownWidth(head)
	for ShownWidth(string(tail)) > room {
		tail = tail[1:]
	}
	return head + "…" + string(tail)
}
