package supervisor

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
)

// CutBack deletes from a stream the events of an outbox beyond a position, and returns
// how many there were. It is for a stream that was copied after its store: the store
// knows nothing of those events, and gives their positions to others. Nothing may
// publish meanwhile. All of them have to be behind the sequence after; what is before is
// not looked at.
//
// The deleted events keep their sequences, so that consumers which have seen them miss
// none of those that follow.
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
			continue // somebody else's, telemetry, or known to the store
		}
		if err := stream.DeleteMsg(ctx, seq); err != nil {
			return index, fmt.Errorf("delete message %d: %w", seq, err)
		}
		index++
	}
	return index, nil
}
