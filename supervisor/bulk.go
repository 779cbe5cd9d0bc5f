package supervisor

import (
	"context"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// bulkErrorBytes is how large the error of one mission may be in a reply.
const bulkErrorBytes = 1 << 10

// Bulk applies an action to the missions of one page of a list, or counts them.
func (s *Service) Bulk(ctx context.Context, request api.BulkRequest) (api.BulkReply, error) {
	now, err := s.cfg.Store.Now(ctx)
	if err != nil {
		return api.BulkReply{}, err
	}
	page, err := request.Page(now)
	if err != nil {
		return api.BulkReply{}, err
	}
	reply := api.BulkReply{Errors: []api.BulkError{}, AsOf: page.Do.AsOf}
	if page.List.Holds, err = s.holds(ctx, page.List.Waiting); err != nil {
		return api.BulkReply{}, err
	}
	if room := s.room(); room > 0 { // each mission may have an error
		page.List.Limit = min(page.List.Limit, max(1, room/bulkErrorBytes))
	}
	do := page.Do
	if do.IDs, reply.NextCursor, err = s.matching(ctx, page); err != nil {
		return api.BulkReply{}, err
	}
	if reply.Matched = len(do.IDs); request.DryRun || reply.Matched == 0 {
		return reply, nil
	}
	do.Cancel.By = api.CallerOf(ctx)
	do.Signal.By, do.Signal.ByProven = api.SenderOf(ctx)
	results, err := s.cfg.Store.Bulk(ctx, do)
	if err != nil {
		return api.BulkReply{}, err
	}
	for i := range results {
		switch r := &results[i]; {
		case r.Err != nil:
			reply.Errors = append(reply.Errors, api.BulkError{ID: r.ID, Error: s.wire(r.Err)})
		case r.Changed:
			reply.Changed++
		}
	}
	s.tell(results)
	return reply, nil
}

// matching returns the missions of a page, and the cursor of the next one; "" if there is none.
func (s *Service) matching(ctx context.Context, page *api.BulkPage) (ids []string, next string, err error) {
	for {
		listed, err := s.cfg.Store.List(ctx, page.List)
		if err != nil {
			return nil, "", err
		}
		for i := range listed.Missions {
			if m := &listed.Missions[i]; page.Do.Applies(m) {
				ids = append(ids, m.ID)
			}
		}
		page.List.Limit -= len(listed.Missions)
		switch more := page.Advance(listed.Next); {
		case !more:
			return ids, "", nil
		case listed.Next != 0 || page.List.Limit <= 0: // as much as one request does
			return ids, page.Cursor(), nil
		}
	}
}

// tell tells those whom changes to missions concern: the agents that held them, the requests
// that wait for them, the claims that wait for missions, the reaper and the relay.
func (s *Service) tell(changes []missions.BulkResult) {
	ready := map[string]int{}
	var due missions.Time
	for i := range changes {
		c := &changes[i]
		if !c.Changed {
			continue
		}
		switch {
		case c.Seq > 0 && c.AgentID != "":
			s.push(c.AgentID, api.Command{Command: api.CommandSignal, MissionID: c.ID, Seq: c.Seq})
		case c.AgentID != "":
			s.stop(c.AgentID, c.ID)
		}
		if c.Seq == 0 { // a signal changes no status
			s.ended(c.ID)
		}
		if c.Ready != "" {
			ready[c.Ready]++
		}
		due = earliest(due, c.Due)
	}
	for kind, n := range ready {
		s.ready(kind, n)
	}
	if due != 0 {
		s.dueBy(due.Time())
	}
	s.outboxGrew()
}
