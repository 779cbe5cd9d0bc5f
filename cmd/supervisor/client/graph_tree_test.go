package client

import (
	"fmt"
	"strings"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// graphOf returns a graph of edges "from>to", "from)to" for a parent and its child, and
// "from]to" for a batch. Missions with a capital have completed; the first one is drawn in
// the middle.
func graphOf(first string, edges ...string) *api.Graph {
	g := &api.Graph{}
	known := map[string]bool{}
	add := func(id string) {
		if !known[id] {
			known[id] = true
			status := missions.Pending
			if strings.ToLower(id) != id {
				status = missions.Completed
			}
			g.Missions = append(g.Missions, api.GraphMission{ID: id, Name: "n", Type: "t", Status: status})
		}
	}
	add(first)
	kinds := map[byte]api.EdgeKind{'>': api.EdgeAfter, ')': api.EdgeParent, ']': api.EdgeBatch}
	for _, edge := range edges {
		at := strings.IndexAny(edge, ">)]")
		e := api.GraphEdge{From: edge[:at], To: edge[at+1:], Kind: kinds[edge[at]]}
		if e.Kind == api.EdgeBatch {
			e.Batch = "b"
		}
		add(e.From)
		add(e.To)
		g.Edges = append(g.Edges, e)
	}
	return g
}

func drawn(g *api.Graph, width int) string {
	out, text := onTerminal(width)
	out.Colours = false
	drawGraph(out, g, nil)
	return text.String()
}

func TestAMissionThatOccursTwiceIsDrawnOnce(t *testing.T) {
	t.Parallel()
	equal(t, "diamond", drawn(graphOf("root", "root>a", "root>b", "a>end", "b>end", "end>last"), 0), `root  PENDING  n
├─ a  PENDING  n
│  └─ end  PENDING  n
│     └─ last  PENDING  n
└─ b  PENDING  n
   └─ end  see above
5 missions: 5 PENDING
`)
	equal(t, "diamond from behind", drawn(graphOf("end", "A>b", "A>c", "b>end", "c]end"), 0), `   ┌─ A  see below
┌─ c  PENDING  n  (batch b)
│  ┌─ A  COMPLETED  n
├─ b  PENDING  n
end  PENDING  n
4 missions: 3 PENDING, 1 COMPLETED
`)
	// A parent that waits for its children is before and behind each of them.
	equal(t, "parent", drawn(graphOf("p", "p)c", "c>p", "p)d"), 0), `   ┌─ p  see below (parent)
┌─ c  PENDING  n
p  PENDING  n
├─ c  see above (child)
└─ d  PENDING  n  (child)
3 missions: 3 PENDING
`)
	equal(t, "child", drawn(graphOf("c", "p)c", "c>p", "p)d", "d>p"), 0), `      ┌─ p  see below (parent)
   ┌─ d  PENDING  n
   ├─ c  see below
┌─ p  PENDING  n  (parent)
c  PENDING  n
└─ p  see above
3 missions: 3 PENDING
`)
}

func TestManyMissionsThatAreAlikeAreCounted(t *testing.T) {
	t.Parallel()
	var edges []string
	for i := range 990 {
		id := fmt.Sprintf("m%d", i)
		if i%99 == 0 {
			id = strings.ToUpper(id)
		}
		edges = append(edges, "root>"+id, id+"]end")
	}
	equal(t, "fan", drawn(graphOf("root", edges...), 0), `root  PENDING  n
├─ M0  COMPLETED  n
│  └─ end  PENDING  n  (batch b)
├─ M99  COMPLETED  n
│  └─ end  see above (batch b)
├─ M198  COMPLETED  n
│  └─ end  see above (batch b)
├─ … and 7 more like it, COMPLETED
├─ m1  PENDING  n
│  └─ end  see above (batch b)
├─ m2  PENDING  n
│  └─ end  see above (batch b)
├─ m3  PENDING  n
│  └─ end  see above (batch b)
└─ … and 977 more like it, PENDING
992 missions: 982 PENDING, 10 COMPLETED
`)
}

// A long chain ends where it is too deep to read, and no line is wider than the terminal.
func TestALongChainIsCut(t *testing.T) {
	t.Parallel()
	var edges []string
	for i := range 999 {
		edges = append(edges, fmt.Sprintf("s%d>s%d", i, i+1))
	}
	g := graphOf("s0", edges...)
	g.Truncated = true
	text := drawn(g, 60)
	fits(t, text, 60)
	lines := strings.Split(text, "\n")
	equal(t, "lines", len(lines), graphDepth+4)
	equal(t, "the last mission", strings.TrimLeft(lines[graphDepth], " "), "└─…")
	contains(t, drawn(g, 0), "└─ s20  PENDING  n\n", "└─ … and more: supervisor missions graph s20\n", "1,000 missions: 1,000 PENDING; there are more than these\n")
}
