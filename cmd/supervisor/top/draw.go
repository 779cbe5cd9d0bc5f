package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

// headerLines is the number of lines above the lists.
const headerLines = 4

// draw shows the state. Only changes since the last call are sent to the terminal, so
// nothing flickers.
func (s *viewState) draw(c *ui.Canvas, now time.Time) {
	width, height := c.Begin()
	s.fill(c.Zone, now)
	s.drawHeader(c, width)
	body := height - headerLines - 1
	switch {
	case s.mode == modeHelping:
		drawTopHelp(c, width)
	case body < 12: // too low for all of them
		s.drawList(c, s.list, headerLines, body, width)
	default:
		agents, running := body*3/10, body*4/10
		s.drawList(c, agentList, headerLines, agents, width)
		s.drawList(c, missionList, headerLines+agents, running, width)
		s.drawList(c, eventList, headerLines+agents+running, body-agents-running, width)
	}
	s.drawFooter(c, height-1, width)
	c.End()
}

func (s *viewState) drawHeader(c *ui.Canvas, width int) {
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
	if s.at.IsZero() {
		return
	}
	stats := &s.look.stats
	parts := []ui.Cell{ui.Text("Missions ", ""), ui.Text("total "+ui.Count(stats.Total), "")}
	for _, status := range missions.Statuses() {
		parts = append(parts, ui.Text(strings.ToLower(string(status))+" "+ui.Count(stats.ByStatus[status]), ui.StatusColour(status)))
	}
	c.Line(1, width, parts)

	parts = []ui.Cell{ui.Text("A minute ", "")}
	for _, happening := range missions.Happenings() {
		parts = append(parts, ui.Text(string(happening)+" "+ui.Count(stats.PerMinute[happening]), ""))
	}
	c.Line(2, width, parts)
	lately := &stats.Windows.FiveMinutes
	c.Line(3, width, []ui.Cell{ui.Text("5 minutes", ""), ui.Text("success "+ui.Percent(lately.SuccessRate), ""),
		ui.Text("run p50 "+ui.Seconds(lately.Duration.P50)+" p95 "+ui.Seconds(lately.Duration.P95), ""),
		ui.Text("queue p50 "+ui.Seconds(lately.Queue.P50)+" p95 "+ui.Seconds(lately.Queue.P95), ""),
		ui.Text("oldest pending "+ui.Seconds(stats.OldestPendingSeconds), "")})
}

// drawList draws a list with the given height: a title, the columns' names, and rows.
func (s *viewState) drawList(c *ui.Canvas, list, y, height, width int) {
	l := &s.lists[list]
	title := fmt.Sprintf(" %s: %s", s.title(list), s.figure(list))
	focused := list == s.list
	c.Base = tcell.AttrReverse
	if !focused {
		c.Base = tcell.AttrUnderline
	}
	c.Put(0, y, width, ui.PadRight(title, width), "")
	c.Base = 0
	if height < 3 {
		return
	}
	rows := l.Show(height - 2)
	widths := columnWidths(list, rows, width)
	header := make([]ui.Cell, len(widths))
	for i, name := range columnNames[list] {
		header[i] = ui.Text(name, ui.Faint)
	}
	c.Row(y+1, widths, header, width)
	for i := range rows {
		if focused && l.First+i == l.At {
			c.Base = tcell.AttrReverse
		}
		cells := slices.Clone(rows[i].Cells)
		cells[0].Text = ui.CutMiddle(cells[0].Text, widths[0])
		c.Row(y+2+i, widths, cells, width)
		c.Base = 0
	}
}

// title returns what a list holds.
func (s *viewState) title(list int) string {
	if list != missionList {
		return listTitles[list]
	}
	waiting, failed := len(s.look.waiting) > 0, len(s.look.failed) > 0
	switch {
	case waiting && failed:
		return "Waiting, running and failed missions"
	case waiting:
		return "Waiting and running missions"
	case failed:
		return "Running and failed missions"
	}
	return listTitles[list]
}

// figure formats the number of rows of a list.
func (s *viewState) figure(list int) string {
	l := &s.lists[list]
	all := int64(l.All)
	switch list {
	case agentList:
		all = max(all, s.look.agents.AgentCount)
	case missionList:
		all = max(all, s.look.stats.ByStatus[missions.Running]+int64(len(s.look.failed)+len(s.look.waiting)))
	}
	text := ui.Count(all)
	if int64(l.All) < all || s.filter != "" {
		text = ui.Count(len(l.Rows)) + " of " + text
	}
	if list == eventList && s.noMore != "" {
		text += ", and no newer ones: " + s.noMore
	}
	return text
}

const (
	maxColumnWidth = 36 // of a column, except the last one
	minRoom        = 20 // that the last column should have
	minIDWidth     = 13 // of an id that is cut in the middle
)

// columnWidths fits columns to their contents. A column that must go gets a width of 0.
func columnWidths(list int, rows []ui.ListRow, width int) []int {
	names := columnNames[list]
	last := len(names) - 1
	widths := make([]int, len(names))
	left := width - 1
	for i, name := range names[:last] {
		widths[i] = len(name)
		for _, row := range rows {
			widths[i] = max(widths[i], min(maxColumnWidth, ui.ShownWidth(ui.Clean(row.Cells[i].Text))))
		}
		left -= widths[i] + 2
	}
	if list != eventList && left < minRoom { // a shortened id is still recognizable
		narrower := max(min(widths[0], minIDWidth), widths[0]-(minRoom-left))
		left += widths[0] - narrower
		widths[0] = narrower
	}
	for _, name := range dropOrder[list] {
		if left < minRoom {
			i := slices.Index(names, name)
			left += widths[i] + 2
			widths[i] = 0
		}
	}
	widths[last] = max(0, left)
	return widths
}

func (s *viewState) drawFooter(c *ui.Canvas, y, width int) {
	switch {
	case s.mode == modeAsking:
		c.Put(0, y, width, "Cancel mission "+s.asked+s.nameOf(s.asked)+"? y/n", ui.Bold)
	case s.mode == modeFiltering:
		x := c.Put(0, y, width-1, "/"+s.filter, "")
		c.Cursor(x, y)
	case s.notice != "":
		c.Put(0, y, width, s.notice, ui.Yellow)
	case s.filter != "":
		c.Put(0, y, width, "only what contains \""+s.filter+"\"; Esc shows everything", ui.Yellow)
	default:
		c.Put(0, y, width, "q quit  Tab next list  ↑↓ jk move  c cancel mission  / filter  ? keys", ui.Faint)
	}
}

// nameOf returns the name of a running or waiting mission in brackets.
func (s *viewState) nameOf(id string) string {
	for _, m := range slices.Concat(s.look.running, s.look.waiting) {
		if m.ID == id {
			return " (" + ui.Shorten(ui.Clean(m.Name), 48) + ")"
		}
	}
	return ""
}

func drawTopHelp(c *ui.Canvas, width int) {
	for i, line := range []string{
		"q, Ctrl-C      quit",
		"Tab, Shift-Tab next list, previous list",
		"↑ ↓, j k       move; PgUp, PgDn: by page; Home, End, g, G: to the first or last",
		"c              cancel the selected mission, after confirmation",
		"/              filter by text; Esc shows everything again",
		"?              these keys; press any key to go back",
	} {
		c.Put(2, headerLines+1+i, width-2, line, "")
	}
}
