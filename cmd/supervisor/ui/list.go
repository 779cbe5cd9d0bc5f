package ui

import (
	"slices"
	"strings"

	"github.com/gdamore/tcell/v2"
)

// ListRow is a row of a [List].
type ListRow struct {
	Key   string // identifies the row, so that it stays selected
	Cells []Cell
}

// holds reports whether a row contains a text, ignoring case.
func (r *ListRow) holds(text string) bool {
	return slices.ContainsFunc(r.Cells, func(c Cell) bool {
		return strings.Contains(strings.ToLower(c.Text), strings.ToLower(text))
	})
}

// List is a list whose selection stays with its row while rows come and go.
type List struct {
	Rows   []ListRow // those that match the filter
	All    int       // the number of rows without the filter
	At     int       // the selected row's last index
	First  int       // the first row shown
	Newest bool      // new rows come in at the top, and a selection of the top row stays at the top

	key    string // of the selected row
	height int    // the number of rows shown
}

// Fill replaces the rows.
func (l *List) Fill(rows []ListRow, filter string) {
	l.All, l.Rows = len(rows), rows
	if filter != "" {
		l.Rows = slices.DeleteFunc(rows, func(r ListRow) bool { return !r.holds(filter) })
	}
	staysOnTop := l.Newest && l.At == 0
	if i := slices.IndexFunc(l.Rows, func(r ListRow) bool { return r.Key == l.key }); i >= 0 && !staysOnTop {
		l.At = i
	}
	l.Select(l.At)
}

// Select selects a row, or the nearest existing one.
func (l *List) Select(i int) {
	l.At, l.key = max(0, min(i, len(l.Rows)-1)), ""
	if l.At < len(l.Rows) {
		l.key = l.Rows[l.At].Key
	}
}

// Move handles a key that moves the selection.
func (l *List) Move(key *tcell.EventKey) bool {
	page := max(1, l.height-1)
	steps := map[tcell.Key]int{tcell.KeyUp: -1, tcell.KeyDown: 1, tcell.KeyPgUp: -page, tcell.KeyPgDn: page,
		tcell.KeyHome: -len(l.Rows), tcell.KeyEnd: len(l.Rows)}
	step, moves := steps[key.Key()]
	if key.Key() == tcell.KeyRune {
		step, moves = map[rune]int{'k': -1, 'j': 1, 'g': -len(l.Rows), 'G': len(l.Rows)}[key.Rune()]
	}
	if moves {
		l.Select(l.At + step)
	}
	return moves
}

// Show returns the rows that fit in height, including the selected one.
func (l *List) Show(height int) []ListRow {
	l.height = height
	l.First = max(0, min(l.First, l.At, len(l.Rows)-height))
	if l.At >= l.First+height {
		l.First = l.At - height + 1
	}
	return l.Rows[l.First:min(len(l.Rows), l.First+height)]
}

// EditLine returns a line after a key that edits it.
func EditLine(line string, key *tcell.EventKey) string {
	letters := []rune(line)
	switch key.Key() {
	case tcell.KeyRune:
		return Clean(string(append(letters, key.Rune())))
	case tcell.KeyBackspace, tcell.KeyBackspace2:
		return string(letters[:max(0, len(letters)-1)])
	case tcell.KeyCtrlU:
		return ""
	default: // other keys do not edit
		return line
	}
}
