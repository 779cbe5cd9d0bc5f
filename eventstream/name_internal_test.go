package eventstream

import (
	"strings"
	"testing"

	"missioncontrol/missions"
)

// Streams and durable consumers are named as missions and agents are. The two layers do
// not know each other.
func TestNamesFollowTheRuleForIDs(t *testing.T) {
	t.Parallel()
	texts := []string{"", "EVENTS", strings.Repeat("x", maxNameLen), strings.Repeat("x", maxNameLen+1)}
	for c := range 256 {
		texts = append(texts, string([]byte{byte(c)}), string([]byte{'a', byte(c), 'Z'}))
	}
	for _, s := range texts {
		if valid, token := validName(s), missions.CheckToken("name", s) == nil; valid != token {
			t.Errorf("%q as a name: %v; as an ID: %v", s, valid, token)
		}
	}
}
