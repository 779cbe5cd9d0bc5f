package missions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Time is a time in microseconds since the Unix epoch, UTC. The zero value means
// "no time". On the wire it is a JSON number of Unix seconds with at most six
// decimals, or null. Integer microseconds keep what a float64 of seconds would
// round.
type Time int64

// maxTime is the last time for which a float64 of seconds has microsecond precision
// (2^53 µs, in the year 2255).
const maxTime = Time(1<<53 - 1)

// At returns t to the microsecond.
func At(t time.Time) Time {
	if t.IsZero() {
		return 0
	}
	return Time(t.UnixMicro())
}

// Time returns t as a time.Time in UTC; the zero Time returns the zero time.Time.
func (t Time) Time() time.Time {
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(t)).UTC()
}

// IsZero reports whether t means "no time".
func (t Time) IsZero() bool { return t == 0 }

// Add returns t+d, to the microsecond.
func (t Time) Add(d time.Duration) Time { return t + Time(d/time.Microsecond) }

// Sub returns t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t-u) * time.Microsecond }

// Seconds returns t as Unix seconds.
func (t Time) Seconds() float64 { return float64(t) / 1e6 }

// AppendJSON appends t in its wire format.
func (t Time) AppendJSON(dst []byte) []byte {
	if t == 0 {
		return append(dst, "null"...)
	}
	if t < 0 {
		dst, t = append(dst, '-'), -t
	}
	dst = strconv.AppendInt(dst, int64(t)/1e6, 10)
	micros := int64(t) % 1e6
	if micros == 0 {
		return dst
	}
	var digits [7]byte
	digits[0] = '.'
	for i := 6; i >= 1; i-- {
		digits[i] = byte('0' + micros%10)
		micros /= 10
	}
	end := 7
	for digits[end-1] == '0' {
		end--
	}
	return append(dst, digits[:end]...)
}

// MarshalJSON writes Unix seconds, or null for the zero Time.
func (t Time) MarshalJSON() ([]byte, error) { return t.AppendJSON(nil), nil }

// UnmarshalJSON reads Unix seconds (a number, 0 up to the year 2255) or null.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*t = 0
		return nil
	}
	if micros, ok := parseDecimal(b); ok {
		*t = micros
		return nil
	}
	var seconds float64
	if json.Unmarshal(b, &seconds) != nil {
		return errors.New("is not a number of Unix seconds")
	}
	micros := math.Round(seconds * 1e6)
	if !(micros >= 0 && micros <= float64(maxTime)) {
		return fmt.Errorf("is not a number of Unix seconds between 0 and %d", int64(maxTime)/1e6)
	}
	*t = Time(micros)
	return nil
}

// exactTime is in the year 2112. Until then, a decimal and its float64 of seconds are the same
// microsecond.
const exactTime = Time(1 << 52)

// parseDecimal reads a number of seconds before exactTime in the form that AppendJSON writes:
// most times are read this way, without a float64.
func parseDecimal(b []byte) (micros Time, ok bool) {
	const wholeDigits, decimals = 10, 6
	point := bytes.IndexByte(b, '.')
	whole, rest := b, []byte(nil)
	if point >= 0 {
		whole, rest = b[:point], b[point+1:]
	}
	if len(whole) == 0 || len(whole) > wholeDigits || len(whole) > 1 && whole[0] == '0' || point >= 0 && len(rest) == 0 || len(rest) > decimals {
		return 0, false
	}
	for i := range len(whole) + decimals {
		digit := byte('0')
		switch {
		case i < len(whole):
			digit = whole[i]
		case i-len(whole) < len(rest):
			digit = rest[i-len(whole)]
		}
		if digit < '0' || digit > '9' {
			return 0, false
		}
		micros = micros*10 + Time(digit-'0')
	}
	return micros, micros < exactTime
}
