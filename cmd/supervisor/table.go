package main

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// A grid is a table for people. Cells are cleaned unless they are painted.
type grid struct {
	screen      *screen
	title       string
	header      []string
	numbers     []bool
	rows        [][]string
	shrinkRules []shrinkRule
	limits      map[string]shrinkRule // by column, once shortened
}

// grid begins a table. A column whose name ends in "#" holds numbers.
func (s *screen) grid(title string, columns ...string) *grid {
	g := &grid{screen: s, title: clean(title), header: make([]string, len(columns)), numbers: make([]bool, len(columns))}
	for i, column := range columns {
		g.header[i], g.numbers[i] = strings.CutSuffix(column, "#")
	}
	return g
}

func (g *grid) row(cells ...any) {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = safe(cell)
	}
	g.rows = append(g.rows, row)
}

func (g *grid) print() {
	g.fit(g.screen.width)
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
	g.screen.printf("%s\n", w.Render())
	if _, shortened := g.limits[columnID]; shortened {
		g.screen.printf("%s\n", g.screen.paint(faint, "Ids are cut; --json has them whole."))
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
	if p, ok := cell.(painted); ok {
		return string(p)
	}
	return clean(fmt.Sprint(cell))
}

// A card shows one thing: a title and lines of names and values, with the names
// right-aligned as in the nats CLI.
type card struct {
	screen *screen
	title  string
	names  []string
	values []string
}

func (s *screen) card(title string) *card { return &card{screen: s, title: clean(title)} }

// line adds a value, unless it is empty. Text is cleaned and may have several lines.
func (c *card) line(name string, value any) {
	var text string
	switch v := value.(type) {
	case painted:
		text = string(v)
	default:
		text = strings.TrimRight(cleanBlock(fmt.Sprint(v)), "\n")
	}
	if text == "" {
		return
	}
	c.names, c.values = append(c.names, name), append(c.values, text)
}

// gap adds an empty line.
func (c *card) gap() { c.names, c.values = append(c.names, ""), append(c.values, "") }

func (c *card) print() {
	width := 0
	for _, name := range c.names {
		width = max(width, text.StringWidthWithoutEscSequences(name))
	}
	width += 2
	var b strings.Builder
	if c.title != "" {
		fmt.Fprintf(&b, "%s\n\n", c.screen.paint(bold, c.title))
	}
	for i, name := range c.names {
		if name == "" {
			b.WriteString("\n")
			continue
		}
		value := strings.ReplaceAll(c.values[i], "\n", "\n"+strings.Repeat(" ", width+2))
		fmt.Fprintf(&b, "%*s: %s\n", width, name, value)
	}
	c.screen.printf("%s", b.String())
}
