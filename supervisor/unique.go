package supervisor

import "missioncontrol/missions"

// replaced tells those whom it concerns that missions were cancelled because others have taken their unique keys.
func (s *Service) replaced(list []missions.Stopped) {
	if len(list) == 0 {
		return
	}
	changes := make([]missions.BulkResult, len(list))
	for i, of := range list {
		changes[i] = missions.BulkResult{ID: of.MissionID, AgentID: of.AgentID, Changed: true}
	}
	s.tell(changes)
}
