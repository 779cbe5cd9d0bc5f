package engine

import "missioncontrol/missions"

// NeedCreate adds what creating a mission needs.
func (e *Engine) NeedCreate(n *Need, m *missions.Mission) { e.NeedMissions(n, m.ID) }

// NeedRetry adds what a retry needs.
func (e *Engine) NeedRetry(n *Need, r *missions.RetryRequest) { e.NeedMissions(n, r.ID) }

// NeedFinish adds what the end of an attempt needs.
func (e *Engine) NeedFinish(n *Need, f *missions.Finish) { e.NeedMissions(n, f.MissionID) }

// NeedBatch adds a batch.
func (e *Engine) NeedBatch(n *Need, id *string) {}

// Holds returns an error unless an agent holds a lease.
func (e *Engine) Holds(agentID string, ref missions.LeaseRef) error {
	_, err := e.holder(agentID, ref)
	return err
}

// Signal stores a signal.
func (e *Engine) Signal(r *missions.SignalRequest) missions.SignalResult {
	return missions.SignalResult{Err: missions.Conflict("not yet")}
}

// CloseBatch closes a batch.
func (e *Engine) CloseBatch(id *string) missions.BatchResult {
	return missions.BatchResult{Err: missions.Conflict("not yet")}
}
