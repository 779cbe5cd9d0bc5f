package charter

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

const timeReason = "must be finite, not negative, and before the year 10000"

// maxMicros is the last microsecond of the year 9999, the latest that RFC 3339, and
// so the ce-time of CloudEvents, can represent.
const maxMicros = 253402300799_999999

func timeFits(t time.Time) bool {
	seconds := t.Unix()
	return seconds >= 0 && seconds <= maxMicros/1_000_000
}

// appendUnix writes Unix seconds with 1 to 6 decimals, from integer microseconds. A
// float64 cannot distinguish neighbouring microseconds from the year 2242 on, and
// its shortest form may have an exponent. Encoding a payload cannot fail, so a time
// out of range is written as the nearest valid one.
func appendUnix(dst []byte, t time.Time) []byte {
	micros := t.UnixMicro()
	if !timeFits(t) {
		micros = 0
		if t.Unix() > 0 {
			micros = maxMicros
		}
	}
	dst = strconv.AppendInt(dst, micros/1_000_000, 10)
	dst = append(dst, '.')
	frac := micros % 1_000_000
	for digit := int64(1e5); ; digit /= 10 {
		dst = append(dst, '0'+byte(frac/digit))
		if frac %= digit; frac == 0 {
			return dst
		}
	}
}

// parseUnix reads Unix seconds from a valid JSON number, rounded to the nearest
// microsecond.
func parseUnix(raw []byte) (time.Time, bool) {
	d, ok := parseDecimal(raw, 6)
	if !ok || d.negative || d.value > maxMicros {
		return time.Time{}, false
	}
	return time.UnixMicro(d.value).UTC(), true
}

// parseISO reads an ISO-8601 date and time in the extended format, such as
// 2025-12-29T10:00:00.123456+01:00. Without a zone it is UTC.
func parseISO(s string) (time.Time, bool) {
	const shape = "2006-01-02T15:04:05"
	// time.Parse accepts a one-digit hour; the shape does not.
	if len(s) < len(shape) || s[13] != ':' {
		return time.Time{}, false
	}
	for _, zone := range []string{"Z07:00", "Z0700", "Z07", ""} {
		if t, err := time.Parse(shape+zone, s); err == nil {
			t = t.Round(time.Microsecond).UTC()
			return t, timeFits(t)
		}
	}
	return time.Time{}, false
}

// decimal is a JSON number as a whole multiple of a power of ten.
type decimal struct {
	value    int64 // the magnitude, rounded half away from zero
	negative bool  // below zero, even if value is 0
	exact    bool  // nothing was rounded
}

// parseDecimal reads a valid JSON number as a multiple of 10^-scale, digit by
// digit, because a float64 would lose some digits. ok is false if the magnitude
// does not fit.
func parseDecimal(raw []byte, scale int) (d decimal, ok bool) {
	whole, fraction, exponent := splitNumber(raw)
	point := len(whole) + exponent + scale // the number of digits before the unit's decimal point
	d.exact = true
	place, zero := 0, true
	for _, part := range [][]byte{whole, fraction} {
		for _, c := range part {
			zero = zero && c == '0'
			switch {
			case place < point:
				if d.value, ok = shift(d.value, c-'0'); !ok {
					return decimal{}, false
				}
			case c != '0':
				d.exact = false
				if place == point && c >= '5' {
					d.value++
				}
			}
			place++
		}
	}
	for ; place < point && d.value > 0; place++ {
		if d.value, ok = shift(d.value, 0); !ok {
			return decimal{}, false
		}
	}
	d.negative = raw[0] == '-' && !zero
	return d, true
}

// shift appends a digit to v, unless the result does not fit.
func shift(v int64, digit byte) (int64, bool) {
	if v > (math.MaxInt64-int64(digit))/10 {
		return 0, false
	}
	return v*10 + int64(digit), true
}

// splitNumber returns the digits on both sides of a number's point, and its
// exponent. No text within MaxSize has enough digits to compensate for an exponent
// beyond the limit set here.
func splitNumber(raw []byte) (whole, fraction []byte, exponent int) {
	const bound = 1 << 27
	digits := bytes.TrimPrefix(raw, []byte("-"))
	if e := bytes.IndexAny(digits, "eE"); e >= 0 {
		for _, c := range digits[e+1:] {
			if isDigit(c) {
				exponent = min(exponent*10+int(c-'0'), bound)
			}
		}
		if digits[e+1] == '-' {
			exponent = -exponent
		}
		digits = digits[:e]
	}
	whole, fraction, _ = bytes.Cut(digits, []byte("."))
	return whole, fraction, exponent
}
