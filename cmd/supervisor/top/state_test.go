package top

import (
	"slices"
	"testing"

	"missioncontrol/cmd/supervisor/ui"
)

func TestASelectionStaysWithItsRow(t *testing.T) {
	t.Parallel()
	rows := func(keys ...string) []tableRow {
		var all []tableRow
		for _, key := range keys {
			all = append(all, tableRow{key, []tableCell{{key, ""}}})
		}
		return all
	}
	var l listState
	l.fill(rows("b", "c", "d"), "")
	l.selectRow(1)
	l.fill(rows("a", "b", "c", "d"), "")
	equal(t, "still selected", l.rows[l.at].key, "c")
	l.fill(rows("a", "b"), "")
	equal(t, "nearest to what has gone", l.rows[l.at].key, "b")
	l.fill(nil, "")
	l.selectRow(5)
	equal(t, "shown of nothing", len(l.show(3)), 0)
	l.fill(rows("a", "b", "c", "d", "e"), "")
	l.selectRow(4)
	shown := l.show(2)
	equal(t, "scrolled", shown[0].key+shown[1].key, "de")

	newest := listState{newest: true}
	newest.fill(rows("2", "1"), "")
	newest.fill(rows("3", "2", "1"), "")
	equal(t, "the newest", newest.rows[newest.at].key, "3")
	newest.selectRow(1)
	newest.fill(rows("4", "3", "2", "1"), "")
	equal(t, "the one that was gone to", newest.rows[newest.at].key, "2")
}

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
	rows := []tableRow{{id, []tableCell{{id, ""}, {"resize", ""}, {"w1", ""}, {"12s", ""}, {"1/3", ""}, {"  50% ▕█████     ▏", ""}, {"resize cat.png: half of it", ""}}}}
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
