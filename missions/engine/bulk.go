package engine

import "missioncontrol/missions"

// NeedBulk adds what an action on many missions needs.
func (e *Engine) NeedBulk(n *Need, q *missions.BulkRequest) {
	for _, id := range q.IDs {
		if q.Action == missions.BulkRetry {
			e.NeedRetry(n, &missions.RetryRequest{ID: id})
		} else {
			e.NeedMissions(n, id)
		}
	}
}

// Bulk applies an action to missions. See [missions.Missions].
func (e *Engine) Bulk(q *missions.BulkRequest) []missions.BulkResult {
	results := make([]missions.BulkResult, len(q.IDs))
	for i, id := range q.IDs {
		results[i] = e.bulk(q, id)
	}
	return results
}

func (e *Engine) bulk(q *missions.BulkRequest, id string) missions.BulkResult {
	result := missions.BulkResult{ID: id}
	r := e.records.get(id)
	switch {
	case r == nil:
		result.Err = e.records.unreachable[id]
		return result
	case !q.Applies(&r.Mission):
		return result
	case r.Status == missions.Running:
		result.AgentID = string(r.AgentID)
	}
	switch q.Action {
	case missions.BulkCancel:
		cancel := q.Cancel
		cancel.ID = id
		result.Err = e.Cancel(&cancel).Err
	case missions.BulkRetry:
		retry := q.Retry
		retry.ID = id
		result.Err = e.Retry(&retry).Err
	case missions.BulkDelete:
		result.Err = e.Delete(id).Err
	case missions.BulkSignal:
		signal := q.Signal
		signal.MissionID = id
		sent := e.Signal(&signal)
		result.Err, result.Seq, result.Changed = sent.Err, sent.Seq, sent.Err == nil && !sent.Repeated
		result.Ready = sent.Ready
		return result
	}
	if result.Changed = result.Err == nil; !result.Changed {
		return result
	}
	if r = e.records.get(id); r != nil && r.Status == missions.Pending {
		if result.Due = r.DueAt; r.claimable() {
			result.Ready = r.Type
		}
	}
	return result
}
