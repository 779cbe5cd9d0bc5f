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
	ctx, cancel := context.WithTimeout(ctx, s.cfg.AckTimeout)
	defer cancel()
	request, err := json.Marshal(map[string]string{"last_by_subj": Subject(eventType)})
	if err != nil {
		return charter.Event{}, 0, err
	}
	reply, err := sess.nc.RequestWithContext(ctx, apiMessageGet+s.cfg.StreamName, request)
	if errors.Is(err, nats.ErrNoResponders) {
		err = ErrNoStream
	}
	if err != nil {
		sess.doubt(err)
		return charter.Event{}, 0, err
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Seq  uint64 `json:"seq"`
			Data []byte `json:"data"`
		} `json:"message"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return charter.Event{}, 0, err
	}
	if answer.Error != nil {
		if answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound {
			return charter.Event{}, 0, ErrNotFound
		}
		return charter.Event{}, 0, answer.Error
	}
	event, err := charter.Decode(answer.Message.Data)
	return event, answer.Message.Seq, err
}
