package ui

import (
	"io"
	"math"
	"testing"
	"time"
	"unicode"
)

func TestCleanTakesOutWhatATerminalWouldObey(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":                           "plain",
		"späte ✓  zwei":                   "späte ✓  zwei",
		"\x1b[31mred\x1b[0m":              "red",
		"\x1b]0;title\x07after":           "after",
		"\x1b]8;;http://x\x1b\\link":      "link",
		"\u009b2Jcleared":                 "cleared",
		"\u009d0;title\u009cafter":        "after",
		"\x1bcreset":                      "reset",
		"half \x1b":                       "half ",
		"bell\a back\b del\x7f nul\x00":   "bell back del nul",
		"line\nbreak\ttab\r\nend":         "line break tab end",
		"gnp\u202egpj.exe\u2066":          "gnpgpj.exe",
		"bad \xff utf8":                   "bad � utf8",
		"over\rwrite":                     "over write",
		"nested \x1b\x1b[31m[32m":         "nested [32m",
		"two\u2028lines":                  "two lines",
		"\x1bP1$rpayload\x1b\\after dcs":  "after dcs",
		"unfinished \x1b]0;title no end!": "unfinished 0;title no end!",
	} {
		if got := Clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	equal(t, "lines", CleanBlock("a\r\nb\tc\x1b[1m\n"), "a\nb\tc\n")
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "plain", "\x1b[31mred", "\u009b1m", "\x1b]0;t\x07", "\x1b\x1b[[mm", "\xff\xfe", "\u202e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range Clean(text) {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("clean(%q) leaves %U", text, r)
			}
		}
		for _, r := range CleanBlock(text) {
			if r != '\n' && r != '\t' && unicode.IsControl(r) {
				t.Fatalf("cleanBlock(%q) leaves %U", text, r)
			}
		}
		for _, r := range EscapeJSON(text) {
			if r != '\n' && unicode.IsControl(r) {
				t.Fatalf("escapeJSON(%q) leaves %U", text, r)
			}
		}
	})
}

func TestEscapedJSONSaysTheSame(t *testing.T) {
	t.Parallel()
	equal(t, "escaped", EscapeJSON("{\"a\":\"\u009b2J\u202e \x7fü\"}\n"), "{\"a\":\"\\u009b2J\\u202e \\u007fü\"}\n")
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0µs", 900 * time.Microsecond: "900µs", 45 * time.Millisecond: "45ms", 1234 * time.Millisecond: "1.23s",
		42500 * time.Millisecond: "42.5s", 125 * time.Second: "2m05s", math.MinInt64: "-106751d23h", 3*time.Hour + 12*time.Minute: "3h12m",
		100*time.Hour + time.Minute: "4d4h", -3 * time.Second: "-3.00s",
	} {
		equal(t, d.String(), FormatDuration(d), want)
	}
	for d, want := range map[time.Duration]string{
		0: "now", 999 * time.Millisecond: "now", 2900 * time.Millisecond: "2s ago", 3 * time.Hour: "3h00m ago", -time.Second: "now",
	} {
		equal(t, d.String(), Ago(d), want)
	}
	for d, want := range map[time.Duration]string{
		time.Second: "1 second", 90 * time.Second: "90 seconds", 36500 * Day: "36,500 days", 36 * time.Hour: "36 hours",
		1500 * time.Millisecond: "1,500 milliseconds", 50 * time.Microsecond: "50 microseconds", 0: "0µs",
	} {
		equal(t, d.String(), DurationWords(d), want)
	}
	equal(t, "count", Count(int64(1234567)), "1,234,567")
	equal(t, "count", Count(999), "999")
	equal(t, "count", Count(-1000), "-1,000")
	equal(t, "memory", ByteSize(512), "512 B")
	equal(t, "memory", ByteSize(1536<<10), "1.5 MiB")
	equal(t, "plural", Plural(1, "line", "lines")+" "+Plural(2000, "line", "lines"), "1 line 2,000 lines")
}

func TestDurationsMayHaveDays(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour, "1h30m": 90 * time.Minute,
	} {
		got, err := parseDuration(text)
		must(t, err)
		equal(t, text, got, want)
	}
	for _, text := range []string{"", "d", "10", "soon", "NaNd", "1e99d", "7d7d"} {
		if _, err := parseDuration(text); err == nil {
			t.Errorf("%q was taken for a duration", text)
		}
	}
}

func TestTimesAreReadInMoreThanOneForm(t *testing.T) {
	t.Parallel()
	c := NewConsole(nil, io.Discard, io.Discard, "")
	c.Out.Zone = time.UTC
	for text, want := range map[string]string{
		"2026-01-31T15:04:05Z":      "2026-01-31T15:04:05Z",
		"2026-01-31T15:04:05+02:00": "2026-01-31T13:04:05Z",
		"2026-01-31 15:04":          "2026-01-31T15:04:00Z",
		"2026-01-31":                "2026-01-31T00:00:00Z",
	} {
		got, err := c.ParseMoment(text, -1)
		must(t, err)
		equal(t, text, got.Time().Format(time.RFC3339), want)
	}
	before := time.Now().Add(-time.Hour)
	got, err := c.ParseMoment("1h", -1)
	must(t, err)
	if got.Time().Before(before.Truncate(time.Microsecond)) || got.Time().After(time.Now().Add(-time.Hour)) {
		t.Errorf("1h ago was read as %s", got.Time())
	}
	for _, text := range []string{"-10m", "1960-01-01", "yesterday", "100000d"} {
		if _, err := c.ParseMoment(text, -1); err == nil {
			t.Errorf("%q was taken for a time", text)
		}
	}
}

func TestShortenCountsCharacters(t *testing.T) {
	t.Parallel()
	equal(t, "short", Shorten("äöü", 3), "äöü")
	equal(t, "long", Shorten("äöüß", 3), "äö…")
}

func TestColoursNeedATerminalThatWantsThem(t *testing.T) {
	t.Parallel()
	s := NewScreen(io.Discard, func(string) (string, bool) { return "", false })
	if s.Terminal || s.Colours {
		t.Error("a buffer was taken for a terminal")
	}
	equal(t, "plain", s.Paint(Red, "text"), "text")
	s.Colours = true
	equal(t, "coloured", s.Paint(Red, "te\x1b[2Jxt"), "\x1b[31mtext\x1b[0m")
}
