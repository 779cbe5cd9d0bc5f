package eventstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
)

// apiMessageGet is the JetStream API subject that the stream's leader answers.
// The direct API (DIRECT.GET) may be answered by a replica that lags behind,
// which is not good enough to decide what has been stored.
const apiMessageGet = "$JS.API.STREAM.MSG.GET."

// Last returns the newest stored event of a type, and its sequence in the
// stream; [ErrNotFound] when there is none. The type may be a filter such as
// "mission.>". A publisher that was away for longer than the duplicate window
// finds out with it where to go on.
func (s *Stream) Last(ctx context.Context, eventType string) (charter.Event, uint64, error) {
	if err := validateFilter(eventType); err != nil {
		return charter.Event{}, 0, err
	}
	sess, err := s.session()
	if err != nil {
		return charter.Event{}, 0, err
	}
	event, seq, err := s.last(ctx, sess, eventType)
	if err != nil {
		return charter.Event{}, 0, fmt.Errorf("reading the last event of type %s: %w", eventType, err)
	}
	return event, seq, nil
}

func (s *Stream) last(ctx context.Context, sess *session, eventType string) (charter.Event, uint64, error) {
	found, err := s.stored(ctx, sess, messageRequest{LastFor: Subject(eventType)})
	if err != nil {
		return charter.Event{}, 0, err
	}
	event, err := charter.Decode(found.Data)
	return event, found.Seq, err
}

// has reports whether the stream has an event that a filter is for behind a sequence, up to
// and with another one.
func (s *Stream) has(ctx context.Context, sess *session, filter []string, after, until uint64) (bool, error) {
	for _, f := range orAll(filter) {
		found, err := s.stored(ctx, sess, messageRequest{From: after + 1, NextFor: Subject(f)})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return false, err
		}
		if err == nil && found.Seq <= until {
			return true, nil
		}
	}
	return false, nil
}

// Newest returns the newest event of a stream that a filter is for, by what the stream's
// leader says: a consumer beside a copy that lags behind the leader knows of less. It is for
// whoever has a connection of his own. [ErrNotFound] if there is none.
func Newest(ctx context.Context, nc *nats.Conn, stream string, filter []string) (newest Stored, err error) {
	if err := validateFilters(filter); err != nil {
		return Stored{}, err
	}
	for _, f := range orAll(filter) {
		found, err := storedMessage(ctx, nc, stream, messageRequest{LastFor: Subject(f)})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return Stored{}, err
		}
		if found.Seq > newest.Seq {
			newest = found
		}
	}
	if newest.Seq == 0 {
		return Stored{}, ErrNotFound
	}
	return newest, nil
}

// orAll is a filter for every type where nothing is said.
func orAll(filter []string) []string {
	if len(filter) == 0 {
		return []string{">"}
	}
	return filter
}

// messageRequest asks for the last message of a subject, or for the first one from a
// sequence on.
type messageRequest struct {
	LastFor string `json:"last_by_subj,omitzero"`
	From    uint64 `json:"seq,omitzero"`
	NextFor string `json:"next_by_subj,omitzero"`
}

// stored asks for a message on a session.
func (s *Stream) stored(ctx context.Context, sess *session, which messageRequest) (Stored, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.AckTimeout)
	defer cancel()
	found, err := storedMessage(ctx, sess.nc, s.cfg.StreamName, which)
	if err != nil && !errors.Is(err, ErrNotFound) {
		sess.reportFailure(err)
	}
	return found, err
}

// storedMessage asks the stream's leader for a message.
func storedMessage(ctx context.Context, nc *nats.Conn, stream string, which messageRequest) (Stored, error) {
	request, err := json.Marshal(which)
	if err != nil {
		return Stored{}, err
	}
	reply, err := nc.RequestWithContext(ctx, apiMessageGet+stream, request)
	if errors.Is(err, nats.ErrNoResponders) {
		err = ErrNoStream
	}
	if err != nil {
		return Stored{}, err
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Subject string    `json:"subject"`
			Seq     uint64    `json:"seq"`
			Data    []byte    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return Stored{}, err
	}
	if answer.Error != nil {
		if answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
			return Stored{}, ErrNotFound
		}
		return Stored{}, answer.Error
	}
	m := answer.Message
	eventType, _ := EventType(m.Subject)
	return Stored{Seq: m.Seq, Type: eventType, At: m.Time, Data: m.Data}, nil
}
