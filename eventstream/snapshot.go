package eventstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Snapshot is the metadata that JetStream returns with a copy of a stream, and
// needs to restore it.
type Snapshot struct {
	Config json.RawMessage `json:"config"`
	State  json.RawMessage `json:"state"`
}

const (
	apiSnapshot = "$JS.API.STREAM.SNAPSHOT."
	apiRestore  = "$JS.API.STREAM.RESTORE."

	// How much a broker sends before it expects an acknowledgement. The broker
	// gives up on a receiver that is silent for two seconds. snapshotSilence is how
	// long the receiver waits for a broker, which may have large files to read.
	snapshotChunk   = 128 << 10
	snapshotWindow  = 2 << 20
	snapshotSilence = 30 * time.Second
)

// TakeSnapshot writes a copy of a stream and its consumers to w, in JetStream's
// format, while the stream stays in use. The copy shows the state at one moment
// during the call. `nats stream backup` stores the same format.
func TakeSnapshot(ctx context.Context, nc *nats.Conn, stream string, w io.Writer) (Snapshot, error) {
	chunks, err := nc.SubscribeSync(nc.NewInbox())
	if err != nil {
		return Snapshot{}, err
	}
	defer func() { _ = chunks.Unsubscribe() }()             // fails only on a closed connection
	if err := chunks.SetPendingLimits(-1, -1); err != nil { // the window limits it
		return Snapshot{}, err
	}
	var s Snapshot
	request := map[string]any{"deliver_subject": chunks.Subject, "chunk_size": snapshotChunk, "window_size": snapshotWindow}
	if err := askJetStream(ctx, nc, apiSnapshot+stream, request, &s); err != nil {
		return Snapshot{}, fmt.Errorf("copy the stream %s: %w", stream, err)
	}
	for {
		chunk, err := nextChunk(ctx, chunks)
		if err != nil {
			return Snapshot{}, fmt.Errorf("copy the stream %s: %w", stream, err)
		}
		if len(chunk.Data) == 0 {
			return s, snapshotEnd(stream, chunk)
		}
		if _, err := w.Write(chunk.Data); err != nil {
			return Snapshot{}, err
		}
		if chunk.Reply != "" {
			if err := chunk.Respond(nil); err != nil {
				return Snapshot{}, err
			}
		}
	}
}

func nextChunk(ctx context.Context, chunks *nats.Subscription) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, snapshotSilence, errors.New("the broker has stopped sending"))
	defer cancel()
	chunk, err := chunks.NextMsgWithContext(ctx)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return chunk, err
}

// snapshotEnd checks whether the message that ends a snapshot reports it complete.
func snapshotEnd(stream string, end *nats.Msg) error {
	if code := end.Header.Get("Status"); code != "" && code != "204" {
		return fmt.Errorf("copy the stream %s: the broker ended it: %s %s", stream, code, end.Header.Get("Description"))
	}
	return nil
}

// RestoreSnapshot creates a stream and its consumers from a copy. The stream must
// not exist.
func RestoreSnapshot(ctx context.Context, nc *nats.Conn, stream string, s Snapshot, r io.Reader) error {
	if err := sendSnapshot(ctx, nc, stream, s, r); err != nil {
		return fmt.Errorf("restore the stream %s: %w", stream, err)
	}
	return nil
}

func sendSnapshot(ctx context.Context, nc *nats.Conn, stream string, s Snapshot, r io.Reader) error {
	var answer struct {
		To string `json:"deliver_subject"`
	}
	if err := askJetStream(ctx, nc, apiRestore+stream, s, &answer); err != nil {
		return err
	}
	chunk := make([]byte, snapshotChunk)
	for {
		n, err := io.ReadFull(r, chunk)
		if n > 0 {
			if err := askJetStream(ctx, nc, answer.To, json.RawMessage(chunk[:n]), nil); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return askJetStream(ctx, nc, answer.To, json.RawMessage(nil), nil) // the end marker
		}
		if err != nil {
			return err
		}
	}
}

// askJetStream sends a request and decodes the response into the target, unless
// that is nil.
func askJetStream(ctx context.Context, nc *nats.Conn, subject string, request, answer any) error {
	body, raw := request.(json.RawMessage)
	if !raw {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, snapshotSilence)
	defer cancel()
	reply, err := nc.RequestWithContext(ctx, subject, body)
	if err != nil {
		return err
	}
	if len(reply.Data) == 0 {
		return nil // an acknowledgement
	}
	var refusal struct {
		Error *jetstream.APIError `json:"error"`
	}
	if err := json.Unmarshal(reply.Data, &refusal); err != nil {
		return err
	}
	if refusal.Error != nil {
		return refusal.Error
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(reply.Data, answer)
}
