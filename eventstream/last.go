package eventstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

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
	seq, data, err := s.stored(ctx, sess, messageRequest{LastFor: Subject(eventType)})
	if err != nil {
		return charter.Event{}, 0, err
	}
	event, err := charter.Decode(data)
	return event, seq, err
}

// has reports whether the stream has an event that a filter is for behind a sequence, up to
// and with another one.
func (s *Stream) has(ctx context.Context, sess *session, filter []string, after, until uint64) (bool, error) {
	if len(filter) == 0 {
		filter = []string{">"}
	}
	for _, f := range filter {
		seq, _, err := s.stored(ctx, sess, messageRequest{From: after + 1, NextFor: Subject(f)})
		if err != nil && !errors.Is(err, ErrNotFound) {
			return false, err
		}
		if err == nil && seq <= until {
			return true, nil
		}
	}
	return false, nil
}

// messageRequest asks for the last message of a subject, or for the first one from a
// sequence on.
type messageRequest struct {
	LastFor string `json:"last_by_subj,omitzero"`
	From    uint64 `json:"seq,omitzero"`
	NextFor string `json:"next_by_subj,omitzero"`
}

// stored asks the stream's leader for a message.
func (s *Stream) stored(ctx context.Context, sess *session, which messageRequest) (seq uint64, data []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.AckTimeout)
	defer cancel()
	request, err := json.Marshal(which)
	if err != nil {
		return 0, nil, err
	}
	reply, err := sess.nc.RequestWithContext(ctx, apiMessageGet+s.cfg.StreamName, request)
	if errors.Is(err, nats.ErrNoResponders) {
		err = ErrNoStream
	}
	if err != nil {
		sess.doubt(err)
		return 0, nil, err
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Seq  uint64 `json:"seq"`
			Data []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return 0, nil, err
	}
	if answer.Error != nil {
		if answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
			return 0, nil, ErrNotFound
		}
		return 0, nil, answer.Error
	}
	return answer.Message.Seq, answer.Message.Data, nil
}
