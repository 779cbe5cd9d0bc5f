package ui

import (
	"strings"
	"testing"
)

func TestTheTopOfAPage(t *testing.T) {
	t.Parallel()
	s := &Screen{Width: 10, height: 4}
	equal(t, "fits", s.top("1\n2\n3\n"), "1\n2\n3\n")
	equal(t, "one too many", s.top("1\n2\n3\n4\n"), "1\n2\n… 2 more lines\n")
	equal(t, "a line that takes two", s.top("1\n"+strings.Repeat("x", 11)+"\n3\n"), "1\n… 2 more lines\n")
	equal(t, "no limit", (&Screen{}).top("1\n2\n3\n4\n"), "1\n2\n3\n4\n")
}
