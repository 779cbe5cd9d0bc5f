package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"missioncontrol/missions"
)

const day = 24 * time.Hour

// formatDuration formats a duration with the precision that people care about.
func formatDuration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + formatDuration(-max(d, -math.MaxInt64)) // the lowest number has no opposite
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.2fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
}

// ago formats the time since something happened, in whole seconds.
func ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", d/time.Second)
	}
	return formatDuration(d) + " ago"
}

// durationWords formats a configured duration in words: 2 minutes, 365 days.
func durationWords(d time.Duration) string {
	for _, unit := range []struct {
		length    time.Duration
		one, many string
	}{
		{day, "day", "days"}, {time.Hour, "hour", "hours"}, {time.Minute, "minute", "minutes"},
		{time.Second, "second", "seconds"}, {time.Millisecond, "millisecond", "milliseconds"},
		{time.Microsecond, "microsecond", "microseconds"},
	} {
		if d >= unit.length && d%unit.length == 0 {
			return plural(int64(d/unit.length), unit.one, unit.many)
		}
	}
	return formatDuration(d)
}

// seconds formats a duration that the wire has in seconds; "-" if there is none.
func seconds(s *float64) string {
	if s == nil {
		return "-"
	}
	return formatDuration(time.Duration(*s * float64(time.Second)))
}

// percent formats a fraction of one as a percentage; "-" if there is none.
func percent(part *float64) string {
	if part == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", *part*100)
}

// count formats a number with thousands separators.
func count[N int | int64 | uint64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	var b strings.Builder
	for i, digit := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 && digits[i-1] != '-' {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// plural formats a number of items.
func plural[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// byteSize formats a number of bytes.
func byteSize(bytes int64) string {
	const units = "KMGTPE"
	value, unit := float64(bytes), -1
	for value >= 1024 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if unit < 0 {
		return strconv.FormatInt(bytes, 10) + " B"
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}

// parseDuration parses durations like 90s, 10m, 1h30m, and 7d.
func parseDuration(text string) (time.Duration, error) {
	rest, days := text, time.Duration(0)
	if before, after, found := strings.Cut(text, "d"); found {
		n, err := strconv.ParseFloat(before, 64)
		if err != nil || math.Abs(n) > 100_000 || math.IsNaN(n) {
			return 0, fmt.Errorf("%q is not a duration like 30s, 10m or 7d", text)
		}
		days, rest = time.Duration(n*float64(day)), after
		if rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration like 30s, 10m or 7d", text)
	}
	return days + d, nil
}

// parseMoment parses a time: a duration from now (direction 1) or ago (-1), or a date
// with an optional time of day. It is local time unless it names a zone.
func (c *cli) parseMoment(text string, direction int) (missions.Time, error) {
	t, err := c.parseTime(text, direction)
	if err != nil {
		return 0, err
	}
	if t.Unix() <= 0 {
		return 0, fmt.Errorf("%q is before 1970", text)
	}
	return missions.At(t), nil
}

func (c *cli) parseTime(text string, direction int) (time.Time, error) {
	if d, err := parseDuration(text); err == nil {
		if d < 0 {
			return time.Time{}, fmt.Errorf("%q is negative", text)
		}
		if direction < 0 {
			d = -d
		}
		return time.Now().Add(d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, c.out.zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a duration like 10m nor a time like 2026-01-31T15:04:05Z", text)
}

// progressPercent formats a mission's progress.
func progressPercent(p float64) string { return fmt.Sprintf("%.0f %%", p) }

// attempts formats a mission's attempts and its limit.
func attempts(m *missions.Mission) string { return fmt.Sprintf("%d/%d", m.Attempt, m.MaxAttempts) }

// capitalized formats a status as an ordinary word.
func capitalized(word string) string {
	if word == "" {
		return ""
	}
	return word[:1] + strings.ToLower(word[1:])
}

// padRight pads text with spaces.
func padRight(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}
