package redisstore

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"

	"missioncontrol/missions"
)

// Progress implements [missions.Leases].
func (s *scripted) Progress(ctx context.Context, batch []missions.ProgressUpdate) ([]missions.ProgressResult, error) {
	return s.progress.do(ctx, s, batch)
}

func (s *scripted) progressBatch(ctx context.Context, batch []missions.ProgressUpdate) ([]missions.ProgressResult, error) {
	return scatter(ctx, s, batch, func(u *missions.ProgressUpdate) string { return u.MissionID }, progressIn,
		func(err error) missions.ProgressResult { return missions.ProgressResult{Err: err} })
}

func progressIn(ctx context.Context, p *oldPartition, part []missions.ProgressUpdate) ([]missions.ProgressResult, error) {
	args := make([]any, 0, 5*len(part))
	for i := range part {
		u := &part[i]
		args = append(args, u.AgentID, u.MissionID, u.Lease, strconv.FormatFloat(u.Percent, 'g', -1, 64), u.Message)
	}
	answer, err := p.call(ctx, scripts.progress, args...)
	if err != nil {
		return nil, err
	}
	results := make([]missions.ProgressResult, len(part))
	for i, item := range items(answer) {
		said := items(item)
		if results[i].Err = refusal(said, part[i].MissionID); results[i].Err == nil {
			results[i].CorrelationID, results[i].Traceparent = text(said[1]), text(said[2])
		}
	}
	return results, nil
}

// AppendLog implements [missions.Leases].
func (s *scripted) AppendLog(ctx context.Context, batch []missions.LogAppend) ([]error, error) {
	return s.append.do(ctx, s, batch)
}

func (s *scripted) appendBatch(ctx context.Context, batch []missions.LogAppend) ([]error, error) {
	return scatter(ctx, s, batch, func(l *missions.LogAppend) string { return l.MissionID },
		func(ctx context.Context, p *oldPartition, part []missions.LogAppend) ([]error, error) {
			args := make([]any, 1, 1+6*len(part))
			args[0] = missions.MaxLogEntries
			for i := range part {
				l := &part[i]
				args = append(args, l.AgentID, l.MissionID, l.Lease, l.Level, l.Message, []byte(l.Data))
			}
			answer, err := p.call(ctx, scripts.appendLog, args...)
			if err != nil {
				return nil, err
			}
			errs := make([]error, len(part))
			for i, item := range items(answer) {
				if text(items(item)[0]) == "full" {
					errs[i] = missions.TooLarge("message", "cannot be added: the mission's log is full, with %d entries", missions.MaxLogEntries)
					continue
				}
				errs[i] = refusal(items(item), part[i].MissionID)
			}
			return errs, nil
		}, itself)
}

// Finish implements [missions.Leases].
func (s *scripted) Finish(ctx context.Context, batch []missions.Finish) ([]missions.Result, error) {
	return s.finish.do(ctx, s, batch)
}

func (s *scripted) finishBatch(ctx context.Context, batch []missions.Finish) ([]missions.Result, error) {
	return scatter(ctx, s, batch, func(f *missions.Finish) string { return f.MissionID }, finishIn, resultOf)
}

func finishIn(ctx context.Context, p *oldPartition, part []missions.Finish) ([]missions.Result, error) {
	results := make([]missions.Result, len(part))
	args := p.store.retryPolicy(make([]any, 0, 4+8*len(part)))
	sent := make([]int, 0, len(part)) // places of the items that the script is given
	for i := range part {
		f := &part[i]
		switch f.Outcome {
		case missions.OutcomeComplete, missions.OutcomeFail, missions.OutcomeRelease:
		default:
			results[i].Err = missions.Invalid("outcome", "is none of complete, fail, release")
			continue
		}
		retryable := ""
		if f.Retryable {
			retryable = "1"
		}
		args = append(args, f.AgentID, f.MissionID, f.Lease, string(f.Outcome), []byte(f.Result), f.Why(), missions.FirstLine(f.Why()), retryable)
		sent = append(sent, i)
	}
	answer, err := p.call(ctx, scripts.finish, args...)
	if err != nil {
		return nil, err
	}
	for n, item := range items(answer) {
		i := sent[n]
		verdict := items(item)
		results[i] = changed(verdict, part[i].MissionID, "")
		if results[i].Err == nil {
			results[i].Changed = text(verdict[1]) == "1"
		}
	}
	return results, nil
}

// retryPolicy appends what lua/lib/retry.lua reads.
func (s *scripted) retryPolicy(args []any) []any {
	r := s.cfg.Retry
	return append(args, r.Base.Microseconds(), r.Max.Microseconds(), strconv.FormatFloat(r.Jitter, 'g', -1, 64), rand.Int32())
}

// Heartbeat implements [missions.Leases].
func (s *scripted) Heartbeat(ctx context.Context, batch []missions.Heartbeat) ([]missions.HeartbeatResult, error) {
	return s.beat.do(ctx, s, batch)
}

// beatBatch goes to every partition, each with the leases that are its own.
func (s *scripted) beatBatch(ctx context.Context, batch []missions.Heartbeat) ([]missions.HeartbeatResult, error) {
	parts := make([][]missions.HeartbeatResult, len(s.partitions))
	err := s.inEach(func(p *oldPartition) (err error) {
		parts[p.number], err = beatIn(ctx, p, batch)
		return err
	})
	if err != nil {
		return nil, err
	}
	results := parts[0]
	for _, part := range parts[1:] {
		for i := range results {
			results[i].Cancel = append(results[i].Cancel, part[i].Cancel...)
			results[i].Lost = append(results[i].Lost, part[i].Lost...)
			results[i].GivenUp = append(results[i].GivenUp, part[i].GivenUp...)
			if results[i].Err == nil {
				results[i].Err = part[i].Err
			}
		}
	}
	for i := range results {
		asListed(results[i].Cancel, batch[i].Running)
		asListed(results[i].Lost, batch[i].Running)
	}
	return results, nil
}

// asListed puts what several partitions say into the order of the heartbeat.
func asListed(ids []string, listed []missions.LeaseRef) {
	if len(ids) < 2 {
		return
	}
	place := make(map[string]int, len(listed))
	for i := range listed {
		place[listed[len(listed)-1-i].MissionID] = len(listed) - 1 - i
	}
	slices.SortStableFunc(ids, func(a, b string) int { return place[a] - place[b] })
}

func beatIn(ctx context.Context, p *oldPartition, batch []missions.Heartbeat) ([]missions.HeartbeatResult, error) {
	var args []any
	for i := range batch {
		args = p.appendBeat(args, &batch[i])
	}
	answer, err := p.call(ctx, scripts.heartbeat, args...)
	if err != nil {
		return nil, err
	}
	results := make([]missions.HeartbeatResult, len(batch))
	for i, item := range items(answer) {
		said := items(item)
		if text(said[0]) == "not_found" {
			results[i].Err = missions.NotFound("registered agent", batch[i].AgentID)
			continue
		}
		results[i] = missions.HeartbeatResult{Cancel: some(said[1]), Lost: some(said[2]), GivenUp: some(said[3])}
	}
	return results, nil
}

// appendBeat appends what heartbeat.lua is given of one.
func (p *oldPartition) appendBeat(args []any, h *missions.Heartbeat) []any {
	cpu, memory, draining, receiving := "", "", "", ""
	if h.CPU != nil {
		cpu = strconv.FormatFloat(*h.CPU, 'g', -1, 64)
	}
	if h.MemoryBytes != nil {
		memory = strconv.FormatInt(*h.MemoryBytes, 10)
	}
	if h.Draining {
		draining = "1"
	}
	if h.Receiving {
		receiving = "1"
	}
	args = append(args, h.AgentID, cpu, memory, draining, h.Lease.Microseconds(), receiving)
	count := len(args)
	args = append(args, 0)
	for _, ref := range h.Running {
		if p.store.home(ref.MissionID) == p {
			args = append(args, ref.MissionID, ref.Lease)
		}
	}
	args[count] = (len(args) - count - 1) / 2
	return args
}

// some returns a list of texts, nil when it is empty.
func some(answer any) []string {
	if len(items(answer)) == 0 {
		return nil
	}
	return texts(answer)
}
