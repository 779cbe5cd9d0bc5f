package ui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"missioncontrol/missions"
)

// parseDuration parses durations like 90s, 10m, 1h30m, and 7d.
func parseDuration(text string) (time.Duration, error) {
	rest, days := text, time.Duration(0)
	if before, after, found := strings.Cut(text, "d"); found {
		n, err := strconv.ParseFloat(before, 64)
		if err != nil || math.Abs(n) > 100_000 || math.IsNaN(n) {
			return 0, fmt.Errorf("%q is not a duration like 30s, 10m or 7d", text)
		}
		days, rest = time.Duration(n*float64(Day)), after
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

// DurationWithin parses a duration like 90s, 10m, 1h30m or 7d, from least to most.
func DurationWithin(text string, least, most time.Duration) (time.Duration, error) {
	d, err := parseDuration(text)
	if err == nil && (d < least || d > most) {
		err = fmt.Errorf("%s is not between %s and %s", text, DurationWords(least), DurationWords(most))
	}
	return d, err
}

// ParseMoment is ParseTime for a time that the wire can carry: 1970 or later.
func (c *Console) ParseMoment(text string, direction int) (missions.Time, error) {
	t, err := c.ParseTime(text, direction)
	if err != nil {
		return 0, err
	}
	if t.Unix() <= 0 {
		return 0, fmt.Errorf("%q is before 1970", text)
	}
	return missions.At(t), nil
}

// ParseTime parses a time: a duration from now (direction 1) or ago (-1), or a date with
// an optional time of day. It is local time unless it names a zone.
func (c *Console) ParseTime(text string, direction int) (time.Time, error) {
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
		if t, err := time.ParseInLocation(layout, text, c.Out.Zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a duration like 10m nor a time like 2026-01-31T15:04:05Z", text)
}
