package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Turn returns how often the mission has been claimed, this time included. Mission.Attempt
// counts only the turns that use up an attempt.
func (t *Task) Turn() int { return t.Mission.Turn }

// TimedOut returns whether the mission's latest wait ended because its time was up.
func (t *Task) TimedOut() bool { return t.Mission.TimedOut }

// Checkpoint stores what the mission's next turn needs in order to go on: v as JSON, at
// most 64 KiB, in place of the checkpoint before. It survives a failure, the death of the
// agent and parking; the end of a completed mission clears it. Checkpoint returns nil once
// it is stored. It asks a supervisor that does not answer again, until the lease ends, also
// after the handler's context has ended with [ErrStopping]. The error is an
// [api.ErrTooLarge], which is found before anything is sent, one of encoding, or
// [ErrLeaseLost].
func (t *Task) Checkpoint(v any) error {
	raw, err := encodeCheckpoint(v)
	if err != nil {
		return err
	}
	t.saving.Lock() // of two checkpoints, the later one stays
	defer t.saving.Unlock()
	ctx, cancel := t.whileLeased()
	defer cancel()
	return t.insist(ctx, func() error {
		return t.withUsage(func(report api.Report) error {
			report.Checkpoint = raw
			return t.runner.requests.Progress(ctx, api.ProgressRequest{LeaseRef: t.lease(), Report: report})
		})
	})
}

func encodeCheckpoint(v any) (json.RawMessage, error) {
	raw, err := encode(v)
	if err != nil {
		return nil, fmt.Errorf("encode a checkpoint: %w", err)
	}
	if raw == nil {
		return json.RawMessage("null"), nil
	}
	compact := jsontext.Value(slices.Clone(raw))
	if err := compact.Compact(); err != nil {
		return nil, fmt.Errorf("encode a checkpoint: %w", err)
	}
	if err := missions.CheckCheckpoint(json.RawMessage(compact)); err != nil {
		return nil, api.FromError(err)
	}
	return json.RawMessage(compact), nil
}

// Restore decodes the checkpoint that the mission was claimed with into v. It returns false
// and leaves v alone if there is none.
func (t *Task) Restore(v any) (bool, error) {
	if raw := t.Mission.Checkpoint; len(raw) == 0 || string(raw) == "null" {
		return false, nil
	}
	if err := json.Unmarshal(t.Mission.Checkpoint, v); err != nil {
		return false, fmt.Errorf("decode the checkpoint: %w", err)
	}
	return true, nil
}

// Inputs returns the outcomes of the missions and batches that the mission has waited for,
// by id. Those for which the claim had no room are missing; [Task.Input] has them.
func (t *Task) Inputs() map[string]missions.Input { return t.Mission.Inputs }

// Input returns the outcome of a mission or batch that the mission has waited for, also if
// the claim had no room for it: then it asks, and asks a supervisor that does not answer
// again, until ctx or the lease ends. The error is an [api.ErrNotFound] if the mission did
// not wait for source.
func (t *Task) Input(ctx context.Context, source string) (missions.Input, error) {
	input, there := t.Inputs()[source]
	if empty := len(input.Result) == 0 || string(input.Result) == "null"; there && !(empty && t.trimmed("inputs")) {
		return input, nil
	}
	err := t.insist(ctx, func() error {
		reply, err := t.runner.requests.Input(ctx, api.InputRequest{LeaseRef: t.lease(), Source: source})
		input = reply.Input
		return err
	})
	return input, err
}

// trimmed returns whether the claim's reply had no room for a field.
func (t *Task) trimmed(field string) bool { return slices.Contains(t.Mission.Trimmed, field) }
