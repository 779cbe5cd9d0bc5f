package ui

import "testing"

func TestTheNearestWordIsSuggested(t *testing.T) {
	t.Parallel()
	commands := []string{"agent", "agents", "alerts", "doctor", "events", "missions", "serve", "status", "top"}
	for word, want := range map[string]string{
		"mising": "missions", "statu": "status", "stat": "status", "evnts": "events", "server": "serve", "docter": "doctor",
		"frobnicate": "", "x": "", "": "",
	} {
		if got := Nearest(word, commands); got != want {
			t.Errorf("%q suggests %q, want %q", word, got, want)
		}
	}
}
