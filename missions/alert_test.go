package missions

import (
	"fmt"
	"testing"
	"time"
)

// TestAlertLooks takes alerts through checks of their rule, which must hold for a
// minute.
func TestAlertLooks(t *testing.T) {
	t.Parallel()
	type look struct {
		at    int // seconds
		holds bool
		want  string // state, since, raised, cleared; ! if published, = if nothing is stored
	}
	for name, looks := range map[string][]look{
		"never holds": {{0, false, "ok 0 0 0 ="}, {10, false, "ok 0 0 0 ="}},
		"holds for long enough": {
			{10, true, "pending 10 0 0"}, {20, true, "pending 10 0 0 ="}, {30, true, "pending 10 0 0"}, {69, true, "pending 10 0 0"},
			{70, true, "firing 10 70 0 !"}, {80, true, "firing 10 70 0 ="}, {500, true, "firing 10 70 0 ="},
		},
		"holds too shortly": {{10, true, "pending 10 0 0"}, {60, true, "pending 10 0 0"}, {69, false, "ok 0 0 0"},
			{70, true, "pending 70 0 0"}, {100, true, "pending 70 0 0"}, {129, true, "pending 70 0 0"}, {130, true, "firing 70 130 0 !"}},
		"is resolved after as long, and a relapse begins that anew": {
			{10, true, "pending 10 0 0"}, {70, true, "firing 10 70 0 !"},
			{80, false, "firing 10 70 80"}, {90, false, "firing 10 70 80 ="}, {130, false, "firing 10 70 80"},
			{139, true, "firing 10 70 0"}, {140, false, "firing 10 70 140"}, {190, false, "firing 10 70 140"},
			{199, false, "firing 10 70 140 ="}, {200, false, "ok 10 70 140 !"},
		},
		"nobody looked for too long": {
			{10, true, "pending 10 0 0"}, {71, true, "pending 71 0 0"}, {131, true, "firing 71 131 0 !"},
			{140, false, "firing 71 131 140"}, {201, false, "firing 71 131 201"}, {261, false, "ok 71 131 201 !"},
		},
		"firing outlasts a time in which nobody looked": {
			{10, true, "pending 10 0 0"}, {70, true, "firing 10 70 0 !"}, {5000, true, "firing 10 70 0 ="},
		},
	} {
		a := Alert{Rule: "r", State: AlertOK}
		for _, l := range looks {
			next, notified, changed := a.Look(l.holds, Time(l.at)*1e6, time.Minute)
			got := fmt.Sprintf("%s %d %d %d", next.State, next.Since/1e6, next.RaisedAt/1e6, next.ClearedAt/1e6)
			if notified {
				got += " !"
			}
			if !changed {
				got += " ="
			}
			if got != l.want {
				t.Fatalf("%s: at %d s it is %q, want %q", name, l.at, got, l.want)
			}
			if changed {
				a = next
			}
			if a.State == AlertOK {
				a = Alert{Rule: "r", State: AlertOK}
			}
		}
	}
}

func TestAnAlertThatNeedsNoTime(t *testing.T) {
	t.Parallel()
	a, notified, _ := Alert{Rule: "r", State: AlertOK}.Look(true, 5e6, 0)
	if a.State != AlertFiring || !notified || a.RaisedAt != 5e6 || a.Since != 5e6 {
		t.Errorf("at once: %+v", a)
	}
	if a, notified, _ = a.Look(false, 6e6, 0); a.State != AlertOK || !notified {
		t.Errorf("and over at once: %+v", a)
	}
}
