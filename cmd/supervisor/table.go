package main

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// A grid is a table for people. Cells are cleaned unless they are painted.
type grid struct {
	screen *screen
	writer table.Writer
}

// grid begins a table. A column whose name ends in "#" holds numbers.
func (s *screen) grid(title string, columns ...string) *grid {
	g := &grid{screen: s, writer: table.NewWriter()}
	style := table.StyleRounded
	style.Format.Header = text.FormatDefault
	style.Title.Align = text.AlignCenter
	g.writer.SetStyle(style)
	g.writer.Style().Size.WidthMax = s.width
	if title != "" {
		g.writer.SetTitle("%s", clean(title))
	}
	header := make(table.Row, len(columns))
	configs := make([]table.ColumnConfig, 0, len(columns))
	for i, column := range columns {
		name, numbers := strings.CutSuffix(column, "#")
		header[i] = name
		if numbers {
			configs = append(configs, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	g.writer.AppendHeader(header)
	g.writer.SetColumnConfigs(configs)
	return g
}

func (g *grid) row(cells ...any) {
	row := make(table.Row, len(cells))
	for i, cell := range cells {
		row[i] = safe(cell)
	}
	g.writer.AppendRow(row)
}

func (g *grid) print() { g.screen.printf("%s\n", g.writer.Render()) }

func safe(cell any) string {
	if p, ok := cell.(painted); ok {
		return string(p)
	}
	return clean(fmt.Sprint(cell))
}

// A card shows one thing: a title and lines of names and values, the names
// flush right as in the nats CLI.
type card struct {
	screen *screen
	title  string
	names  []string
	values []string
}

func (s *screen) card(title string) *card { return &card{screen: s, title: clean(title)} }

// line adds a value, unless it is empty. Text is cleaned, and may have lines.
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
