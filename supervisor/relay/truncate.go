package relay

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
)

// TruncateAfter deletes an outbox's events beyond a position from a stream, and returns
// how many there were. It is for a stream that was copied after its store: the store
// does not know those events, and will assign their positions to others. Nothing may
// publish meanwhile. All of these events must be behind the stream sequence after;
// earlier events are not checked.
//
// The deleted events keep their sequences, so consumers that have seen them miss none
// of the events that follow.
func TruncateAfter(ctx context.Context, stream jetstream.Stream, outbox string, position int64, after uint64) (index int, err error) {
	info, err := stream.Info(ctx)
	if err != nil {
		return 0, err
	}
	for seq := max(after+1, info.State.FirstSeq); seq <= info.State.LastSeq; seq++ {
		msg, err := stream.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return index, fmt.Errorf("read message %d: %w", seq, err)
		}
		e, err := charter.Decode(msg.Data)
		if err != nil || outboxPosition(&e, outbox) <= position {
			continue // of another outbox, telemetry, or known to the store
		}
		if err := stream.DeleteMsg(ctx, seq); err != nil {
			return index, fmt.Errorf("delete message %d: %w", seq, err)
		}
		index++
	}
	return index, nil
}
