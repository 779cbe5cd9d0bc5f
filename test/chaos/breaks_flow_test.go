//go:build chaos

package chaos

import (
	"encoding/json"
	"testing"

	"missioncontrol/test/chaos/check"
)

// lasting are changes of a database after which nobody is given up while its supervisor is down.
var lasting = []string{"UPDATE leases SET expires_at = expires_at + 3600000000", "UPDATE agents SET silence_us = silence_us + 3600000000"}

// A supervisor that does not know any more who waits for a mission tells nobody of its end, and the
// checker detects it.
func TestALostWakeUpIsFound(t *testing.T) {
	t.Parallel()
	s, a, held := stage(t)
	s.witness(t, "creator").insist(t, "missions.create", spec{ID: "waiter", Name: "waiter", Type: kinds[0], Priority: "LOW", MaxAttempts: 1,
		After: []condition{{Mission: "m"}}})
	s.meanwhile(t, append(lasting, "DELETE FROM members WHERE name = 'w/m/m'")...)
	a.insist(t, "agent.complete", held)
	found(t, 10, "waits for mission m, which has ended", s.judge(t))
}

// A supervisor that loses what an agent has reported, or what a person has said, is detected.
func TestALostReportIsFound(t *testing.T) {
	t.Parallel()
	s, a, held := stage(t)
	report := stepReport{lease: held, Checkpoint: json.RawMessage(`{"step":1}`), Usage: map[string]float64{"tokens": 1}}
	a.insist(t, "agent.progress", report)
	s.meanwhile(t, append(lasting, "CREATE TABLE earlier AS SELECT * FROM parts; UPDATE parts SET body = body")...)
	report.Checkpoint, report.Usage["tokens"] = json.RawMessage(`{"step":2}`), 7
	a.insist(t, "agent.progress", report)
	s.witness(t, "creator").insist(t, "missions.signal", signalRequest{ID: "m", Name: "go"})
	a.insist(t, "agent.release", held)
	s.meanwhile(t, "UPDATE parts SET body = (SELECT e.body FROM earlier e WHERE e.seq = parts.seq AND e.name = parts.name)",
		"DROP TABLE earlier; UPDATE parts SET body = body")
	s.witness(t, "b").take(t)
	e := s.judge(t)
	found(t, 11, `with the checkpoint {"step":1}, which is not the last`, e)
	found(t, 11, "has used 1 tokens", e)
	found(t, 11, "was accepted, and it is not there", e)
}

// A supervisor that counts the missions of a batch wrongly is detected.
func TestAWrongCountIsFound(t *testing.T) {
	t.Parallel()
	s, err := newSite(t.TempDir(), 1, layout{supervisors: 1})
	must(t, err)
	t.Cleanup(s.close)
	must(t, s.start())
	c := s.witness(t, "creator")
	for batch, size := range map[string]int{"one": 1, "two": 2} {
		var all []spec
		for i := range size {
			id := batch + string(rune('a'+i))
			all = append(all, spec{ID: id, Name: id, Type: kinds[0], Priority: "LOW", MaxAttempts: 1, Batch: batch})
		}
		c.insist(t, "missions.create", together{Missions: all, CloseBatch: true})
	}
	s.meanwhile(t, "UPDATE docs SET body = (SELECT body FROM docs WHERE key = 'b/one') WHERE key = 'b/two'")
	found(t, 10, "batch two counts 1 missions, and there are 2", s.judge(t, check.Fault{Kind: check.KindUndisturbing}))
}

// A supervisor that does not know any more who holds a unique key gives it to another mission, and the checker detects
// it.
func TestALostKeyIsFound(t *testing.T) {
	t.Parallel()
	s, err := newSite(t.TempDir(), 1, layout{supervisors: 1})
	must(t, err)
	t.Cleanup(s.close)
	must(t, s.start())
	c := s.witness(t, "creator")
	create := func(id string) {
		c.insist(t, "missions.create", spec{ID: id, Name: id, Type: kinds[0], Priority: "LOW", MaxAttempts: 1, Unique: &check.Unique{Key: "k", OnConflict: "keep"}})
	}
	create("first")
	s.witness(t, "a").take(t)
	s.meanwhile(t, append(lasting, "DELETE FROM docs WHERE key = 'u/k'")...)
	create("second")
	s.witness(t, "b").take(t)
	found(t, 13, `mission second starts, and mission first with the same key "k" is RUNNING`, s.judge(t))
}
