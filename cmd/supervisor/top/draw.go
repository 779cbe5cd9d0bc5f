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

// tones maps the colours of package ui to those of the terminal library.
var tones = map[string]tcell.Color{
	ui.Red: tcell.ColorMaroon, ui.Green: tcell.ColorGreen, ui.Yellow: tcell.ColorOlive, ui.Blue: tcell.ColorNavy, ui.Cyan: tcell.ColorTeal,
}

// topHeader is the number of lines above the lists.
const topHeader = 4

// draw shows the state. Only changes since the last call are sent to the terminal, so
// nothing flickers.
func (s *topState) draw(c *topCanvas, now time.Time) {
	width, height := c.begin()
	s.fill(c.zone, now)
	s.drawHeader(c, width)
	body := height - topHeader - 1
	switch {
	case s.mode == topHelping:
		drawTopHelp(c, width)
	case body < 12: // too low for all of them
		s.drawList(c, s.list, topHeader, body, width)
	default:
		agents, running := body*3/10, body*4/10
		s.drawList(c, topOfAgents, topHeader, agents, width)
		s.drawList(c, topOfMissions, topHeader+agents, running, width)
		s.drawList(c, topOfEvents, topHeader+agents+running, body-agents-running, width)
	}
	s.drawFooter(c, height-1, width)
	c.end()
}

func (s *topState) drawHeader(c *topCanvas, width int) {
	x := c.put(0, 0, width, "Mission Control", ui.Bold)
	x += c.put(x+2, 0, width-x-2, s.broker, ui.Faint) + 2
	switch {
	case s.trouble != "":
		c.put(x+2, 0, width-x-2, s.trouble, ui.Red)
	case s.at.IsZero():
		c.put(x+2, 0, width-x-2, "asking …", ui.Faint)
	default:
		c.put(x+2, 0, width-x-2, s.at.In(c.zone).Format(time.TimeOnly), ui.Faint)
	}
	if s.at.IsZero() {
		return
	}
	stats := &s.look.stats
	parts := []topCell{{"Missions ", ""}, {"total " + ui.Count(stats.Total), ""}}
	for _, status := range missions.Statuses() {
		parts = append(parts, topCell{strings.ToLower(string(status)) + " " + ui.Count(stats.ByStatus[status]), ui.StatusColour(status)})
	}
	c.line(1, width, parts)

	parts = []topCell{{"A minute ", ""}}
	for _, happening := range missions.Happenings() {
		parts = append(parts, topCell{string(happening) + " " + ui.Count(stats.PerMinute[happening]), ""})
	}
	c.line(2, width, parts)
	lately := &stats.Windows.FiveMinutes
	c.line(3, width, []topCell{{"5 minutes", ""}, {"success " + ui.Percent(lately.SuccessRate), ""},
		{"run p50 " + ui.Seconds(lately.Duration.P50) + " p95 " + ui.Seconds(lately.Duration.P95), ""},
		{"queue p50 " + ui.Seconds(lately.Queue.P50) + " p95 " + ui.Seconds(lately.Queue.P95), ""},
		{"oldest pending " + ui.Seconds(stats.OldestPendingSeconds), ""}})
}

// drawList draws a list with the given height: a title, the columns' names, and rows.
func (s *topState) drawList(c *topCanvas, list, y, height, width int) {
	l := &s.lists[list]
	title := fmt.Sprintf(" %s: %s", topTitles[list], s.figure(list))
	focused := list == s.list
	c.base = tcell.AttrReverse
	if !focused {
		c.base = tcell.AttrUnderline
	}
	c.put(0, y, width, ui.PadRight(title, width), "")
	c.base = 0
	if height < 3 {
		return
	}
	rows := l.show(height - 2)
	widths := topWidths(list, rows, width)
	header := make([]topCell, len(widths))
	for i, name := range topColumns[list] {
		header[i] = topCell{name, ui.Faint}
	}
	c.row(y+1, widths, header, width)
	for i := range rows {
		if focused && l.first+i == l.at {
			c.base = tcell.AttrReverse
		}
		c.row(y+2+i, widths, rows[i].cells, width)
		c.base = 0
	}
}

// figure formats the number of rows of a list.
func (s *topState) figure(list int) string {
	l := &s.lists[list]
	all := int64(l.all)
	switch list {
	case topOfAgents:
		all = max(all, s.look.agents.AgentCount)
	case topOfMissions:
		all = max(all, s.look.stats.ByStatus[missions.Running])
	}
	text := ui.Count(all)
	if int64(l.all) < all || s.filter != "" {
		text = ui.Count(len(l.rows)) + " of " + text
	}
	if list == topOfEvents && s.noMore != "" {
		text += ", and no newer ones: " + s.noMore
	}
	return text
}

const (
	topWidest = 36 // of a column, except the last one
	topRoom   = 20 // that the last column should have
)

// topWidths fits columns to their contents. A column that must go gets a width of 0.
func topWidths(list int, rows []topRow, width int) []int {
	names := topColumns[list]
	last := len(names) - 1
	widths := make([]int, len(names))
	left := width - 1
	for i, name := range names[:last] {
		widths[i] = len(name)
		for _, row := range rows {
			widths[i] = max(widths[i], min(topWidest, ui.ShownWidth(ui.Clean(row.cells[i].text))))
		}
		left -= widths[i] + 2
	}
	for _, name := range topConcessions[list] {
		if left < topRoom {
			i := slices.Index(names, name)
			left += widths[i] + 2
			widths[i] = 0
		}
	}
	if lacking := topRoom - left; lacking > 0 { // a shortened id is still recognizable
		narrower := max(8, widths[0]-lacking)
		left += widths[0] - narrower
		widths[0] = narrower
	}
	widths[last] = max(0, left)
	return widths
}

func (s *topState) drawFooter(c *topCanvas, y, width int) {
	switch {
	case s.mode == topAsking:
		c.put(0, y, width, "Cancel mission "+s.asked+s.nameOf(s.asked)+"? y/n", ui.Bold)
	case s.mode == topFiltering:
		x := c.put(0, y, width-1, "/"+s.filter, "")
		c.cursor(x, y)
	case s.notice != "":
		c.put(0, y, width, s.notice, ui.Yellow)
	case s.filter != "":
		c.put(0, y, width, "only what holds \""+s.filter+"\"; Esc shows everything", ui.Yellow)
	default:
		c.put(0, y, width, "q quit  Tab next list  ↑↓ jk move  c cancel mission  / filter  ? keys", ui.Faint)
	}
}

// nameOf returns a running mission's name in brackets.
func (s *topState) nameOf(id string) string {
	for i := range s.look.running {
		if m := &s.look.running[i]; m.ID == id {
			return " (" + ui.Shorten(ui.Clean(m.Name), 48) + ")"
		}
	}
	return ""
}

func drawTopHelp(c *topCanvas, width int) {
	for i, line := range []string{
		"q, Ctrl-C      end",
		"Tab, Shift-Tab the next list, the one before",
		"↑ ↓, j k       move; PgUp, PgDn by pages; Home End, g G to the ends",
		"c              cancel the selected mission, after a question",
		"/              show only what holds a text; Esc shows everything again",
		"?              these keys; any key goes back",
	} {
		c.put(2, topHeader+1+i, width-2, line, "")
	}
}
