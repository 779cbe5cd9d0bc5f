package top

import (
	"slices"
	"testing"

	"missioncontrol/cmd/supervisor/ui"
)

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

// On a narrow terminal the name of a mission keeps its room. The id is cut in the middle
// before columns are dropped.
func TestNamesKeepTheirRoom(t *testing.T) {
	t.Parallel()
	const id = "01a20dc7-7eb2-7b5c-9e63-de283aabbf09"
	rows := []ui.ListRow{{Key: id, Cells: []ui.Cell{ui.Text(id, ""), ui.Text("resize", ""), ui.Text("w1", ""), ui.Text("12s", ""), ui.Text("1/3", ""), ui.Text("  50% ▕█████     ▏", ""), ui.Text("resize cat.png: half of it", "")}}}
	for width, want := range map[int][]int{
		200: {36, 6, 5, 7, 7, 18, 108},
		120: {36, 6, 5, 7, 7, 18, 28},
		100: {24, 6, 5, 7, 7, 18, 20},
		80:  {13, 0, 5, 7, 0, 18, 28},
		40:  {13, 0, 0, 0, 0, 0, 24},
	} {
		if got := columnWidths(missionList, rows, width); !slices.Equal(got, want) {
			t.Errorf("at %d: %v, want %v", width, got, want)
		}
	}
	equal(t, "an id", ui.CutMiddle(id, 13), "01a20d…abbf09")
	equal(t, "a short id", ui.CutMiddle("w1", 13), "w1")
}
