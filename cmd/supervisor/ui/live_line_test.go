package ui

import (
	"strings"
	"testing"
)

func TestTheLineOfAMissionFits(t *testing.T) {
	t.Parallel()
	var drawn strings.Builder
	s := NewScreen(&drawn, func(string) (string, bool) { return "", false })
	s.Terminal, s.Size = true, func() (int, int) { return 10, 24 }
	line := &LiveLine{Screen: s}
	line.Show("0123456789")
	line.Show("0123456789") // the same text is not redrawn
	_, err := line.Write([]byte("above\n"))
	must(t, err)
	line.Hide()
	line.Hide()
	equal(t, "drawn", drawn.String(), "\r01234567…"+clearLineEnd+"\r"+clearLineEnd+"above\n01234567…\r"+clearLineEnd)
	equal(t, "nothing done", Gauge(0, 4), "░░░░")
	equal(t, "more than all", Gauge(120, 4), "████")
}
