package client

import (
	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/charter"
	"missioncontrol/cmd/supervisor/ui"
)

// eventPrinter prints events: one line each for people, envelopes for programs.
type eventPrinter struct {
	out, err *ui.Screen
	json     bool
	printed  bool
}

func (p *eventPrinter) print(raw []byte) {
	p.printed = true
	if p.json {
		if !jsontext.Value(raw).IsValid() {
			p.err.Printf("supervisor: skipped an event: its envelope is not valid JSON\n")
			return
		}
		p.out.JSONLine(raw)
		return
	}
	event, err := charter.Decode(raw)
	if err != nil {
		p.err.Printf("supervisor: skipped an event: %s\n", ui.Clean(err.Error()))
		return
	}
	p.out.Printf("%s  %s  %s\n", p.out.Paint(ui.Faint, p.out.Moment(event.Timestamp)),
		p.out.Paint(ui.EventColour(event.Type), ui.PadRight(ui.Clean(event.Type), 26)), ui.EventSummary(p.out, &event))
}

// none tells the user that there was nothing to print, and what to try.
func (p *eventPrinter) none(advice string) {
	if !p.printed && !p.json {
		p.err.Printf("No events. %s\n", advice)
	}
}
