package redisstore

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// oldKinds are the kinds of events of schema 3, and how many parts each has.
var oldKinds = map[string]struct {
	kind  missions.EventKind
	parts int
}{
	"c": {missions.EventCreated, 9}, "s": {missions.EventStatusChanged, 9}, "l": {missions.EventLogAppended, 7},
	"+": {missions.EventAgentOnline, 7}, "-": {missions.EventAgentOffline, 7},
	"!": {missions.EventAlertRaised, 7}, ".": {missions.EventAlertResolved, 7},
}

// readOldEvent reads an event: its parts with NUL between. Its ID is made of those of its outbox
// and its position, the same whenever it is read.
func readOldEvent(outbox uuid.UUID, position int64, packed string) (*missions.Event, error) {
	parts := strings.Split(packed, "\x00")
	is := oldKinds[parts[0]]
	if len(parts) != is.parts {
		return nil, fmt.Errorf("event %d of kind %q: %w", position, parts[0], errOldDamaged)
	}
	e := &missions.Event{
		ID:  uuid.NewSHA1(outbox, binary.BigEndian.AppendUint64(nil, uint64(position))), //nolint:gosec // not negative
		Seq: position, Kind: is.kind, At: moment(parts[1]),
	}
	known := true
	switch parts[0] {
	case "c", "s", "l":
		e.MissionID, e.CorrelationID, e.Traceparent = parts[2], parts[3], parts[4]
		known = oldMissionEvent(e, parts[5:])
	case "!", ".":
		known = oldAlertEvent(e, parts[2:])
	default:
		e.AgentID, e.Name, e.Role, e.Reason, e.Types = parts[2], parts[3], parts[4], parts[5], oldList(parts[6])
	}
	if !known || e.At < 0 {
		return nil, fmt.Errorf("event %d of kind %q: %w", position, parts[0], errOldDamaged)
	}
	return e, nil
}

// oldMissionEvent reads what is left of an event that tells of a mission; false if it cannot.
func oldMissionEvent(e *missions.Event, parts []string) (known bool) {
	switch e.Kind {
	case missions.EventCreated:
		e.Name, e.Description, e.Type = parts[0], parts[1], parts[2]
		e.Priority = oldDigit(priorities, parts[3])
		known = e.Priority != ""
	case missions.EventStatusChanged:
		e.Reason, e.Attempt, e.AgentID = parts[1], int(number(parts[2])), parts[3]
		e.OldStatus, e.NewStatus, known = oldMove(parts[0])
	default:
		e.Level, e.Message, known = parts[0], parts[1], true
	}
	return known
}

// oldAlertEvent reads what is left of an event that tells of an alert; false if it cannot.
func oldAlertEvent(e *missions.Event, parts []string) (known bool) {
	e.Rule, e.Metric, e.Since = parts[0], parts[1], moment(parts[4])
	if parts[2] != "" {
		value, err := strconv.ParseFloat(parts[2], 64)
		if err != nil {
			return false
		}
		e.Value = &value
	}
	threshold, err := strconv.ParseFloat(parts[3], 64)
	e.Threshold = threshold
	return err == nil
}

// oldSums are sums of schema 3: of durations, by the name of a histogram, "q" of queue times or
// "r" of run times, and a bucket or "s" for their sum in microseconds; and of what happened, by
// its place in missions.Happenings.
type oldSums map[string]int64

// add adds a field. The error is for one that no script has written.
func (s oldSums) add(field, value string) error {
	n, err := strconv.ParseInt(value, 10, 64)
	histogram := len(field) > 1 && (field[0] == 'q' || field[0] == 'r') && (field[1:] == "s" || isOldBucket(field[1:]))
	happening := oldDigit(missions.Happenings(), field) != ""
	if err != nil || n < 0 || !histogram && !happening {
		return fmt.Errorf("the statistic %q of %q: %w", value, field, errOldDamaged)
	}
	s[field] += n
	return nil
}

// isOldBucket reports whether a text is a bucket's number. No duration is in a greater one.
func isOldBucket(text string) bool {
	bucket, err := strconv.Atoi(text)
	return err == nil && bucket >= 0 && bucket <= 8*64
}

// addGain adds what stands as FIELD=n FIELD=n and so on.
func (s oldSums) addGain(gain string) error {
	for word := range strings.FieldsSeq(gain) {
		field, n, _ := strings.Cut(word, "=")
		if err := s.add(field, n); err != nil {
			return err
		}
	}
	return nil
}

// histogram returns the histogram with a name.
func (s oldSums) histogram(name string) (h engine.Histogram) {
	for field, n := range s {
		if bucket, is := strings.CutPrefix(field, name); is && isOldBucket(bucket) {
			h.Add(int(number(bucket)), n, 0)
		}
	}
	h.Micros = s[name+"s"]
	return h
}

func (s oldSums) happened() (happened [5]int64) {
	for place := range happened {
		happened[place] = s[strconv.Itoa(place)]
	}
	return happened
}
