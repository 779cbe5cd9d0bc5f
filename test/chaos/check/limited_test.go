package check

import (
	"fmt"
	"strings"
	"testing"
)

// sharing is a history in which missions run under the limit: as many as it allows.
func sharing() *world {
	w := &world{turns: map[string]int{}, Evidence: &Evidence{Missions: map[string]Mission{}, Usage: map[string]float64{}}}
	const under = `,"limits":["` + LimitName + `"],"key":"tenant %d"`
	for i := range LimitTotal {
		id := fmt.Sprint("l", i)
		w.make(id, fmt.Sprintf(under, i))
		w.given("a", id, 40+i, "")
	}
	w.make("next", fmt.Sprintf(under, 0))
	w.ends("a", "l0", 40, completed, `,"result":{}`)
	w.given("a", "next", 60, "")
	w.ends("a", "next", 60, completed, `,"result":{}`)
	for i := 1; i < LimitTotal; i++ {
		w.ends("a", fmt.Sprint("l", i), 40+i, completed, `,"result":{}`)
	}
	return w
}

func TestALimitThatIsKept(t *testing.T) {
	for _, v := range Check(sharing().Evidence) {
		t.Error(v)
	}
}

func TestWhatExceedsALimitIsFound(t *testing.T) {
	for says, how := range map[string]func(w *world){
		`that runs under a limit of 4`: func(w *world) { w.early(w.place("next", running), w.place("l0", completed)) },
		`with key "tenant 1" that runs`: func(w *world) {
			w.find("c", "missions.create", "next").replace("tenant 0", "tenant 1")
		},
	} {
		w := sharing()
		how(w)
		found := false
		for _, v := range Check(w.Evidence) {
			found = found || v.Guarantee == 14 && strings.Contains(v.What, says)
		}
		if !found {
			t.Errorf("the checker does not say %q but %v", says, Check(w.Evidence))
		}
	}
}
