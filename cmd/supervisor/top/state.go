package top

import (
	"slices"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"

	"missioncontrol/charter"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

// maxEvents is how many events the list of the latest events keeps.
const maxEvents = 200

// The lists of top, in their order on the screen.
const (
	agentList = iota
	missionList
	eventList
	listCount
)

// inputMode is what keys currently do.
type inputMode int

const (
	modeMoving    inputMode = iota
	modeFiltering           // typing a filter
	modeAsking              // answering whether to cancel
	modeHelping             // reading the keys
)

// viewState is the data that top shows and the user's choices. It does no I/O.
type viewState struct {
	broker  string
	look    snapshot  // the last successful one
	at      time.Time // when it was taken; zero: never
	trouble string    // why there is no newer one
	events  []charter.Event
	noMore  string // why there are no newer events

	mode   inputMode
	list   int // the one that keys move in
	lists  [listCount]listState
	filter string
	asked  string // the mission to confirm
	notice string // the result of the last order
}

func newViewState(broker string) viewState {
	s := viewState{broker: broker, list: missionList}
	s.lists[eventList].newest = true
	return s
}

// take makes a look the current one if it succeeded.
func (s *viewState) take(look *snapshot, trouble func(error) string) {
	s.events = append(s.events, look.events...)
	s.events = s.events[max(0, len(s.events)-maxEvents):]
	s.noMore = ""
	if look.eventsErr != nil {
		s.noMore = remote.ErrorText(look.eventsErr)
	}
	s.trouble = ""
	if look.err != nil {
		s.trouble = trouble(look.err)
		return
	}
	s.look, s.at = *look, look.at
}

// action is a key's action that viewState cannot do itself.
type action struct {
	end    bool
	cancel string // this mission
}

// key handles a key.
func (s *viewState) key(key *tcell.EventKey) action {
	if key.Key() == tcell.KeyCtrlC {
		return action{end: true}
	}
	switch s.mode {
	case modeFiltering:
		s.edit(key)
	case modeAsking:
		s.mode = modeMoving
		if key.Key() == tcell.KeyRune && (key.Rune() == 'y' || key.Rune() == 'Y') {
			s.notice = "Cancelling mission " + s.asked + " …"
			return action{cancel: s.asked}
		}
		s.notice = "Mission " + s.asked + " goes on"
	case modeHelping:
		s.mode = modeMoving
	default:
		s.notice = ""
		return s.command(key)
	}
	return action{}
}

// command handles a key that is a command.
func (s *viewState) command(key *tcell.EventKey) action {
	if s.move(key) {
		return action{}
	}
	switch key.Key() {
	case tcell.KeyTab:
		s.list = (s.list + 1) % listCount
	case tcell.KeyBacktab:
		s.list = (s.list + listCount - 1) % listCount
	case tcell.KeyEscape:
		s.filter = ""
	case tcell.KeyRune:
		switch key.Rune() {
		case 'q':
			return action{end: true}
		case '/':
			s.mode = modeFiltering
		case '?':
			s.mode = modeHelping
		case 'c':
			s.ask()
		}
	default: // not a command
	}
	return action{}
}

// move handles a key that moves the selection.
func (s *viewState) move(key *tcell.EventKey) bool {
	l := &s.lists[s.list]
	steps := map[tcell.Key]int{tcell.KeyUp: -1, tcell.KeyDown: 1, tcell.KeyPgUp: -l.page(), tcell.KeyPgDn: l.page(),
		tcell.KeyHome: -len(l.rows), tcell.KeyEnd: len(l.rows)}
	step, moves := steps[key.Key()]
	if key.Key() == tcell.KeyRune {
		step, moves = map[rune]int{'k': -1, 'j': 1, 'g': -len(l.rows), 'G': len(l.rows)}[key.Rune()]
	}
	if moves {
		l.selectRow(l.at + step)
	}
	return moves
}

// ask asks whether to cancel the selected mission.
func (s *viewState) ask() {
	l := &s.lists[missionList]
	switch {
	case s.list != missionList:
		s.notice = "Only missions can be cancelled; press Tab to get to their list"
	case len(l.rows) == 0:
		s.notice = "No mission is selected"
	case slices.ContainsFunc(s.look.failed, func(m missions.Mission) bool { return m.ID == l.rows[l.at].key }):
		s.notice = "This mission has failed already; put it back into the queue with: supervisor missions retry " + ui.Clean(l.rows[l.at].key)
	default:
		s.asked, s.mode = l.rows[l.at].key, modeAsking
	}
}

// edit handles a key that edits the filter.
func (s *viewState) edit(key *tcell.EventKey) {
	letters := []rune(s.filter)
	switch key.Key() {
	case tcell.KeyRune:
		s.filter = ui.Clean(string(append(letters, key.Rune())))
	case tcell.KeyBackspace, tcell.KeyBackspace2:
		s.filter = string(letters[:max(0, len(letters)-1)])
	case tcell.KeyCtrlU:
		s.filter = ""
	case tcell.KeyEnter:
		s.mode = modeMoving
	case tcell.KeyEscape:
		s.filter, s.mode = "", modeMoving
	default: // other keys do not edit
	}
}

// tableRow is a row of a list.
type tableRow struct {
	key   string // identifies the row, so that it stays selected
	cells []tableCell
}

// tableCell is text as received, and its colour.
type tableCell struct{ text, colour string }

// holds reports whether a row contains a text, ignoring case.
func (r *tableRow) holds(text string) bool {
	return slices.ContainsFunc(r.cells, func(c tableCell) bool {
		return strings.Contains(strings.ToLower(c.text), strings.ToLower(text))
	})
}

// listState is a list whose selection stays with its row while rows come and go.
type listState struct {
	rows   []tableRow // those that match the filter
	all    int        // the number of rows without the filter
	key    string     // of the selected row
	at     int        // the selected row's last index
	first  int        // the first row shown
	height int        // the number of rows shown
	newest bool       // new rows come in at the top, and a selection of the top row stays at the top
}

// fill replaces the rows.
func (l *listState) fill(rows []tableRow, filter string) {
	l.all, l.rows = len(rows), rows
	if filter != "" {
		l.rows = slices.DeleteFunc(rows, func(r tableRow) bool { return !r.holds(filter) })
	}
	staysOnTop := l.newest && l.at == 0
	if i := slices.IndexFunc(l.rows, func(r tableRow) bool { return r.key == l.key }); i >= 0 && !staysOnTop {
		l.at = i
	}
	l.selectRow(l.at)
}

// selectRow selects a row, or the nearest existing one.
func (l *listState) selectRow(i int) {
	l.at, l.key = max(0, min(i, len(l.rows)-1)), ""
	if l.at < len(l.rows) {
		l.key = l.rows[l.at].key
	}
}

// page is how far a page key moves.
func (l *listState) page() int { return max(1, l.height-1) }

// show returns the rows that fit in height, including the selected one.
func (l *listState) show(height int) []tableRow {
	l.height = height
	l.first = max(0, min(l.first, l.at, len(l.rows)-height))
	if l.at >= l.first+height {
		l.first = l.at - height + 1
	}
	return l.rows[l.first:min(len(l.rows), l.first+height)]
}
