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
		out.Width = width
		g := out.Table("", "ID", "Name", "Age", "Agent")
		g.Drop("Agent", "Age", "Name")
		g.Cut("Name", 5)
		g.Row("m1", "a long name", "new", "x")
		g.Print()
		equal(t, fmt.Sprint(width), strings.Split(text.String(), "\n")[3], want)
	}
}

func TestCuts(t *testing.T) {
	t.Parallel()
	equal(t, "end", CutEnd("\x1b[31mFAILED\x1b[0m", 4), "\x1b[31mFAI\x1b[0m…")
	equal(t, "wide characters", CutEnd("生命生命生命", 6), "生命…")
}
