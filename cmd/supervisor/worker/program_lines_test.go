package worker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"missioncontrol/missions"
)

// readLines returns what a lineReader makes of a text, which arrives in parts or at once.
func readLines(t *testing.T, text string, directives, inParts bool) (logged, directed []string) {
	t.Helper()
	log := newLineLog(t.Context(),
		func(line string) { logged = append(logged, line) },
		func(line string, tooLong bool) { directed = append(directed, fmt.Sprint(tooLong, " ", line)) })
	r := newLineReader(log, directives, &activity{})
	if inParts {
		r.read(iotest.OneByteReader(strings.NewReader(text)))
	} else {
		r.read(strings.NewReader(text))
	}
	log.end()
	return logged, directed
}

// What becomes of a line does not depend on how it arrives.
func FuzzLines(f *testing.F) {
	for _, text := range []string{
		"", "a\nb", "a\r\n\r\nb\r", "10%\r20%\rdone\n", "::progress 50\n::progress 60\r\n::progresses\n :: park\n::usage",
		"::progress 1\rover\n", "\xff\x00\n", "::checkpoint\t{}\n" + strings.Repeat("x", missions.MaxLogMessageBytes+3),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		logged, directed := readLines(t, text, true, false)
		slowlyLogged, slowlyDirected := readLines(t, text, true, true)
		if fmt.Sprintf("%q %q", logged, directed) != fmt.Sprintf("%q %q", slowlyLogged, slowlyDirected) {
			t.Fatalf("at once: %q %q\nin parts: %q %q", logged, directed, slowlyLogged, slowlyDirected)
		}
		for _, line := range logged {
			if isDirective(line) || line == "" || len(line) > missions.MaxLogMessageBytes {
				t.Errorf("%q is logged", line)
			}
		}
		if _, none := readLines(t, text, false, false); len(none) > 0 {
			t.Errorf("%q are directives", none)
		}
	})
}

// A directive that is longer than any may be is known as such, whatever its size.
func TestADirectiveHasALimit(t *testing.T) {
	t.Parallel()
	for size, tooLong := range map[int]bool{maxReportLine: false, maxReportLine + 1: true, 2 * maxReportLine: true} {
		line := "::result " + strings.Repeat("1", size-len("::result "))
		_, directed := readLines(t, line+"\n::progress 1\n", true, false)
		if want := []string{fmt.Sprint(tooLong, " ", line[:min(size, maxReportLine)]), "false ::progress 1"}; !slices.Equal(directed, want) {
			t.Errorf("%d bytes: %d directives, the first %.40q", size, len(directed), directed)
		}
	}
}
