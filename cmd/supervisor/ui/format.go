package ui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Day is the longest unit of durations that people enter and read.
const Day = 24 * time.Hour

// FormatDuration formats a duration with the precision that people care about.
func FormatDuration(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + FormatDuration(-max(d, -math.MaxInt64)) // the lowest number has no opposite
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
	case d < Day:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/Day, d%Day/time.Hour)
}

// Ago formats the time since something happened, in whole seconds.
func Ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", d/time.Second)
	}
	return FormatDuration(d) + " ago"
}

// DurationWords formats a configured duration in words: 2 minutes, 365 days.
func DurationWords(d time.Duration) string {
	for _, unit := range []struct {
		length    time.Duration
		one, many string
	}{
		{Day, "day", "days"}, {time.Hour, "hour", "hours"}, {time.Minute, "minute", "minutes"},
		{time.Second, "second", "seconds"}, {time.Millisecond, "millisecond", "milliseconds"},
		{time.Microsecond, "microsecond", "microseconds"},
	} {
		if d >= unit.length && d%unit.length == 0 {
			return Plural(int64(d/unit.length), unit.one, unit.many)
		}
	}
	return FormatDuration(d)
}

// Seconds formats a duration that the wire has in seconds; "-" if there is none.
func Seconds(s *float64) string {
	if s == nil {
		return "-"
	}
	return FormatDuration(time.Duration(*s * float64(time.Second)))
}

// Percent formats a fraction of one as a percentage; "-" if there is none.
func Percent(part *float64) string {
	if part == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", *part*100)
}

// Count formats a number with thousands separators.
func Count[N int | int64 | uint64](n N) string {
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

// Plural formats a number of items.
func Plural[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// ByteSize formats a number of bytes.
func ByteSize(bytes int64) string {
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

// Capitalized formats a status as an ordinary word.
func Capitalized(word string) string {
	if word == "" {
		return ""
	}
	return word[:1] + strings.ToLower(word[1:])
}

// PadRight pads text with spaces.
func PadRight(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}
