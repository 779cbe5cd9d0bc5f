package worker

import (
	"strings"
	"testing"

	"missioncontrol/missions"
)

func TestAgentIDsComeFromTheProgram(t *testing.T) {
	t.Parallel()
	for program, want := range map[string]string{"/usr/bin/resize.sh": "resize-", "./bad name!": "bad-name--"} {
		id := agentID(program)
		must(t, missions.CheckToken("id", id))
		if !strings.HasPrefix(id, want) || len(id) != len(want)+8 {
			t.Errorf("%s became %s", program, id)
		}
	}
	must(t, missions.CheckToken("id", agentID(strings.Repeat("x", 300))))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
