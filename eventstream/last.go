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

// apiMessageGet is the JetStream API subject that the stream's leader answers. A
// lagging replica may answer the direct API (DIRECT.GET), so it cannot be used to
// decide what is stored.
const apiMessageGet = "$JS.API.STREAM.MSG.GET."

// Last returns the newest stored event of a type, and its sequence in the stream,
// or [ErrNotFound]. The type may be a filter such as "mission.>". A publisher that
// was away for longer than the duplicate window uses it to find where to resume.
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

// At returns the message stored at a sequence, of whatever type it is, or
// [ErrNotFound] if the stream has no message there, or no longer.
func (s *Stream) At(ctx context.Context, seq uint64) (Stored, error) {
	sess, err := s.session()
	if err != nil {
		return Stored{}, err
	}
	found, err := s.stored(ctx, sess, messageRequest{From: seq})
	if err != nil {
		return Stored{}, fmt.Errorf("reading message %d of the stream: %w", seq, err)
	}
	return found, nil
}

// Extent identifies one incarnation of a stream, and its last sequence.
type Extent struct {
	// Created is when the stream was created. A restore from a snapshot keeps it.
	Created time.Time
	// Last is the sequence given last; 0 for none. It stays when messages are removed,
	// by a purge, by hand or by the stream's limits, and is lower after the broker has
	// lost messages.
	Last uint64
}

// Extent returns the stream's extent, according to its leader.
func (s *Stream) Extent(ctx context.Context) (Extent, error) {
	sess, err := s.session()
	if err != nil {
		return Extent{}, err
	}
	limited, cancel := context.WithTimeout(ctx, s.cfg.AckTimeout)
	defer cancel()
	stream, err := sess.js.Stream(limited, s.cfg.StreamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		err = ErrNoStream
	}
	if err != nil {
		if ctx.Err() == nil { // otherwise it is the caller who did not wait
			sess.reportFailure(err)
		}
		return Extent{}, fmt.Errorf("reading the stream's last sequence: %w", err)
	}
	info := stream.CachedInfo()
	return Extent{Created: info.Created, Last: info.State.LastSeq}, nil
}

func (s *Stream) last(ctx context.Context, sess *session, eventType string) (charter.Event, uint64, error) {
	found, err := s.stored(ctx, sess, messageRequest{LastFor: eventSubject(eventType)})
	if err != nil {
		return charter.Event{}, 0, err
	}
	event, err := charter.Decode(found.Data)
	return event, found.Seq, err
}

// orAll returns the filter, or one for every type if it is empty.
func orAll(filter []string) []string {
	if len(filter) == 0 {
		return []string{">"}
	}
	return filter
}

// messageRequest requests the last message on a subject, or the first one from a sequence or
// a time on.
type messageRequest struct {
	LastFor string    `json:"last_by_subj,omitzero"`
	From    uint64    `json:"seq,omitzero"`
	Since   time.Time `json:"start_time,omitzero"`
	NextFor string    `json:"next_by_subj,omitzero"`
}

// stored requests a message on a session.
func (s *Stream) stored(ctx context.Context, sess *session, which messageRequest) (Stored, error) {
	limited, cancel := context.WithTimeout(ctx, s.cfg.AckTimeout)
	defer cancel()
	found, err := storedMessage(limited, sess.nc, s.cfg.StreamName, which)
	if err != nil && !errors.Is(err, ErrNotFound) && ctx.Err() == nil {
		sess.reportFailure(err)
	}
	return found, err
}

// storedMessage requests a message from the stream's leader.
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
