package missions

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

func TestTimeOnTheWire(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		time Time
		text string
	}{
		{0, "null"},
		{1, "0.000001"},
		{1_000_000, "1"},
		{1_703_001_234_567_000, "1703001234.567"},
		{1_703_001_234_567_891, "1703001234.567891"},
		{1_703_001_234_000_001, "1703001234.000001"},
		{1_703_001_234_100_000, "1703001234.1"},
		{8_589_934_591_999_999, "8589934591.999999"}, // in the year 2242
	} {
		got, err := json.Marshal(c.time)
		if err != nil || string(got) != c.text {
			t.Errorf("%d is written as %s (%v), want %s", c.time, got, err, c.text)
		}
		var back Time
		if err := json.Unmarshal([]byte(c.text), &back); err != nil || back != c.time {
			t.Errorf("%s is read as %d (%v), want %d", c.text, back, err, c.time)
		}
	}
	if got := string(Time(-1_500_000).AppendJSON(nil)); got != "-1.5" {
		t.Errorf("a time before the epoch is written as %s, want -1.5", got)
	}
}

func TestTimeReadsWhatOthersWrite(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Time{
		"1.7030012345678912e9": 1_703_001_234_567_891,
		"1703001234.5678914":   1_703_001_234_567_891,
		"0":                    0,
		"0.0000004":            0,
		"1e3":                  1_000_000_000,
	} {
		var got Time
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is read as %d (%v), want %d", text, got, err, want)
		}
	}
}

// A decimal is read as the float64 that it stands for, whichever way it takes.
func FuzzTimeReadsDecimals(f *testing.F) {
	for _, text := range []string{"1703001234.567891", "0", "0.000001", "9007199254.740991", "9007199254.740992", "01", "1.", ".1", "1.1234567", "12345678901", "1.5e3", "-0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got Time
		err := got.UnmarshalJSON([]byte(text))
		var seconds float64
		if json.Unmarshal([]byte(text), &seconds) != nil || seconds < 0 || math.Round(seconds*1e6) > 1<<53-1 {
			if err == nil && text != "null" {
				t.Fatalf("%q is read as %d, want an error", text, got)
			}
			return
		}
		if want := Time(math.Round(seconds * 1e6)); err != nil || got != want {
			t.Fatalf("%q is read as %d (%v), want %d", text, got, err, want)
		}
	})
}

func TestTimeRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"-1", "-0.000001", "1e300", "9007199254.740993", "9007199255", `"2023-12-19T16:00:00Z"`, `"1703001234"`,
		"true", "{}", "[]", "NaN", "Infinity", "1e999", "",
	} {
		got := Time(42)
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%q is read as %d, want an error", text, got)
		}
		if got != 42 {
			t.Errorf("%q is refused and yet sets the time to %d", text, got)
		}
	}
}

func TestTimeAndTheClock(t *testing.T) {
	t.Parallel()
	moment := time.Date(2023, 12, 19, 15, 53, 54, 567_891_999, time.UTC)
	at := At(moment)
	if at != 1_703_001_234_567_891 {
		t.Errorf("At gives %d", at)
	}
	if got := at.Time(); !got.Equal(moment.Truncate(time.Microsecond)) || got.Location() != time.UTC {
		t.Errorf("Time gives %v", got)
	}
	if At(time.Time{}) != 0 || !Time(0).Time().IsZero() || !Time(0).IsZero() || at.IsZero() {
		t.Error("no time does not stay no time")
	}
	if got := at.Add(90 * time.Second); got != 1_703_001_324_567_891 || got.Sub(at) != 90*time.Second {
		t.Errorf("90 s later is %d", got)
	}
	if got := Time(1_500_000).Seconds(); got != 1.5 {
		t.Errorf("Seconds gives %v, want 1.5", got)
	}
}
