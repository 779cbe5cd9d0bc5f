package supervisor

import (
	"time"

	"missioncontrol/supervisor/relay"
	"missioncontrol/supervisor/tracing"
)

// traceRelay adds spans for events that are now in the stream, below the spans that
// caused them.
func traceRelay(tracer *tracing.Tracer, origins []relay.Origin, since time.Time) {
	if tracer == nil {
		return
	}
	for _, from := range origins {
		e := from.Entry
		tracer.Record(e.Traceparent, "relay "+string(e.Kind), tracing.Producer, since, nil,
			"missioncontrol.event.id", e.ID.String(), "missioncontrol.mission.id", e.MissionID)
	}
}
