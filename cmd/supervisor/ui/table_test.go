package ui

import (
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
	g.Shrink(Drop("ID", "Role"))
	g.Row("m1", "a", "")
	g.Print()
	equal(t, "table", text.String(), "╭────┬───────╮\n│ ID │ Agent │\n├────┼───────┤\n│ m1 │ a     │\n╰────┴───────╯\n")
}

func TestCuts(t *testing.T) {
	t.Parallel()
	equal(t, "end", CutEnd("\x1b[31mFAILED\x1b[0m", 4), "\x1b[31mFAI\x1b[0m…")
	equal(t, "middle", cutMiddle("0198c5b0-6f3c", 6), "019…3c")
	equal(t, "wide characters", cutMiddle("生命生命生命", 6), "生…命")
}
