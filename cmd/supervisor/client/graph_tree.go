package client

import (
	"fmt"
	"slices"
	"strings"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

const (
	// graphDepth is how far a tree is drawn from its mission.
	graphDepth = 20

	// graphAlike is how many missions that are alike are drawn without counting them;
	// graphExamples is how many are drawn if there are more.
	graphAlike    = 5
	graphExamples = 3
)

// graphTree draws one side of a graph as a tree.
type graphTree struct {
	out      *ui.Screen
	missions map[string]*api.GraphMission
	links    map[string][]graphLink // on this side, by mission
	drawn    map[string]bool
	see      string // where a mission is that has been drawn already
	lines    []graphLine
}

// graphLink leads to a mission that is drawn further away from the first one.
type graphLink struct{ to, label string }

// graphLine is a line of a tree.
type graphLine struct {
	branch string // in front of the text
	text   ui.Painted
}

// drawGraph draws what lies before and behind the first mission of a graph, and the signals
// that it waits for.
func drawGraph(out *ui.Screen, g *api.Graph, signals []*missions.Wait) {
	if len(g.Missions) == 0 {
		return
	}
	t := &graphTree{out: out, missions: map[string]*api.GraphMission{}, drawn: map[string]bool{}}
	for i := range g.Missions {
		t.missions[g.Missions[i].ID] = &g.Missions[i]
	}
	first := &g.Missions[0]
	t.drawn[first.ID] = true

	t.see, t.links = "see below", map[string][]graphLink{}
	for i := range g.Edges {
		t.link(g.Edges[i].To, g.Edges[i].From, &g.Edges[i], "parent")
	}
	t.branches(first.ID, "", 1, signals)
	for _, line := range slices.Backward(t.lines) { // upside down: what it waits for is above
		t.print(strings.ReplaceAll(line.branch, "└", "┌"), line.text)
	}
	t.print("", t.out.Paint(ui.Bold, first.ID)+t.describe(first, ""))
	t.see, t.links, t.lines = "see above", map[string][]graphLink{}, nil
	for i := range g.Edges {
		t.link(g.Edges[i].From, g.Edges[i].To, &g.Edges[i], "child")
	}
	t.branches(first.ID, "", 1, nil)
	for _, line := range t.lines {
		t.print(line.branch, line.text)
	}
	graphSummary(out, g)
}

// link adds a link, or a label to one that is there.
func (t *graphTree) link(from, to string, e *api.GraphEdge, parent string) {
	if t.missions[to] == nil {
		return
	}
	label := ""
	switch e.Kind {
	case api.EdgeParent:
		label = parent
	case api.EdgeBatch:
		label = "batch " + e.Batch
	default: // the usual one needs no label
	}
	links := t.links[from]
	if i := slices.IndexFunc(links, func(l graphLink) bool { return l.to == to }); i >= 0 {
		links[i].label = strings.Trim(links[i].label+", "+label, ", ")
		return
	}
	t.links[from] = append(links, graphLink{to, label})
}

// branches draws what is linked to a mission, after the signals that it waits for.
func (t *graphTree) branches(id, indent string, depth int, signals []*missions.Wait) {
	groups := t.groups(t.links[id])
	last := func(i int) bool { return i == len(signals)+len(groups)-1 }
	for i, w := range signals {
		mark, colour := ui.ConditionMark(w)
		t.add(indent, last(i), t.out.Paint(colour, mark)+ui.Painted(" "+ui.Clean(ui.ConditionText(w))))
	}
	for i, group := range groups {
		shown := group
		if len(group) > graphAlike {
			shown = group[:graphExamples]
		}
		end := last(len(signals) + i)
		for j, link := range shown {
			t.branch(link, indent, end && j == len(group)-1, depth)
		}
		if rest := len(group) - len(shown); rest > 0 {
			text := fmt.Sprintf("… and %s more like it, %s", ui.Count(rest), t.missions[group[0].to].Status)
			t.add(indent, end, t.out.Paint(ui.Faint, labelled(text, group[0].label)))
		}
	}
}

// branch draws a mission and what is linked to it.
func (t *graphTree) branch(link graphLink, indent string, last bool, depth int) {
	m := t.missions[link.to]
	if t.drawn[m.ID] {
		t.add(indent, last, ui.Painted(ui.Clean(m.ID))+"  "+t.out.Paint(ui.Faint, labelled(t.see, link.label)))
		return
	}
	t.drawn[m.ID] = true
	t.add(indent, last, ui.Painted(ui.Clean(m.ID))+t.describe(m, link.label))
	further := indent + "│  "
	if last {
		further = indent + "   "
	}
	switch {
	case len(t.links[m.ID]) == 0:
	case depth == graphDepth:
		t.add(further, true, t.out.Paint(ui.Faint, "… and more: supervisor missions graph "+m.ID))
	default:
		t.branches(m.ID, further, depth+1, nil)
	}
}

// groups returns links in groups of missions that are alike: of the same type and status, and
// with the same links.
func (t *graphTree) groups(links []graphLink) (groups [][]graphLink) {
	places := map[string]int{}
	for _, link := range links {
		m := t.missions[link.to]
		alike := fmt.Sprint(link.label, "\n", m.Type, "\n", m.Status, "\n", m.Waiting, "\n", t.drawn[m.ID])
		for _, next := range t.links[m.ID] {
			alike += "\n" + next.to + "\n" + next.label
		}
		place, known := places[alike]
		if !known {
			place = len(groups)
			places[alike], groups = place, append(groups, nil)
		}
		groups[place] = append(groups[place], link)
	}
	return groups
}

func (t *graphTree) add(indent string, last bool, text ui.Painted) {
	branch := "├─ "
	if last {
		branch = "└─ "
	}
	t.lines = append(t.lines, graphLine{indent + branch, text})
}

// describe returns what is shown of a mission behind its id.
func (t *graphTree) describe(m *api.GraphMission, label string) ui.Painted {
	text := "  " + t.out.Paint(ui.StatusColour(m.Status), string(m.Status))
	if m.Waiting {
		text += " " + t.out.Paint(ui.Faint, "waits")
	}
	text += ui.Painted("  " + t.out.Shorten(ui.Clean(m.Name), 48))
	if label != "" {
		text += "  " + t.out.Paint(ui.Faint, "("+label+")")
	}
	return text
}

func labelled(text, label string) string {
	if label == "" {
		return text
	}
	return text + " (" + label + ")"
}

// print prints a line, cut to the terminal.
func (t *graphTree) print(branch string, text ui.Painted) {
	line := branch + string(text)
	if t.out.Terminal && t.out.Width > 0 && ui.ShownWidth(line) > t.out.Width {
		line = ui.CutEnd(line, t.out.Width)
	}
	t.out.Printf("%s\n", line)
}

// graphSummary counts the missions of a graph by status.
func graphSummary(out *ui.Screen, g *api.Graph) {
	counts := map[missions.Status]int{}
	for i := range g.Missions {
		counts[g.Missions[i].Status]++
	}
	var parts []string
	for _, status := range missions.Statuses() {
		if n := counts[status]; n > 0 {
			parts = append(parts, ui.Count(n)+" "+string(status))
		}
	}
	if len(g.Missions) == 1 {
		out.Note("It waits for no other mission, and none waits for it.\n")
		return
	}
	text := ui.Plural(len(g.Missions), "mission", "missions") + ": " + strings.Join(parts, ", ")
	if g.Truncated {
		text += "; there are more than these"
	}
	out.Note("%s\n", out.Paint(ui.Faint, text))
}
