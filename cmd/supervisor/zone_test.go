package main

import "testing"

// The program has the zones itself, and says so when TZ names none.
func TestAZoneThatCannotBeUsedIsReported(t *testing.T) {
	t.Parallel()
	for zone, want := range map[string]string{
		"": "", "Europe/Berlin": "", ":America/New_York": "", "UTC": "",
		"Mars/Olympus": "supervisor: TZ=Mars/Olympus is not a known time zone; times are in UTC. Use a name such as Europe/Berlin\n",
		"CET-1CEST":    "supervisor: TZ=CET-1CEST is not a known time zone; times are in UTC. Use a name such as Europe/Berlin\n",
	} {
		code, _, stderr := runIn(t, map[string]string{"TZ": zone}, "version")
		equal(t, "exit code", code, 0)
		equal(t, "stderr with TZ="+zone, stderr, want)
	}
}
