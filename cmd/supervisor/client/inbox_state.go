package client

import (
	"slices"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// inboxMode is what keys currently do.
type inboxMode int

const (
	inboxPicking    inboxMode = iota // one of the questions
	inboxAnswering                   // choosing, or typing, an answer
	inboxConfirming                  // answering whether to send it
	inboxHelping                     // reading the keys
)

// choiceKeys are the keys of the choices of a question, as many as it can have.
const choiceKeys = "123456789abcdefghijk"

// inboxLook is what waits at one moment, or why it is not known.
type inboxLook struct {
	begun, at time.Time
	err       error
	questions []inboxQuestion
	more      bool
}

// inboxState is what the inbox shows, and what the person does. It does no I/O.
type inboxState struct {
	broker    string
	questions []inboxQuestion
	more      bool
	at        time.Time // when they were read; zero: never
	trouble   string    // why there is nothing newer

	mode   inboxMode
	list   ui.List
	answer string // as chosen or typed
	notice string // the result of the last order

	// answered has the questions that were answered, with when the answer was stored: zero
	// while it is being sent.
	answered map[string]time.Time
}

func newInboxState(broker string) inboxState {
	return inboxState{broker: broker, answered: map[string]time.Time{}}
}

// take makes a look the current one if it succeeded.
func (s *inboxState) take(look *inboxLook, trouble func(error) string) {
	if s.trouble = ""; look.err != nil {
		s.trouble = trouble(look.err)
		return
	}
	for key, at := range s.answered {
		if !at.IsZero() && look.begun.After(at) {
			delete(s.answered, key)
		}
	}
	s.questions, s.more, s.at = look.questions, look.more, look.at
	s.fill(look.at)
}

// fill builds the rows. If the question has gone that is being answered, the person is told.
func (s *inboxState) fill(now time.Time) {
	s.questions = slices.DeleteFunc(s.questions, func(q inboxQuestion) bool {
		_, answered := s.answered[q.key()]
		return answered
	})
	before := s.selected()
	rows := make([]ui.ListRow, len(s.questions))
	for i := range s.questions {
		q := &s.questions[i]
		rows[i] = ui.ListRow{Key: q.key(), Cells: []ui.Cell{
			ui.Text("", ui.Faint), ui.Text(ui.WaitedFor(q.mission.WaitingSince, now), ui.Yellow), ui.Text(q.mission.ID, ""),
			ui.Text(q.Signal, ""), ui.Text(inboxTitle(q), ""),
		}}
	}
	s.list.Fill(rows, "")
	if after := s.selected(); s.mode != inboxPicking && s.mode != inboxHelping && before != after {
		s.mode = inboxPicking
		s.notice = "This question has been answered elsewhere, or nobody waits for the answer any more"
	}
}

// inboxTitle is the question, or else what asks it.
func inboxTitle(q *inboxQuestion) string {
	if q.Prompt != "" {
		return q.mission.Name + ": " + q.Prompt
	}
	return q.mission.Name
}

// selected returns the key of the selected question; "" if there is none.
func (s *inboxState) selected() string {
	if s.list.At >= len(s.list.Rows) {
		return ""
	}
	return s.list.Rows[s.list.At].Key
}

// question returns the selected question, or nil.
func (s *inboxState) question() *inboxQuestion {
	if s.list.At >= len(s.questions) {
		return nil
	}
	return &s.questions[s.list.At]
}

// inboxAction is a key's action that the state cannot do itself.
type inboxAction struct {
	end  bool
	send *api.SignalRequest
	key  string // of the question that it answers
}

// key handles a key.
func (s *inboxState) key(key *tcell.EventKey) inboxAction {
	if key.Key() == tcell.KeyCtrlC {
		return inboxAction{end: true}
	}
	switch s.mode {
	case inboxAnswering:
		s.choose(key)
	case inboxConfirming:
		return s.confirm(key)
	case inboxHelping:
		s.mode = inboxPicking
	default:
		s.notice = ""
		return s.pick(key)
	}
	return inboxAction{}
}

// pick handles a key while none of the questions is being answered.
func (s *inboxState) pick(key *tcell.EventKey) inboxAction {
	if s.list.Move(key) {
		return inboxAction{}
	}
	switch r := key.Rune(); {
	case key.Key() == tcell.KeyEnter:
		s.open(s.list.At)
	case key.Key() != tcell.KeyRune:
	case r == 'q':
		return inboxAction{end: true}
	case r == '?':
		s.mode = inboxHelping
	case r >= '1' && r <= '9':
		s.open(s.list.First + int(r-'1'))
	}
	return inboxAction{}
}

// open begins to answer a question.
func (s *inboxState) open(i int) {
	if i >= len(s.list.Rows) {
		return
	}
	s.list.Select(i)
	s.mode, s.answer = inboxAnswering, ""
}

// choose handles a key while a question is being answered.
func (s *inboxState) choose(key *tcell.EventKey) {
	q := s.question()
	switch {
	case key.Key() == tcell.KeyEscape:
		s.mode = inboxPicking
	case key.Key() == tcell.KeyUp || key.Key() == tcell.KeyDown:
		s.mode = inboxPicking
		s.list.Move(key)
	case q == nil:
	case len(q.Choices) > 0:
		if i := strings.IndexRune(choiceKeys, key.Rune()); key.Key() == tcell.KeyRune && i >= 0 && i < len(q.Choices) {
			s.answer, s.mode = q.Choices[i], inboxConfirming
		}
	case key.Key() == tcell.KeyEnter:
		s.mode = inboxConfirming
	default:
		s.answer = ui.EditLine(s.answer, key)
	}
}

// confirm handles the key that says whether to send the answer.
func (s *inboxState) confirm(key *tcell.EventKey) inboxAction {
	q := s.question()
	if q == nil || key.Key() != tcell.KeyRune || key.Rune() != 'y' && key.Rune() != 'Y' {
		s.mode = inboxAnswering
		return inboxAction{}
	}
	action := inboxAction{key: q.key(), send: &api.SignalRequest{ID: q.mission.ID, Name: q.Signal}}
	if len(q.Choices) > 0 {
		action.send.Data = signalJSON(s.answer)
	} else {
		action.send.Data = signalData(q.Signal, s.answer)
	}
	s.notice, s.mode = "Sending the answer to "+q.mission.ID+" …", inboxPicking
	s.answered[action.key] = time.Time{}
	s.fill(s.at)
	return action
}

// inboxResult is what became of an answer.
type inboxResult struct {
	key     string
	at      time.Time
	request *api.SignalRequest
	reply   api.Signalled
	trouble string // why it was not stored
}

// finish takes note of what became of an answer.
func (s *inboxState) finish(r *inboxResult) {
	switch {
	case r.trouble != "":
		delete(s.answered, r.key)
		s.notice = "Mission " + r.request.ID + " has no answer: " + r.trouble
		return
	case r.reply.Delivered == missions.DeliveredWaiting:
		s.notice = "Mission " + r.request.ID + " has its answer"
	default:
		s.notice = signalledLine(r.request, &r.reply)
	}
	s.answered[r.key] = r.at
}
