package engine_test

import (
	"fmt"
	"testing"

	"missioncontrol/missions"
)

// Missions that are withheld for agents, whoever these are, leave others the combinations that they may have.
func TestPreferencesLeaveRoom(t *testing.T) {
	t.Parallel()
	s := newScheduler(t)
	s.createPreferring(missions.MaxLanes, "ghost-", "", func(i int) missions.Preference {
		return missions.Preference{PreferAgent: fmt.Sprint("ghost-", i), PreferSeconds: 3600}
	})
	none := func(int) missions.Preference { return missions.Preference{} }
	if n := s.createPreferring(missions.MaxLanes+1, "m-", "n", none); n != missions.MaxLanes {
		t.Errorf("%d missions of others were created", n)
	}
}
