// Package cron computes when schedules in the syntax of cron are due, in time zones with daylight
// saving.
//
// An expression has five fields: minute, hour, day of the month, month and day of the week. Each
// is a list of values and ranges, as in "0,30" and "mon-fri", with steps, as in "*/15". Months and
// days of the week have names of three letters, and 0 and 7 are Sunday. In the day of the month, L is the
// last day. In the day of the week, 5L is the last Friday of the month and 5#2 the second. If both kinds of
// days are restricted, one of them has to match; a field that begins with * is not restricted. @hourly, @daily
// (or @midnight), @weekly, @monthly and @yearly (or @annually) stand for the usual expressions.
//
// A local time that daylight saving skips is due once, right after the gap, and one that it repeats is due once, the
// first time.
package cron

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Schedule is an expression. It may be used concurrently.
type Schedule struct {
	minutes, hours, days, months, weekdays uint64 // bits

	lastDay      bool     // L
	lastWeekdays uint64   // 5L
	nth          [7]uint8 // 5#2, by weekday: bits from 1
	either       bool     // both kinds of days are restricted
}

var macros = map[string]string{
	"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
	"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}

// field is what a field of an expression may say.
type field struct {
	name     string
	min, max int
	names    []string // of the values from min on
}

var fields = [5]field{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of the month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of the week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// maxLength bounds an expression.
const maxLength = 256

// Parse reads an expression. Its error is for whoever wrote it.
func Parse(expression string) (*Schedule, error) {
	if len(expression) > maxLength {
		return nil, fmt.Errorf("is longer than %d characters", maxLength)
	}
	text := strings.TrimSpace(expression)
	if strings.HasPrefix(text, "@") {
		known, there := macros[strings.ToLower(text)]
		if !there {
			return nil, fmt.Errorf("%q is none of @hourly, @daily, @weekly, @monthly and @yearly", text)
		}
		text = known
	}
	parts := strings.Fields(text)
	if len(parts) != len(fields) {
		return nil, fmt.Errorf("has %d fields, and needs 5: minute, hour, day of the month, month, day of the week", len(parts))
	}
	s := &Schedule{}
	for i, into := range []*uint64{&s.minutes, &s.hours, &s.days, &s.months, &s.weekdays} {
		for item := range strings.SplitSeq(parts[i], ",") {
			if err := s.item(&fields[i], item, into); err != nil {
				return nil, err
			}
		}
	}
	if s.weekdays>>7&1 != 0 { // 7 is Sunday, too
		s.weekdays = s.weekdays&^(1<<7) | 1
	}
	s.either = parts[2][0] != '*' && parts[4][0] != '*'
	if s.Next(time.Unix(0, 0), time.UTC).IsZero() {
		return nil, fmt.Errorf("%q is never due: no month has such a day", expression)
	}
	return s, nil
}

// item reads an item of the list in a field.
func (s *Schedule) item(f *field, item string, into *uint64) error {
	if special, err := s.special(f, item); special || err != nil {
		return err
	}
	values, stepText, stepped := strings.Cut(item, "/")
	step := 1
	if stepped {
		n, err := strconv.Atoi(stepText)
		if err != nil || n < 1 || n > f.max-f.min+1 {
			return f.wrong(item, "the step has to be between 1 and %d", f.max-f.min+1)
		}
		step = n
	}
	from, to := f.min, f.max
	if f.max == 7 {
		to = 6 // 7 is a name of 0
	}
	if values != "*" {
		first, last, isRange := strings.Cut(values, "-")
		var err error
		if from, err = f.value(first); err != nil {
			return err
		}
		switch {
		case isRange:
			if to, err = f.value(last); err != nil {
				return err
			}
		case !stepped:
			to = from
		}
		if from > to {
			return f.wrong(item, "%d is more than %d", from, to)
		}
	}
	for v := from; v <= to; v += step {
		*into |= 1 << v
	}
	return nil
}

// special reads L and #, and reports whether the item is one of them.
func (s *Schedule) special(f *field, item string) (bool, error) {
	upper := strings.ToUpper(item)
	switch f {
	case &fields[2]:
		if upper == "L" {
			s.lastDay = true
			return true, nil
		}
	case &fields[4]:
		if day, n, found := strings.Cut(item, "#"); found {
			weekday, err := f.value(day)
			if err != nil {
				return true, err
			}
			if len(n) != 1 || n[0] < '1' || n[0] > '5' {
				return true, f.wrong(item, "a month has a first to a fifth of each weekday")
			}
			s.nth[weekday%7] |= 1 << (n[0] - '0')
			return true, nil
		}
		if day, last := strings.CutSuffix(upper, "L"); last && day != "" {
			weekday, err := f.value(day)
			s.lastWeekdays |= 1 << (weekday % 7)
			return true, err
		}
	}
	return false, nil
}

func (f *field) value(text string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.min + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.min || n > f.max || text[0] == '+' || text[0] == '-' {
		return 0, f.wrong(text, "a value has to be between %d and %d", f.min, f.max)
	}
	return n, nil
}

func (f *field) wrong(item, why string, args ...any) error {
	return fmt.Errorf("%s %q: %s", f.name, item, fmt.Sprintf(why, args...))
}

// mostYears is how many years ahead Next looks: some days come every 40 years.
const mostYears = 50

// Next returns when the schedule is due next in a time zone, after a time; the zero time if never in the next 50
// years.
func (s *Schedule) Next(after time.Time, zone *time.Location) time.Time {
	local := after.In(zone)
	y, m, d := local.Date()
	hour, minute := local.Hour(), local.Minute()
	for last := y + mostYears; y <= last; {
		switch {
		case s.months>>m&1 == 0 || d > daysIn(y, m):
			y, m = nextMonth(y, m)
			d = 1
		case s.on(y, m, d):
			if due := s.onDay(y, m, d, hour, minute, after, zone); !due.IsZero() {
				return due
			}
			d++
		default:
			d++
		}
		hour, minute = 0, 0
	}
	return time.Time{}
}

// onDay returns when the schedule is due first on a day, from a local time on, after a time.
func (s *Schedule) onDay(y int, m time.Month, d, hour, minute int, after time.Time, zone *time.Location) time.Time {
	for hours := s.hours >> hour << hour; hours != 0; hours &= hours - 1 {
		h := bits.TrailingZeros64(hours)
		minutes := s.minutes
		if h == hour {
			minutes = minutes >> minute << minute
		}
		for ; minutes != 0; minutes &= minutes - 1 {
			local := time.Date(y, m, d, h, bits.TrailingZeros64(minutes), 0, 0, time.UTC)
			if due := first(local, zone); due.After(after) {
				return due
			}
		}
	}
	return time.Time{}
}

// on reports whether a day is one of the schedule's.
func (s *Schedule) on(y int, m time.Month, d int) bool {
	last := daysIn(y, m)
	weekday := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Weekday()
	byDay := s.days>>d&1 != 0 || s.lastDay && d == last
	byWeekday := s.weekdays>>weekday&1 != 0 || s.lastWeekdays>>weekday&1 != 0 && d+7 > last || s.nth[weekday]>>((d+6)/7)&1 != 0
	if s.either {
		return byDay || byWeekday
	}
	return byDay && byWeekday
}

func nextMonth(y int, m time.Month) (int, time.Month) {
	if m == time.December {
		return y + 1, time.January
	}
	return y, m + 1
}

func daysIn(y int, m time.Month) int { return time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC).Day() }

// mostOffset is more than any time zone is away from UTC.
const mostOffset = 26 * time.Hour

// first returns the first moment at which clocks in a time zone show a local time, which is given as one
// of UTC. If they skip it, that is the end of the gap.
func first(local time.Time, zone *time.Location) time.Time {
	for t := local.Add(-mostOffset).In(zone); ; {
		_, offset := t.Zone()
		end := changeAfter(t)
		if due := local.Add(-time.Duration(offset) * time.Second); end.IsZero() || due.Before(end) {
			if due.Before(t) { // these clocks were set forward to a later time
				return t.In(zone)
			}
			return due.In(zone)
		}
		t = end.In(zone)
	}
}

// changeAfter returns when the clocks of a time zone change next, or may do so; the zero time for never. On the
// last day of a leap year, [time.Time.ZoneBounds] may return a time that has passed.
func changeAfter(t time.Time) time.Time {
	for later := t; ; later = later.Add(time.Hour) {
		if _, end := later.ZoneBounds(); end.IsZero() || end.After(t) {
			return end
		}
	}
}
