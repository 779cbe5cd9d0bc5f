package top

import (
	"slices"
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
	lists  [listCount]ui.List
	filter string
	asked  string // the mission to confirm
	notice string // the result of the last order
}

func newViewState(broker string) viewState {
	s := viewState{broker: broker, list: missionList}
	s.lists[eventList].Newest = true
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
	if s.lists[s.list].Move(key) {
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

// ask asks whether to cancel the selected mission.
func (s *viewState) ask() {
	l := &s.lists[missionList]
	switch {
	case s.list != missionList:
		s.notice = "Only missions can be cancelled; press Tab to get to their list"
	case len(l.Rows) == 0:
		s.notice = "No mission is selected"
	case slices.ContainsFunc(s.look.failed, func(m missions.Mission) bool { return m.ID == l.Rows[l.At].Key }):
		s.notice = "This mission has failed already; put it back into the queue with: supervisor missions retry " + ui.Clean(l.Rows[l.At].Key)
	default:
		s.asked, s.mode = l.Rows[l.At].Key, modeAsking
	}
}

// edit handles a key that edits the filter.
func (s *viewState) edit(key *tcell.EventKey) {
	switch key.Key() {
	case tcell.KeyEnter:
		s.mode = modeMoving
	case tcell.KeyEscape:
		s.filter, s.mode = "", modeMoving
	default:
		s.filter = ui.EditLine(s.filter, key)
	}
}
