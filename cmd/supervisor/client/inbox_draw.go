package client

import (
	"fmt"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

// inboxColumns are the columns of the list of questions.
var inboxColumns = []string{"", "Since", "Mission", "Signal", "Question"}

// draw shows the state: the list, and below it the selected question.
func (s *inboxState) draw(c *ui.Canvas, now time.Time) {
	width, height := c.Begin()
	s.fill(now)
	s.drawHeader(c, width)
	detail := s.detail(width-2, c.Zone)
	below := min(len(detail)+1, max(0, height-2)/2) // the list has at least as much room
	if s.mode == inboxHelping {
		below = 0
		s.drawHelp(c, width)
	} else {
		s.drawList(c, 1, height-2-below, width)
	}
	for i := range below {
		y := height - 1 - below + i
		if i == 0 {
			s.drawTitle(c, y, width)
			continue
		}
		c.Put(1, y, width-1, detail[i-1].Text, detail[i-1].Colour)
	}
	s.drawFooter(c, height-1, width)
	c.End()
}

func (s *inboxState) drawHeader(c *ui.Canvas, width int) {
	x := c.Put(0, 0, width, "Mission Control", ui.Bold)
	x += c.Put(x+2, 0, width-x-2, s.broker, ui.Faint) + 2
	switch {
	case s.trouble != "":
		c.Put(x+2, 0, width-x-2, s.trouble, ui.Red)
	case s.at.IsZero():
		c.Put(x+2, 0, width-x-2, "asking …", ui.Faint)
	default:
		c.Put(x+2, 0, width-x-2, s.at.In(c.Zone).Format(time.TimeOnly), ui.Faint)
	}
}

// drawList draws the questions: a title, the columns' names, and rows.
func (s *inboxState) drawList(c *ui.Canvas, y, height, width int) {
	title := " Waiting for a person: " + ui.Count(len(s.questions))
	if s.more {
		title += " and more"
	}
	c.Base = tcell.AttrReverse
	c.Put(0, y, width, ui.PadRight(title, width), "")
	c.Base = 0
	if len(s.questions) == 0 && !s.at.IsZero() {
		c.Put(1, y+2, width-1, "Nothing waits for a person.", ui.Faint)
		return
	}
	if height < 3 {
		return
	}
	rows := s.list.Show(height - 2)
	widths := inboxWidths(rows, width)
	header := make([]ui.Cell, len(widths))
	for i, name := range inboxColumns {
		header[i] = ui.Text(name, ui.Faint)
	}
	c.Row(y+1, widths, header, width)
	for i := range rows {
		if i < 9 {
			rows[i].Cells[0].Text = fmt.Sprint(i + 1)
		}
		rows[i].Cells[2].Text = ui.CutMiddle(rows[i].Cells[2].Text, widths[2])
		if s.list.First+i == s.list.At {
			c.Base = tcell.AttrReverse
		}
		c.Row(y+2+i, widths, rows[i].Cells, width)
		c.Base = 0
	}
}

// inboxWidths fits the columns to their contents; the question takes what the others leave.
func inboxWidths(rows []ui.ListRow, width int) []int {
	const (
		minQuestion = 24
		minID       = 13
	)
	last := len(inboxColumns) - 1
	widths := make([]int, len(inboxColumns))
	widths[0] = 1
	left := width - 1 - 3
	for i := 1; i < last; i++ {
		widths[i] = len(inboxColumns[i])
		for _, row := range rows {
			widths[i] = max(widths[i], min(36, ui.ShownWidth(ui.Clean(row.Cells[i].Text))))
		}
		left -= widths[i] + 2
	}
	if left < minQuestion { // a shortened id is still recognizable
		narrower := max(min(widths[2], minID), widths[2]-(minQuestion-left))
		left += widths[2] - narrower
		widths[2] = narrower
	}
	if left < minQuestion {
		left += widths[3] + 2
		widths[3] = 0
	}
	widths[last] = max(0, left)
	return widths
}

// drawTitle draws the line above the selected question.
func (s *inboxState) drawTitle(c *ui.Canvas, y, width int) {
	title := ""
	if q := s.question(); q != nil {
		title = " " + ui.Clean(q.mission.Name)
	}
	c.Base = tcell.AttrUnderline
	if s.mode == inboxAnswering || s.mode == inboxConfirming {
		c.Base = tcell.AttrReverse
	}
	c.Put(0, y, width, ui.PadRight(title, width), "")
	c.Base = 0
}

// detail returns the lines about the selected question.
func (s *inboxState) detail(width int, zone *time.Location) (lines []ui.Cell) {
	q := s.question()
	if q == nil {
		return nil
	}
	for _, line := range ui.WrapLines(q.Prompt, width) {
		lines = append(lines, ui.Text(line, ui.Bold))
	}
	moments := &ui.Screen{Zone: zone}
	about := fmt.Sprintf("Mission %s of type %s waits for the signal %s since %s", q.mission.ID, q.mission.Type, q.Signal, moments.Moment(q.mission.WaitingSince.Time()))
	if until := q.mission.WaitingUntil; until != 0 {
		about += ", until " + moments.Moment(until.Time())
	}
	texts := []string{about, q.mission.Description}
	if usage := ui.UsageText(q.mission.Usage, q.mission.MaxUsage); usage != "" {
		texts = append(texts, "It has used "+usage)
	}
	for _, text := range texts {
		for _, line := range ui.WrapLines(text, width) {
			lines = append(lines, ui.Text(line, ui.Faint))
		}
	}
	for i, choice := range q.Choices {
		if i < len(choiceKeys) {
			lines = append(lines, ui.Text(fmt.Sprintf("  %c  %s", choiceKeys[i], choice), ""))
		}
	}
	return lines
}

func (s *inboxState) drawFooter(c *ui.Canvas, y, width int) {
	q := s.question()
	switch {
	case s.mode == inboxConfirming && q != nil:
		answer := "without data"
		if s.answer != "" {
			answer = fmt.Sprintf("%q", s.answer)
		}
		c.Put(0, y, width, "Answer "+answer+" to mission "+q.mission.ID+"? y/n", ui.Bold)
	case s.mode == inboxAnswering && q != nil && len(q.Choices) > 0:
		c.Put(0, y, width, "Press the key of your answer: "+choicesText(q.Choices)+"  Esc back", ui.Bold)
	case s.mode == inboxAnswering && q != nil:
		hint := "Answer: "
		if q.Signal == missions.BudgetSignal {
			hint = "New maximum, such as usd=10: "
		}
		x := c.Put(0, y, width-1, hint+s.answer, "")
		c.Cursor(x, y)
	case s.notice != "":
		c.Put(0, y, width, s.notice, ui.Yellow)
	default:
		c.Put(0, y, width, "q quit  ↑↓ jk move  1-9 Enter answer  ? keys", ui.Faint)
	}
}

func choicesText(choices []string) string {
	parts := make([]string, 0, len(choices))
	for i, choice := range choices[:min(len(choices), len(choiceKeys))] {
		parts = append(parts, fmt.Sprintf("%c %s", choiceKeys[i], choice))
	}
	return strings.Join(parts, "  ")
}

func (s *inboxState) drawHelp(c *ui.Canvas, width int) {
	for i, line := range []string{
		"q, Ctrl-C      quit",
		"↑ ↓, j k       move; PgUp, PgDn: by page; Home, End, g, G: to the first or last",
		"Enter, 1 to 9  answer the selected question, or the one with this number",
		"1 to 9, a to k then: the key of a choice; or type an answer, and press Enter",
		"y, n           send the answer, or change it",
		"Esc            back to the list",
		"?              these keys; press any key to go back",
	} {
		c.Put(2, 2+i, width-2, line, "")
	}
}
