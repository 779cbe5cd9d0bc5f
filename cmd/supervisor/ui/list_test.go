package ui

import "testing"

func TestASelectionStaysWithItsRow(t *testing.T) {
	t.Parallel()
	rows := func(keys ...string) []ListRow {
		var all []ListRow
		for _, key := range keys {
			all = append(all, ListRow{Key: key, Cells: []Cell{Text(key, "")}})
		}
		return all
	}
	var l List
	l.Fill(rows("b", "c", "d"), "")
	l.Select(1)
	l.Fill(rows("a", "b", "c", "d"), "")
	equal(t, "still selected", l.Rows[l.At].Key, "c")
	l.Fill(rows("a", "b"), "")
	equal(t, "nearest to what has gone", l.Rows[l.At].Key, "b")
	l.Fill(nil, "")
	l.Select(5)
	equal(t, "shown of nothing", len(l.Show(3)), 0)
	l.Fill(rows("a", "b", "c", "d", "e"), "")
	l.Select(4)
	shown := l.Show(2)
	equal(t, "scrolled", shown[0].Key+shown[1].Key, "de")

	newest := List{Newest: true}
	newest.Fill(rows("2", "1"), "")
	newest.Fill(rows("3", "2", "1"), "")
	equal(t, "the newest", newest.Rows[newest.At].Key, "3")
	newest.Select(1)
	newest.Fill(rows("4", "3", "2", "1"), "")
	equal(t, "the one that was gone to", newest.Rows[newest.At].Key, "2")
}
