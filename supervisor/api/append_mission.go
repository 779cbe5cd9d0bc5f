package api

import "missioncontrol/missions"

// missionSize returns about how many bytes a mission has; 0 for none.
func missionSize(m *missions.Mission) int {
	if m == nil {
		return 0
	}
	const fields = 512 // names, numbers, times and an id
	return fields + len(m.Name) + len(m.Description) + len(m.Type) + len(m.Data) + len(m.CorrelationID) +
		len(m.Traceparent) + len(m.Result) + len(m.Error) + flowSize(m)
}

func missionsSize(all []missions.Mission) int {
	size := itemSize
	for i := range all {
		size += missionSize(&all[i])
	}
	return size
}

func appendMissions(dst []byte, all []missions.Mission) ([]byte, error) {
	dst = append(dst, '[')
	for i := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendMission(dst, &all[i]); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// appendMission writes a mission. It has every field of [missions.Mission], in order.
func appendMission(dst []byte, m *missions.Mission) ([]byte, error) {
	o := open(dst)
	o.text("id", m.ID)
	o.text("name", m.Name)
	o.text("description", m.Description)
	o.text("type", m.Type)
	o.raw("data", m.Data)
	o.text("priority", string(m.Priority))
	o.text("status", string(m.Status))
	o.texts("tags", m.Tags)
	o.integer("max_attempts", int64(m.MaxAttempts))
	o.numberIf("timeout_seconds", m.TimeoutSeconds)
	o.numberIf("stall_seconds", m.StallSeconds)
	o.timeIf("not_before", m.NotBefore)
	o.timeIf("deadline", m.Deadline)
	o.textIf("correlation_id", m.CorrelationID)
	o.textIf("traceparent", m.Traceparent)
	o.integer("attempt", int64(m.Attempt))
	o.textOrNull("agent_id", m.AgentID)
	o.time("lease_expires_at", m.LeaseExpiresAt)
	o.progress(m.Progress)
	o.raw("result", m.Result)
	o.textOrNull("error", m.Error)
	o.time("created_at", m.CreatedAt)
	o.time("updated_at", m.UpdatedAt)
	o.time("started_at", m.StartedAt)
	o.time("finished_at", m.FinishedAt)
	o.timeIf("next_attempt_at", m.NextAttemptAt)
	if m.Lease != 0 {
		o.integer("lease", m.Lease)
	}
	if m.Turn != 0 {
		o.integer("turn", int64(m.Turn))
	}
	if m.Checkpoint != nil {
		o.raw("checkpoint", m.Checkpoint)
	}
	if m.Flow != nil {
		o.flow(m.Flow)
	}
	if m.Trimmed != nil {
		o.texts("trimmed", m.Trimmed)
	}
	return o.close(), o.err
}

func (o *object) progress(p *missions.Progress) {
	o.name("progress")
	if p == nil {
		o.dst = append(o.dst, "null"...)
		return
	}
	inner := open(o.dst)
	inner.number("percent", p.Percent)
	inner.text("message", p.Message)
	o.dst = inner.close()
	if inner.err != nil {
		o.err = inner.err
	}
}
