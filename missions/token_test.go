package missions_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"missioncontrol/missions"
)

// The rule stands there as a function, as a character class and in words.
func TestTokenRuleIsOne(t *testing.T) {
	t.Parallel()
	fits := regexp.MustCompile(fmt.Sprintf(`\A[%s]{1,%d}\z`, missions.TokenClass, missions.MaxTokenChars))
	check := func(s string) {
		t.Helper()
		if accepted := missions.CheckToken("id", s) == nil; accepted != fits.MatchString(s) {
			t.Errorf("%q: CheckToken accepts it: %v; the class and the length do: %v", s, accepted, !accepted)
		}
	}
	for c := range 256 {
		check(string([]byte{byte(c)}))
		check(string([]byte{'a', byte(c), 'Z'}))
	}
	for _, n := range []int{0, 1, missions.MaxTokenChars, missions.MaxTokenChars + 1} {
		check(strings.Repeat("x", n))
	}
	inWords := fmt.Sprintf("1 to %d of %s", missions.MaxTokenChars,
		strings.NewReplacer("A-Z", "A-Z ", "a-z", "a-z ", "0-9", "0-9 ", "_", "_ ").Replace(missions.TokenClass))
	if missions.TokenRule != inWords {
		t.Errorf("in words it is %q, and the class and the length say %q", missions.TokenRule, inWords)
	}
}
