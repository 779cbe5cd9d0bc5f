package ui

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// A Table is a table for people. Cells are cleaned unless they are painted.
type Table struct {
	screen  *Screen
	title   string
	header  []string
	numbers []bool
	rows    [][]string

	drop  []string // columns that a narrow terminal does without
	cut   string   // the column that takes the room that the others leave; "" for none
	least int      // its characters that remain
	last  string   // see Last
}

// Table begins a table. A column whose name ends in "#" holds numbers.
func (s *Screen) Table(title string, columns ...string) *Table {
	g := &Table{screen: s, title: Clean(title), header: make([]string, len(columns)), numbers: make([]bool, len(columns))}
	for i, column := range columns {
		g.header[i], g.numbers[i] = strings.CutSuffix(column, "#")
	}
	return g
}

// Row adds a row, with a cell for each column.
func (g *Table) Row(cells ...any) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = safe(cell)
	}
	g.rows = append(g.rows, row)
}

// Drop names the columns that a narrow terminal does without, the first one first. Columns
// without any value go before the others.
func (g *Table) Drop(columns ...string) { g.drop = columns }

// Cut names the column whose cells are cut to what the others leave, but not below least
// characters: before that, columns are dropped.
func (g *Table) Cut(column string, least int) { g.cut, g.least = column, least }

// Last names the column with free text. Where programs read the table, it is the last one.
func (g *Table) Last(column string) { g.last = column }

// fit makes a table fit a width, as far as it may. A width of 0 means no limit.
func (g *Table) fit(width int) {
	if width <= 0 || g.screen.Wide || g.width(math.MaxInt) <= width {
		return
	}
	for _, column := range slices.Concat(g.empty(), g.drop) {
		if i := slices.Index(g.header, column); i >= 0 && g.width(g.least) > width {
			g.remove(i)
		}
	}
	if i := slices.Index(g.header, g.cut); i >= 0 {
		room := max(g.least, width-g.width(0)+ShownWidth(g.cut))
		for _, row := range g.rows {
			row[i] = CutEnd(row[i], room)
		}
	}
}

// width returns the drawn width of the table, including its lines, with the column that
// may be cut taking at most most characters.
func (g *Table) width(most int) int {
	width := 1
	for i, name := range g.header {
		cells := 0
		for _, row := range g.rows {
			cells = max(cells, ShownWidth(row[i]))
		}
		if name == g.cut {
			cells = min(cells, most)
		}
		width += max(ShownWidth(name), cells) + 3
	}
	return width
}

// empty lists the columns that may be dropped and have no value in any row.
func (g *Table) empty() (columns []string) {
	for _, column := range g.drop {
		i := slices.Index(g.header, column)
		if !slices.ContainsFunc(g.rows, func(row []string) bool { return row[i] != "" }) {
			columns = append(columns, column)
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

// Print draws the table, as wide as the terminal allows. If the output is no terminal, it
// prints lines of words, which awk and its like can take apart.
func (g *Table) Print() {
	if !g.screen.Terminal {
		g.printPlain()
		return
	}
	g.fit(g.screen.Width)
	w := table.NewWriter()
	style := table.StyleRounded
	style.Format.Header = text.FormatDefault
	style.Title.Align = text.AlignCenter
	w.SetStyle(style)
	if g.title != "" {
		w.SetTitle("%s", g.title)
	}
	var configs []table.ColumnConfig
	for i, numbers := range g.numbers {
		if numbers {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	w.SetColumnConfigs(configs)
	w.AppendHeader(tableRow(g.header))
	for _, row := range g.rows {
		w.AppendRow(tableRow(row))
	}
	g.screen.Printf("%s\n", w.Render())
}

// printPlain prints a line for each row, with a word for each column; only the column of
// free text has spaces.
func (g *Table) printPlain() {
	last := slices.Index(g.header, g.last)
	widths := make([]int, len(g.header))
	lines := append([][]string{slices.Clone(g.header)}, g.rows...)
	for _, line := range lines {
		for i, cell := range line {
			if i != last {
				cell = word(cell)
			}
			line[i] = cmp.Or(cell, "-")
			widths[i] = max(widths[i], ShownWidth(line[i]))
		}
	}
	for _, line := range lines {
		var text, rest strings.Builder
		for i, cell := range line {
			into := &text
			if i == last {
				into = &rest
			}
			into.WriteString(cell + strings.Repeat(" ", widths[i]-ShownWidth(cell)+2))
		}
		g.screen.Printf("%s\n", strings.TrimRight(text.String()+rest.String(), " "))
	}
}

var (
	bigNumber  = regexp.MustCompile(`^-?[0-9]{1,3}(,[0-9]{3})+$`)
	withUnit   = regexp.MustCompile(`^(-?[0-9.]+) ([^ ]+)$`)
	dateAndDay = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:)`)
)

// word returns a cell as one word, with numbers that programs can read.
func word(cell string) string {
	if bigNumber.MatchString(cell) {
		return strings.ReplaceAll(cell, ",", "")
	}
	cell = strings.TrimSuffix(cell, " ago")
	cell = withUnit.ReplaceAllString(cell, "$1$2")
	cell = dateAndDay.ReplaceAllString(cell, "${1}T$2")
	return strings.ReplaceAll(strings.ReplaceAll(cell, ", ", ","), " ", "_")
}

func tableRow(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, cell := range cells {
		row[i] = cell
	}
	return row
}

func safe(cell any) string {
	if p, ok := cell.(Painted); ok {
		return string(p)
	}
	return Clean(fmt.Sprint(cell))
}

// A Card shows one thing: a title and lines of names and values, with the names
// right-aligned as in the nats CLI.
type Card struct {
	screen *Screen
	title  string
	names  []string
	values []string
}

// Card begins a card. The title is cleaned.
func (s *Screen) Card(title string) *Card { return &Card{screen: s, title: Clean(title)} }

// Line adds a value, unless it is empty. Text is cleaned and may have several lines.
func (c *Card) Line(name string, value any) {
	var text string
	switch v := value.(type) {
	case Painted:
		text = string(v)
	default:
		text = strings.TrimRight(CleanBlock(fmt.Sprint(v)), "\n")
	}
	if text == "" {
		return
	}
	c.names, c.values = append(c.names, name), append(c.values, text)
}

// Gap adds an empty line.
func (c *Card) Gap() { c.names, c.values = append(c.names, ""), append(c.values, "") }

// Print draws the card.
func (c *Card) Print() {
	width := 0
	for _, name := range c.names {
		width = max(width, text.StringWidthWithoutEscSequences(name))
	}
	width += 2
	var b strings.Builder
	if c.title != "" {
		fmt.Fprintf(&b, "%s\n\n", c.screen.Paint(Bold, c.title))
	}
	for i, name := range c.names {
		if name == "" {
			b.WriteString("\n")
			continue
		}
		value := strings.ReplaceAll(c.values[i], "\n", "\n"+strings.Repeat(" ", width+2))
		fmt.Fprintf(&b, "%*s: %s\n", width, name, value)
	}
	c.screen.Printf("%s", b.String())
}
