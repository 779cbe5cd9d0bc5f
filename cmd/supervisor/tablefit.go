package main

import (
	"slices"

	"github.com/jedib0t/go-pretty/v6/text"
)

// A concession is what a table gives up to fit onto a terminal that is too narrow
// for it.
type shrinkRule struct {
	column  string
	least   int // characters that remain; 0: the column goes
	shorten func(cell string, width int) string
}

// without gives up columns, one after the other.
func shrinkBy(columns ...string) []shrinkRule {
	out := make([]shrinkRule, len(columns))
	for i, column := range columns {
		out[i].column = column
	}
	return out
}

// shorter cuts the ends of a column's cells.
func shorter(column string, least int) []shrinkRule {
	return []shrinkRule{{column, least, cutEnd}}
}

// shorterID cuts the middle out of a column's cells: ids often differ only at one
// of their ends.
func shorterID(column string, least int) []shrinkRule {
	return []shrinkRule{{column, least, cutMiddle}}
}

// concede says what a table gives up, and in which order, no further than it has to.
func (g *grid) shrink(concessions ...[]shrinkRule) {
	g.concessions = slices.Concat(concessions...)
}

// fit makes a table no wider than width, as far as it has something to give up: first
// of all columns in which nothing stands. Without a width there is room for everything.
func (g *grid) fit(width int) {
	if width <= 0 || g.width() <= width {
		return
	}
	g.limits = map[string]shrinkRule{}
	for _, c := range slices.Concat(shrinkBy(g.empty()...), g.concessions) {
		excess := g.width() - width
		if excess <= 0 {
			break
		}
		i := slices.Index(g.header, c.column)
		switch {
		case i < 0: // gone already
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

// giveBack lets columns grow again into what room is left, the last one that was
// shortened first.
func (g *grid) widen(room int) {
	for _, c := range slices.Backward(g.concessions) {
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

// width is how wide the table is drawn, with its lines.
func (g *grid) width() int {
	width := 1
	for i := range g.header {
		width += g.columnWidth(i) + 3
	}
	return width
}

// columnWidth is how wide a column is drawn.
func (g *grid) columnWidth(i int) int {
	width := g.naturalWidth(i)
	if c, ok := g.limits[g.header[i]]; ok {
		width = max(shownWidth(g.header[i]), min(width, c.least))
	}
	return width
}

// naturalWidth is how wide a column would like to be.
func (g *grid) naturalWidth(i int) int {
	width := shownWidth(g.header[i])
	for _, row := range g.rows {
		width = max(width, shownWidth(row[i]))
	}
	return width
}

// empty lists the columns that a table could do without which has some concessions
// to make, because no row has anything there.
func (g *grid) empty() (columns []string) {
	for _, c := range g.concessions {
		i := slices.Index(g.header, c.column)
		if c.least == 0 && !slices.ContainsFunc(g.rows, func(row []string) bool { return row[i] != "" }) {
			columns = append(columns, c.column)
		}
	}
	return columns
}

func (g *grid) remove(i int) {
	g.header, g.numbers = slices.Delete(g.header, i, i+1), slices.Delete(g.numbers, i, i+1)
	for j := range g.rows {
		g.rows[j] = slices.Delete(g.rows[j], i, i+1)
	}
}

func (g *grid) shorten(i, width int, at func(string, int) string) {
	for _, row := range g.rows {
		if shownWidth(row[i]) > width {
			row[i] = at(row[i], width)
		}
	}
}

// shownWidth is how many characters of a terminal a text takes, without colours.
func shownWidth(s string) int { return text.StringWidthWithoutEscSequences(s) }

// cutEnd cuts a text, which may be painted, to a width.
func cutEnd(s string, width int) string { return text.Snip(s, width, "…") }

// cutMiddle cuts plain text to a width, and keeps both its ends.
func cutMiddle(s string, width int) string {
	head := text.Trim(s, width/2)
	tail, room := []rune(s), width-1-shownWidth(head)
	for shownWidth(string(tail)) > room {
		tail = tail[1:]
	}
	return head + "…" + string(tail)
}
