package missions_test

import (
	"encoding/json"
	"testing"

	"missioncontrol/missions"
)

// However narrow the store's buckets are, their summary has four in a power of ten.
func TestRunTimes(t *testing.T) {
	t.Parallel()
	h := missions.NewSample(0).Run
	for _, seconds := range []float64{0, 0.000001, 0.9, 1.1, 1.2, 1.7, 2, 5, 9, 59, 61, 4000} {
		h.Buckets[missions.Bucket(seconds)]++
		h.Count++
	}
	got, err := json.Marshal(missions.RunTimesOf(1703001180_000000, 1703001240_000000, h).Buckets)
	if err != nil {
		t.Fatal(err)
	}
	if want := `[[0.000001,2],[1,1],[1.78,3],[3.16,1],[5.62,1],[10,1],[100,2],[5620,1]]`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	empty, err := json.Marshal(missions.RunTimesOf(0, 0, missions.NewSample(0).Run))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"from":null,"to":null,"p50":null,"p95":null,"buckets":[]}`; string(empty) != want {
		t.Errorf("got %s, want %s", empty, want)
	}
}

// The run times of a day fit into a reply with room to spare, however different they are.
func TestRunTimesAreBounded(t *testing.T) {
	t.Parallel()
	h := missions.NewSample(0).Run
	for bucket := range 500 { // up to 200,000 years
		h.Buckets[bucket] = 1_000_000
		h.Count += 1_000_000
	}
	text, err := json.Marshal(missions.RunTimesOf(1703001180_000000, 1703001240_000000, h))
	if err != nil {
		t.Fatal(err)
	}
	samples := int(missions.KeepLongSamples / missions.LongSample)
	if all := len(text) * samples; all > 300_000 {
		t.Errorf("%d bytes", all)
	}
}
