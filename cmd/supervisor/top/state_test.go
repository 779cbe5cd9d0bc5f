package top

import "testing"

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
