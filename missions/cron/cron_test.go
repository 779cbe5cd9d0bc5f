package cron

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

func mustParse(t *testing.T, expression string) *Schedule {
	t.Helper()
	s, err := Parse(expression)
	if err != nil {
		t.Fatalf("%q %v", expression, err)
	}
	return s
}

func mustZone(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ expression, zone, after, want string }{
		{"0 2 * * *", "UTC", "2026-11-30T12:00:00Z", "2026-12-01T02:00:00Z 2026-12-02T02:00:00Z"},
		{"*/15 * * * *", "UTC", "2026-11-30T12:00:00Z", "2026-11-30T12:15:00Z 2026-11-30T12:30:00Z"},
		{"5/20 * * * *", "UTC", "2026-11-30T12:00:00Z", "2026-11-30T12:05:00Z 2026-11-30T12:25:00Z 2026-11-30T12:45:00Z 2026-11-30T13:05:00Z"},
		{"0 9-17/4 * * mon-fri", "UTC", "2026-11-27T17:00:00Z", "2026-11-30T09:00:00Z 2026-11-30T13:00:00Z"},
		{"0 0 L * *", "UTC", "2027-01-31T00:00:00Z", "2027-02-28T00:00:00Z 2027-03-31T00:00:00Z"},
		{"0 0 * * 5L", "UTC", "2026-11-01T00:00:00Z", "2026-11-27T00:00:00Z 2026-12-25T00:00:00Z"},
		{"0 0 * * fri#2", "UTC", "2026-11-01T00:00:00Z", "2026-11-13T00:00:00Z 2026-12-11T00:00:00Z"},
		{"0 0 * * 1#5", "UTC", "2026-11-01T00:00:00Z", "2026-11-30T00:00:00Z 2027-03-29T00:00:00Z"},
		{"0 0 13 * fri", "UTC", "2026-11-01T00:00:00Z", "2026-11-06T00:00:00Z 2026-11-13T00:00:00Z"}, // one of the two
		{"0 0 */2 * 7", "UTC", "2026-11-01T00:00:00Z", "2026-11-15T00:00:00Z 2026-11-29T00:00:00Z"},  // both
		{"0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z 2032-02-29T00:00:00Z"},
		{"0 0 29 2 *", "UTC", "2097-01-01T00:00:00Z", "2104-02-29T00:00:00Z"},
		{"@weekly", "UTC", "2026-11-30T12:00:00Z", "2026-12-06T00:00:00Z"},
		{"@YEARLY", "UTC", "2026-11-30T12:00:00Z", "2027-01-01T00:00:00Z"},
		{"0 0 1 jan,JUL *", "UTC", "2026-11-30T12:00:00Z", "2027-01-01T00:00:00Z 2027-07-01T00:00:00Z"},
		// Skipped: once, right after the gap. Repeated: once, the first time. North and south.
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z 2026-03-30T00:30:00Z"},
		{"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z 2026-10-26T01:30:00Z"},
		{"30 2 * * *", "Australia/Sydney", "2026-10-03T00:00:00Z", "2026-10-03T16:00:00Z 2026-10-04T15:30:00Z"},
		{"30 2 * * *", "Australia/Sydney", "2026-04-04T00:00:00Z", "2026-04-04T15:30:00Z 2026-04-05T16:30:00Z"},
		{"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z 2026-10-04T15:15:00Z"}, // by half an hour
		{"*/30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z 2026-10-25T02:00:00Z"},
		{"0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", "2011-12-29T22:00:00Z 2011-12-30T10:00:00Z 2011-12-30T22:00:00Z"}, // had no 30 December
	} {
		s, zone, after := mustParse(t, c.expression), mustZone(t, c.zone), at(t, c.after)
		for want := range strings.FieldsSeq(c.want) {
			after = s.Next(after, zone)
			if got := after.UTC().Format(time.RFC3339); got != want {
				t.Errorf("%s in %s: after %s, due at %s, want %s", c.expression, c.zone, c.after, got, want)
			}
		}
	}
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	got, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestEveryDay: for a century, each day has its noon, also in the years of which only rules are known.
func TestEveryDay(t *testing.T) {
	t.Parallel()
	s := mustParse(t, "0 12 * * *")
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Sydney", "Pacific/Chatham", "UTC"} {
		zone := mustZone(t, name)
		for day, due := 1, time.Date(2026, 1, 1, 12, 0, 0, 0, zone); day < 36525; day++ {
			want := time.Date(2026, 1, 1+day, 12, 0, 0, 0, zone)
			if due = s.Next(due, zone); !due.Equal(want) {
				t.Fatalf("in %s, due at %s, want %s", name, due, want)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"":                                   "has 0 fields, and needs 5",
		"* * * *":                            "has 4 fields",
		"* * * * * *":                        "has 6 fields",
		"60 * * * *":                         `minute "60": a value has to be between 0 and 59`,
		"* 24 * * *":                         `hour "24": a value has to be between 0 and 23`,
		"* * 0 * *":                          `day of the month "0": a value has to be between 1 and 31`,
		"* * * 13 *":                         `month "13"`,
		"* * * * 8":                          `day of the week "8": a value has to be between 0 and 7`,
		"* * * foo *":                        `month "foo"`,
		"30-10 * * * *":                      `minute "30-10": 30 is more than 10`,
		"*/0 * * * *":                        `minute "*/0": the step has to be between 1 and 60`,
		"*/61 * * * *":                       "the step has to be between 1 and 60",
		"*/x * * * *":                        "the step has to be",
		"1,,2 * * * *":                       `minute ""`,
		"-1 * * * *":                         `minute ""`,
		"+1 * * * *":                         `minute "+1"`,
		"0 0 * * 1#6":                        `day of the week "1#6": a month has a first to a fifth of each weekday`,
		"0 0 * * 1#":                         "a month has a first to a fifth",
		"0 0 * * xL":                         `day of the week "X"`,
		"0 0 5L * *":                         `day of the month "5L"`,
		"0 0 30 2 *":                         "is never due",
		"@reboot":                            `"@reboot" is none of @hourly`,
		strings.Repeat("0,", 200) + " * * *": "is longer than 256 characters",
	} {
		if _, err := Parse(expression); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want one that says %s", expression, err, want)
		}
	}
}

func TestNextEvery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ after, period, offset, want int64 }{
		{0, 300, 0, 300}, {299, 300, 0, 300}, {300, 300, 0, 600}, {301, 300, 7, 307}, {307, 300, 7, 607},
		{-1, 300, 0, 0}, {-300, 300, 0, 0}, {-301, 300, 0, -300}, {5, 86400, 3600, 3600},
	} {
		got := NextEvery(time.Unix(c.after, 0), time.Duration(c.period)*time.Second, time.Duration(c.offset)*time.Second)
		if got.Unix() != c.want {
			t.Errorf("every %d s from %d: after %d, due at %d, want %d", c.period, c.offset, c.after, got.Unix(), c.want)
		}
	}
}

// FuzzParse: what can be parsed is due in the future, at one of its minutes, unless clocks skip it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"*/5 * * * *", "0 0 L * 5#2", "@daily", "1-5/2,7 3 * jan-mar 5L", "0 0 13 * fri"} {
		f.Add(seed, int64(1_790_000_000))
	}
	zones := []*time.Location{time.UTC, mustZone(f, "America/New_York"), mustZone(f, "Australia/Lord_Howe")}
	f.Fuzz(func(t *testing.T, expression string, seconds int64) {
		s, err := Parse(expression)
		if err != nil {
			return
		}
		after := time.Unix(seconds%(1<<33), 0)
		for _, zone := range zones {
			due := s.Next(after, zone)
			if due.IsZero() {
				t.Fatalf("%q is never due", expression)
			}
			if !due.After(after) {
				t.Fatalf("%q is due at %s, after %s", expression, due, after)
			}
			_, start := due.Zone()
			_, before := due.Add(-time.Second).Zone()
			if start == before && (s.minutes>>due.Minute()&1 == 0 || s.hours>>due.Hour()&1 == 0) {
				t.Fatalf("%q is due at %s", expression, due)
			}
		}
	})
}

func BenchmarkNext(b *testing.B) {
	zone := mustZone(b, "Europe/Berlin")
	for _, expression := range []string{"*/5 * * * *", "0 2 * * *", "0 0 29 2 *"} {
		s, err := Parse(expression)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(strings.ReplaceAll(expression, " ", "_"), func(b *testing.B) {
			t := time.Unix(1_790_000_000, 0)
			for b.Loop() {
				t = s.Next(t, zone)
				if t.Year() > 2200 {
					t = time.Unix(1_790_000_000, 0)
				}
			}
		})
	}
}

// days and clock of the reference, which knows no expressions.
type moment struct {
	month                    time.Month
	day, hour, minute, lastD int
	weekday                  time.Weekday
}

var references = map[string]func(m moment) bool{
	"*/15 * * * *": func(m moment) bool { return m.minute%15 == 0 },
	"30 2 * * *":   func(m moment) bool { return m.hour == 2 && m.minute == 30 },
	"0 0 * * *":    func(m moment) bool { return m.hour == 0 && m.minute == 0 },
	"7 0-3 * * *":  func(m moment) bool { return m.hour <= 3 && m.minute == 7 },
	"0 1 * mar,oct 0": func(m moment) bool {
		return m.hour == 1 && m.minute == 0 && (m.month == 3 || m.month == 10) && m.weekday == 0
	},
	"59 23 L * *": func(m moment) bool { return m.hour == 23 && m.minute == 59 && m.day == m.lastD },
	"30 1 * * 7L": func(m moment) bool { return m.hour == 1 && m.minute == 30 && m.weekday == 0 && m.day+7 > m.lastD },
}

// walked returns, for each expression, when it is due between two times, by looking at each minute.
func walked(from, to time.Time, zone *time.Location) map[string][]int64 {
	due := map[string][]int64{}
	civil := func(t time.Time) int64 { // minutes that the clocks show
		_, offset := t.In(zone).Zone()
		return (t.Unix() + int64(offset)) / 60
	}
	seen := civil(from)
	for t := from.Add(time.Minute); t.Before(to); t = t.Add(time.Minute) {
		for ; seen < civil(t); seen++ {
			shown := time.Unix(60*(seen+1), 0).UTC()
			m := moment{shown.Month(), shown.Day(), shown.Hour(), shown.Minute(), shown.AddDate(0, 1, -shown.Day()).Day(), shown.Weekday()}
			for expression, matches := range references {
				if list := due[expression]; matches(m) && !slices.Contains(list, t.Unix()) {
					due[expression] = append(list, t.Unix())
				}
			}
		}
	}
	return due
}
