package sqlitestore

import (
	"fmt"
	"testing"
	"time"

	"missioncontrol/missions"
)

// TestASampleTellsApartTheBusiestTypes: no number of types makes it larger than its bound.
func TestASampleTellsApartTheBusiestTypes(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := mustOpen(t, Config{Now: clock.Now})
	sample := func() {
		t.Helper()
		if _, err := s.Sample(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sample()
	for batch := range 2 {
		var list []missions.Mission
		for i := range 600 {
			list = append(list, mission(fmt.Sprintf("m-%d-%d", batch, i), fmt.Sprintf("type-%04d", 600*batch+i)))
		}
		list = append(list, mission(fmt.Sprint("busy-", batch), "zzz"))
		if _, err := s.Create(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	clock.Advance(time.Minute)
	sample()
	eachConn(t, s, func(c *conn) {
		n, err := c.number("SELECT count(DISTINCT type) FROM samples WHERE span = 1")
		if err != nil || n != missions.MaxSampledTypes+1 {
			t.Errorf("a sample tells apart %d types (%v), want %d and the total", n, err, missions.MaxSampledTypes)
		}
	})
	for kind, want := range map[string]int64{"": 1202, "zzz": 2, "type-0000": 1, "type-1199": 0} {
		stats, err := s.Stats(t.Context(), kind)
		if err != nil || stats.Windows.Hour.Created != want {
			t.Errorf("of type %q %d were created within the hour (%v), want %d", kind, stats.Windows.Hour.Created, err, want)
		}
	}
}
