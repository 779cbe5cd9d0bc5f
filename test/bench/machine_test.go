package main

import (
	"strings"
	"testing"
	"time"
)

func TestParseMachine(t *testing.T) {
	got, err := parseMachine("cpu  100 20 30 400 50 6 7 80 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n")
	want := machineTimes{busy: 1500 * time.Millisecond, stolen: 800 * time.Millisecond, total: 6930 * time.Millisecond}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 3 4 5 6 7 x"} {
		if got, err := parseMachine(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
}

func TestConditionLeavesOutOurOwnTime(t *testing.T) {
	second := time.Second
	before := usage{machine: machineTimes{busy: 10 * second, total: 100 * second, stolen: second}, ours: 3 * second, kernel: second}
	after := usage{machine: machineTimes{busy: 18 * second, total: 110 * second, stolen: 2 * second}, ours: 8 * second, kernel: 2 * second}
	got := conditionOf(before, after, 5*time.Millisecond)
	if got.foreign != 0.2 || got.stolen != 0.1 || got.spin != 5*time.Millisecond {
		t.Errorf("got %+v, want 8 s busy of 10 s, of which 5 s are ours and 1 s is the kernel's: 20 %% foreign, 10 %% stolen", got)
	}
	after.ours += 10 * second // clocks tick differently
	if got := conditionOf(before, after, 0); got.foreign != 0 {
		t.Errorf("more of our own than there was in all: foreign is %v, want 0", got.foreign)
	}
	if got := conditionOf(usage{}, usage{}, 0); got.foreign != 0 || got.stolen != 0 {
		t.Errorf("without /proc: got %+v, want no shares", got)
	}
}

func TestBusyRounds(t *testing.T) {
	const usual = 10 * time.Millisecond
	for _, c := range []struct {
		name string
		of   condition
		want string // a part of the reason, "" for none
	}{
		{"quiet", condition{spin: usual}, ""},
		{"just quiet enough", condition{spin: 20 * time.Millisecond, foreign: 0.05, stolen: 0.05}, ""},
		{"another process", condition{spin: usual, foreign: 0.06}, "other processes used 6 %"},
		{"the hypervisor", condition{spin: usual, stolen: 0.2}, "the hypervisor took 20 %"},
		{"slow", condition{spin: 21 * time.Millisecond}, "2.10 times as slow as usual"},
		{"our own", condition{spin: usual, restless: true}, "come to rest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.of.busy(usual)
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestUnequalSides(t *testing.T) {
	ten, fifteen, sixteen := condition{spin: 10 * time.Millisecond}, condition{spin: 15 * time.Millisecond}, condition{spin: 16 * time.Millisecond}
	if got := unequal(ten, fifteen); got != "" {
		t.Errorf("1.5 times as slow: got %q, want no reason", got)
	}
	for _, got := range []string{unequal(ten, sixteen), unequal(sixteen, ten)} {
		if !strings.Contains(got, "1.60 times as slow for one side") {
			t.Errorf("1.6 times as slow: got %q", got)
		}
	}
}
