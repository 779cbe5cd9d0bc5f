package ui

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// A Table is a table for people. Cells are cleaned unless they are painted.
type Table struct {
	screen      *Screen
	title       string
	header      []string
	numbers     []bool
	rows        [][]string
	shrinkRules []shrinkRule
	limits      map[string]shrinkRule // by column, once shortened
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

// Print draws the table, as wide as the terminal allows.
func (g *Table) Print() {
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
	if _, shortened := g.limits[columnID]; shortened {
		g.screen.Printf("%s\n", g.screen.Paint(Faint, "Ids are cut; --json has them whole."))
	}
}

// columnID is the column with the id that other commands accept.
const columnID = "ID"

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
