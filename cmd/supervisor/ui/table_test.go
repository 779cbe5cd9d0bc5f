package ui

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestEmptyColumnsGoFirst(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	out := NewScreen(&text, os.LookupEnv)
	out.Terminal, out.Width = true, 14
	g := out.Table("", "ID", "Agent", "Role")
	g.Drop("ID", "Role")
	g.Row("m1", "a", "")
	g.Print()
	equal(t, "table", text.String(), "╭────┬───────╮\n│ ID │ Agent │\n├────┼───────┤\n│ m1 │ a     │\n╰────┴───────╯\n")
}

func TestColumnsAreDroppedInTheirOrder(t *testing.T) {
	t.Parallel()
	for width, want := range map[int]string{
		0: "│ m1 │ a long name │ new │ x     │", 34: "│ m1 │ a long name │ new │ x     │", 32: "│ m1 │ a long n… │ new │ x     │",
		27: "│ m1 │ a long name │ new │", 14: "│ m1 │ a lo… │", 13: "│ m1 │",
	} {
		var text strings.Builder
		out := NewScreen(&text, os.LookupEnv)
		out.Terminal, out.Width = true, width
		g := out.Table("", "ID", "Name", "Age", "Agent")
		g.Drop("Agent", "Age", "Name")
		g.Cut("Name", 5)
		g.Row("m1", "a long name", "new", "x")
		g.Print()
		equal(t, fmt.Sprint(width), strings.Split(text.String(), "\n")[3], want)
	}
}

// Where a program reads a table, every cell is a word, except for free text.
func TestPipedTablesAreLinesOfWords(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	out := NewScreen(&text, os.LookupEnv)
	out.Width = 20
	g := out.Table("Title", "ID", "Name", "Seen last#", "Share#", "Size", "Total#", "Tags", "At", "Note")
	g.Cut("Name", 4)
	g.Drop("Size")
	g.Last("Name")
	g.Row("m1", "a long name", "1h05m ago", "26 %", "64.0 MiB", "1,234,567", "a, b", "2026-01-31 15:04:05", "no such file")
	g.Row("m2", "", "now", "-", "", "0", "", "", "5 min")
	g.Print()
	equal(t, "table", text.String(), `ID  Seen_last  Share  Size     Total    Tags  At                   Note          Name
m1  1h05m      26%    64.0MiB  1234567  a,b   2026-01-31T15:04:05  no_such_file  a long name
m2  now        -      -        0        -     -                    5min          -
`)
	text.Reset()
	g = out.Table("", "Last", "Part")
	g.Row("1 h", "90.0 %")
	g.Print()
	equal(t, "without a column of free text", text.String(), "Last  Part\n1h    90.0%\n")
}

func TestAWideTableIsWhole(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	out := NewScreen(&text, os.LookupEnv)
	out.Terminal, out.Width, out.Wide = true, 10, true
	g := out.Table("", "ID", "Name")
	g.Drop("ID")
	g.Cut("Name", 4)
	g.Row("m1", out.Shorten("a long name", 5))
	g.Print()
	equal(t, "row", strings.Split(text.String(), "\n")[3], "│ m1 │ a long name │")
}

func TestCuts(t *testing.T) {
	t.Parallel()
	equal(t, "end", CutEnd("\x1b[31mFAILED\x1b[0m", 4), "\x1b[31mFAI\x1b[0m…")
	equal(t, "wide characters", CutEnd("生命生命生命", 6), "生命…")
}
