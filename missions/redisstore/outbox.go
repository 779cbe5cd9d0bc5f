package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/google/uuid"

	"missioncontrol/missions"
)

// Pending implements [missions.Outbox].
func (p *oldPartition) Pending(ctx context.Context, after int64, limit int) ([]missions.Event, error) {
	if err := p.store.begin(ctx); err != nil {
		return nil, err
	}
	defer p.store.calls.Done()
	answer, err := p.call(ctx, scripts.pending, after, limit)
	if err != nil {
		return nil, err
	}
	return p.events(texts(answer))
}

// events reads what pending.lua says: positions and entries.
func (p *oldPartition) events(said []string) ([]missions.Event, error) {
	space, err := uuid.Parse(p.Identity())
	if err != nil {
		return nil, broken(fmt.Errorf("the outbox's identity is damaged: %w", err))
	}
	events := make([]missions.Event, 0, len(said)/2)
	for i := 0; i+1 < len(said); i += 2 {
		e, err := event(said[i+1])
		if err != nil {
			return nil, broken(err)
		}
		e.Seq = number(said[i])
		e.ID = eventID(space, e.Seq)
		events = append(events, e)
	}
	return events, nil
}

// eventID is made from the outbox's identity and the position there: the same
// whenever the event is read, and no other event's.
func eventID(outbox uuid.UUID, position int64) uuid.UUID {
	return uuid.NewSHA1(outbox, binary.BigEndian.AppendUint64(nil, uint64(position)))
}

// event reads an event of the outbox as lua/lib wrote it.
func event(entry string) (missions.Event, error) {
	parts := strings.Split(entry, "\x00")
	lengths := map[string]int{"c": 9, "s": 9, "l": 7, "+": 7, "-": 7, "!": 7, ".": 7}
	if len(parts) != lengths[parts[0]] {
		return missions.Event{}, fmt.Errorf("an outbox entry of kind %q has %d parts", parts[0], len(parts))
	}
	e := missions.Event{At: moment(parts[1])}
	known := e.At >= 0
	switch parts[0] {
	case "c", "s", "l":
		e.MissionID, e.CorrelationID, e.Traceparent = parts[2], parts[3], parts[4]
		known = ofMission(&e, parts[0], parts[5:]) && known
	case "!", ".":
		known = ofAlert(&e, parts[0], parts[2:]) && known
	default:
		e.Kind = missions.EventAgentOnline
		if parts[0] == "-" {
			e.Kind = missions.EventAgentOffline
		}
		e.AgentID, e.Name, e.Role, e.Reason, e.Types = parts[2], parts[3], parts[4], parts[5], list(parts[6])
	}
	if !known {
		return e, fmt.Errorf("an outbox entry of kind %q is damaged", parts[0])
	}
	return e, nil
}

// ofMission reads what is left of an event that tells of a mission; false when it
// cannot.
func ofMission(e *missions.Event, kind string, parts []string) (known bool) {
	switch kind {
	case "c":
		e.Kind, e.Name, e.Description, e.Type = missions.EventCreated, parts[0], parts[1], parts[2]
		e.Priority, known = pick(priorities, parts[3])
	case "s":
		e.Kind, e.Reason, e.Attempt, e.AgentID = missions.EventStatusChanged, parts[1], int(number(parts[2])), parts[3]
		e.OldStatus, e.NewStatus, known = move(parts[0])
	case "l":
		e.Kind, e.Level, e.Message, known = missions.EventLogAppended, parts[0], parts[1], true
	}
	return known
}

// ofAlert reads what is left of an event that tells of an alert; false when it cannot.
func ofAlert(e *missions.Event, kind string, parts []string) (known bool) {
	e.Kind = missions.EventAlertRaised
	if kind == "." {
		e.Kind = missions.EventAlertResolved
	}
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

// Acknowledge implements [missions.Outbox].
func (p *oldPartition) Acknowledge(ctx context.Context, upTo int64, mark string) error {
	return p.upTo(ctx, scripts.acknowledge, upTo, mark)
}

// Acknowledged implements [missions.Outbox].
func (p *oldPartition) Acknowledged(ctx context.Context) (upTo int64, mark string, err error) {
	if err := p.store.begin(ctx); err != nil {
		return 0, "", err
	}
	defer p.store.calls.Done()
	answer, err := p.call(ctx, scripts.acknowledged)
	if err != nil {
		return 0, "", err
	}
	said := texts(answer)
	return number(said[0]), said[1], nil
}

// Forget implements [missions.Outbox].
func (p *oldPartition) Forget(ctx context.Context, upTo int64) error {
	return p.upTo(ctx, scripts.forget, upTo)
}

func (p *oldPartition) upTo(ctx context.Context, s script, args ...any) error {
	if err := p.store.begin(ctx); err != nil {
		return err
	}
	defer p.store.calls.Done()
	answer, err := p.call(ctx, s, args...)
	if err == nil && text(answer) == "ahead" {
		err = missions.Invalid("up_to", "position %d has not been given yet", args[0])
	}
	return err
}

// Waiting implements [missions.Store].
func (s *scripted) Waiting(ctx context.Context) (int64, error) {
	var waiting atomic.Int64
	err := s.everywhere(ctx, func(ctx context.Context, p *oldPartition) error {
		answer, err := p.call(ctx, scripts.waiting)
		waiting.Add(number(text(answer)))
		return err
	})
	return waiting.Load(), err
}
