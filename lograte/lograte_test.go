package lograte_test

import (
	"reflect"
	"testing"
	"time"

	"missioncontrol/lograte"
)

// clock is a clock that stands still.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func TestLinesOfAKindAreBoundedAndSayWhatWasLeftOut(t *testing.T) {
	t.Parallel()
	c := &clock{time.Unix(1_000_000, 0)}
	l := lograte.New(time.Minute, c.now, lograte.Kind{Name: "one"}, lograte.Kind{Name: "few", Burst: 3})
	count := func(kind string, n int) (lines int, left []uint64) {
		for range n {
			if more, line := l.Count(kind); line {
				lines++
				left = append(left, more)
			}
		}
		return lines, left
	}
	want := func(kind string, n, lines int, left ...uint64) {
		t.Helper()
		if got, more := count(kind, n); got != lines || !reflect.DeepEqual(more, left) {
			t.Errorf("%d of %q got %d lines with %v left out, want %d with %v", n, kind, got, more, lines, left)
		}
	}
	want("one", 1000, 1, 0)
	want("few", 1000, 3, 0, 0, 0)
	want("unknown", 1000, 0)
	if left := l.TakeLeft(false); left != nil {
		t.Errorf("within the interval %v are due", left)
	}
	c.at = c.at.Add(time.Minute)
	want("one", 5, 1, 999)
	want("few", 5, 3, 997, 0, 0)
	c.at = c.at.Add(time.Minute)
	if left := l.TakeLeft(false); !reflect.DeepEqual(left, []lograte.Left{{Kind: "one", Events: 4}, {Kind: "few", Events: 2}}) {
		t.Errorf("after the interval %v are due", left)
	}
	want("one", 2, 0) // that was the line of this interval
	if left := l.TakeLeft(true); !reflect.DeepEqual(left, []lograte.Left{{Kind: "one", Events: 2}}) {
		t.Errorf("at the end %v are due", left)
	}
	if totals := l.Totals(); !reflect.DeepEqual(totals, map[string]uint64{"one": 1007, "few": 1005}) {
		t.Errorf("counted %v", totals)
	}
}
