package supervisor

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// hands are a clock that is set, and one that is not.
type hands struct {
	store   time.Time
	elapsed time.Duration
}

func (h *hands) pass(d time.Duration) { h.store, h.elapsed = h.store.Add(d), h.elapsed+d }

// clockOnly is a store that has nothing but a clock.
type clockOnly struct {
	missions.Store
	hands *hands
}

func (c clockOnly) Now(context.Context) (missions.Time, error) {
	return missions.At(c.hands.store), nil
}

// newWatched returns a watch over hands, which has read them once.
func newWatched(t *testing.T) (*clockWatch, *hands, *bytes.Buffer) {
	t.Helper()
	h := &hands{store: time.Unix(1_800_000_000, 0)}
	var log bytes.Buffer
	w := newClockWatch(clockOnly{hands: h}, slog.New(slog.NewTextHandler(&log, nil)))
	w.elapsed = func() time.Duration { return h.elapsed }
	w.look(t.Context())
	return w, h, &log
}

func TestAStepOfTheClockIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step time.Duration
		told string
	}{
		"forward":     {time.Hour, "was set 1h0m0s forward, or its machine slept at 2027-01-15T09:00:05Z: leases, timeouts and backoffs last as long as before; deadlines and not_before follow the clock"},
		"back":        {-2 * time.Hour, "was set 2h0m0s back at 2027-01-15T06:00:05Z: leases"},
		"a little":    {900 * time.Millisecond, ""},
		"not at all":  {0, ""},
		"just enough": {-1100 * time.Millisecond, "was set 1.1s back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, h, log := newWatched(t)
			h.pass(clockInterval)
			h.store = h.store.Add(c.step)
			w.look(t.Context())
			check := w.check()
			if (check == api.Check{}) != (c.told == "") || !strings.Contains(check.Message, c.told) {
				t.Errorf("health says %+v", check)
			}
			if logged := strings.Count(log.String(), "level=WARN"); logged > 1 || (logged == 1) != (c.told != "") {
				t.Errorf("the log: %s", log)
			}
			h.pass(clockInterval)
			w.look(t.Context())
			if strings.Count(log.String(), "level=WARN") > 1 {
				t.Errorf("told twice: %s", log)
			}
			h.pass(3 * time.Hour)
			if check := w.check(); check != (api.Check{}) {
				t.Errorf("hours later health says %+v", check)
			}
		})
	}
}

// An answer that takes long, and a store that was away for long, are not steps.
func TestWhatLooksLikeAStepOfTheClock(t *testing.T) {
	t.Parallel()
	w, h, log := newWatched(t)
	w.now = func(context.Context) (missions.Time, error) {
		at := missions.At(h.store)
		h.pass(3 * time.Second) // on its way back
		return at, nil
	}
	w.look(t.Context())
	w.now = func(context.Context) (missions.Time, error) { return 0, missions.Unavailable("away", nil) }
	h.pass(time.Hour)
	w.look(t.Context())
	w.now = func(context.Context) (missions.Time, error) { return missions.At(h.store), nil }
	h.store = h.store.Add(2 * time.Second) // the drift of an hour
	w.look(t.Context())
	if log.Len() > 0 {
		t.Errorf("the log: %s", log)
	}
}
