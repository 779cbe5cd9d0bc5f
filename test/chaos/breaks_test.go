//go:build chaos

package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/ncruces/go-sqlite3"

	"missioncontrol/test/chaos/check"
)

// tampering breaks a guarantee without the supervisor's knowledge: in its database
// while it is down, or in the stream while it runs.
type tampering struct {
	guarantee int
	says      string // the text that a violation must contain
	database  string // SQL; %s is the ID of a completed mission
	stream    func(t *testing.T, js jetstream.JetStream, mission string)
}

// After its store or its stream is tampered with, a correct run is no longer
// correct, and the checker says which guarantee is broken.
func TestTamperingIsFound(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	e := quietRun(t, base)
	mission := victim(t, e)
	for name, tamper := range map[string]tampering{
		"an accepted mission is forgotten": {guarantee: 1, says: "was confirmed, and it is not there",
			database: "DELETE FROM missions WHERE id = '%s'"},
		"a mission is stuck": {guarantee: 2, says: "is still PENDING",
			database: "UPDATE missions SET status = 0, ready = 0, due_at = NULL, agent_id = NULL WHERE id = '%s'"},
		"a stale result is stored": {guarantee: 3, says: "none that may have been accepted",
			database: "UPDATE outcomes SET result = '{}' WHERE seq = (SELECT seq FROM missions WHERE id = '%s')"},
		"an event is dropped":    {guarantee: 4, says: "missing before it", stream: dropEvent},
		"an event is doubled":    {guarantee: 4, says: "is in the stream twice", stream: doubleEvent},
		"two events are swapped": {guarantee: 4, says: "comes after event", stream: swapEvents},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found(t, tamper.guarantee, tamper.says, tampered(t, base, e, &tamper, mission))
		})
	}
}

// quietRun is a short run without faults or violations. It leaves the supervisor's
// data in dir.
func quietRun(t *testing.T, dir string) *check.Evidence {
	t.Helper()
	s, err := newSite(dir, 1, layout{supervisors: 1, agents: 2, clients: 2})
	must(t, err)
	t.Cleanup(s.close)
	r, err := newRun(s, t.Logf)
	must(t, err)
	must(t, s.start())
	look, err := newLook(s.natsDirect())
	must(t, err)
	defer look.close()
	var counts check.Counts
	if !until(recovery, func() bool { return look.ask("status", struct{}{}, &counts) == nil && counts.Completed >= 20 }) {
		t.Fatalf("nothing is completed: %+v", counts)
	}
	e, err := r.finish(recovery)
	must(t, err)
	for _, v := range check.Check(e) {
		t.Errorf("before anything is tampered with: %s", v)
	}
	return e
}

// victim picks a mission that was confirmed, completed and not deleted.
func victim(t *testing.T, e *check.Evidence) string {
	t.Helper()
	for _, c := range e.Calls {
		for id, m := range e.Missions {
			if m.Status == "COMPLETED" && c.Op == "agent.complete" && c.Outcome == check.OK && strings.Contains(string(c.Request), `"`+id+`"`) {
				return id
			}
		}
	}
	t.Fatal("no mission was completed")
	return ""
}

// tampered returns the evidence of the same run after the tampering.
func tampered(t *testing.T, base string, before *check.Evidence, tamper *tampering, mission string) *check.Evidence {
	t.Helper()
	s := revived(t, base)
	database := filepath.Join(s.dir, "s0", "missions.db")
	if tamper.database != "" {
		must(t, execute(database, fmt.Sprintf(tamper.database, mission)))
	}
	must(t, s.start())
	look, err := newLook(s.natsDirect())
	must(t, err)
	defer look.close()
	if tamper.stream != nil {
		must(t, look.awaitEmptyOutbox(recovery))
		js, err := jetstream.New(look.nc)
		must(t, err)
		tamper.stream(t, js, mission)
	}
	e, err := look.collect()
	must(t, err)
	e.Calls, e.Faults, e.Wall = before.Calls, before.Faults, before.Wall
	return e
}

// revived returns a site of one supervisor with the data of another.
func revived(t *testing.T, base string) *site {
	t.Helper()
	dir := t.TempDir()
	must(t, os.CopyFS(filepath.Join(dir, "s0"), os.DirFS(filepath.Join(base, "s0"))))
	s, err := newSite(dir, 1, layout{supervisors: 1})
	must(t, err)
	t.Cleanup(s.close)
	return s
}

// execute changes a database that is not in use.
func execute(path, sql string) (err error) {
	db, err := sqlite3.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Exec(sql); err != nil {
		return err
	}
	if db.Changes() == 0 {
		return fmt.Errorf("%s changes nothing", sql)
	}
	return nil
}

// found fails the test unless a violation of the guarantee contains the text.
func found(t *testing.T, guarantee int, says string, e *check.Evidence) {
	t.Helper()
	violations := check.Check(e)
	for _, v := range violations {
		if v.Guarantee == guarantee && strings.Contains(v.What, says) {
			t.Logf("%s\n%s", v, e.Story(v.Mission)) // like a failing run
			return
		}
	}
	t.Errorf("guarantee %d is broken, and the checker does not say %q but %v", guarantee, says, violations)
}

// messagesOf returns the messages that report a mission's status changes.
func messagesOf(t *testing.T, js jetstream.JetStream, mission string) (jetstream.Stream, []*jetstream.RawStreamMsg) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), recovery)
	defer cancel()
	stream, err := js.Stream(ctx, "EVENTS")
	must(t, err)
	var all []*jetstream.RawStreamMsg
	for seq := uint64(1); seq <= stream.CachedInfo().State.LastSeq; seq++ {
		msg, err := stream.GetMsg(ctx, seq)
		must(t, err)
		if msg.Subject == "events.mission.status_changed" && strings.Contains(string(msg.Data), `"`+mission+`"`) {
			all = append(all, msg)
		}
	}
	if len(all) < 2 {
		t.Fatalf("%d messages about %s", len(all), mission)
	}
	return stream, all
}

func dropEvent(t *testing.T, js jetstream.JetStream, mission string) {
	stream, messages := messagesOf(t, js, mission)
	must(t, stream.DeleteMsg(t.Context(), messages[0].Sequence))
}

// again publishes a message once more. Without its ID the broker cannot detect
// that.
func again(t *testing.T, js jetstream.JetStream, msg *jetstream.RawStreamMsg) {
	t.Helper()
	_, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: msg.Subject, Data: msg.Data})
	must(t, err)
}

func doubleEvent(t *testing.T, js jetstream.JetStream, mission string) {
	_, messages := messagesOf(t, js, mission)
	again(t, js, messages[0])
}

func swapEvents(t *testing.T, js jetstream.JetStream, mission string) {
	stream, messages := messagesOf(t, js, mission)
	for _, msg := range messages[:2] {
		must(t, stream.DeleteMsg(t.Context(), msg.Sequence))
	}
	again(t, js, messages[1])
	again(t, js, messages[0])
}

// witness returns an agent or a creator played by the test itself.
func (s *site) witness(t *testing.T, who string) *caller {
	t.Helper()
	rec, err := check.Record(s.histories, who, monotonic)
	must(t, err)
	nc := dial(s.natsDirect(), who)
	t.Cleanup(func() { nc.Close(); must(t, rec.Close()) })
	return &caller{who: who, rec: rec, entry: overNATS{nc, who}}
}

// insist repeats a request until it succeeds.
func (c *caller) insist(t *testing.T, op string, request any) answer {
	t.Helper()
	var a answer
	if !until(recovery, func() bool { a = c.askWithin(recovery, op, request); return a.ok() }) {
		t.Fatalf("%s %v: %+v", op, request, a)
	}
	return a
}

// take registers an agent and claims a mission for it. It claims often, since the agent sends
// no heartbeats: each claim shows that it is alive. An agent that waited in one claim for a
// lease to end would be gone soon after it got the mission.
func (c *caller) take(t *testing.T) lease {
	t.Helper()
	c.insist(t, "agent.register", map[string]any{"name": c.who, "types": kinds, "capacity": 1})
	var output struct {
		Missions []struct {
			ID    string `json:"id"`
			Lease int64  `json:"lease"`
		} `json:"missions"`
	}
	if !until(recovery, func() bool {
		c.insist(t, "agent.claim", map[string]any{"max": 1, "wait_seconds": 1}).read(&output)
		return len(output.Missions) == 1
	}) {
		t.Fatalf("agent %s gets nothing", c.who)
	}
	return lease{output.Missions[0].ID, output.Missions[0].Lease}
}

// stage returns a site of one supervisor with one mission that an agent holds.
func stage(t *testing.T) (s *site, a *caller, held lease) {
	t.Helper()
	s, err := newSite(t.TempDir(), 1, layout{supervisors: 1})
	must(t, err)
	t.Cleanup(s.close)
	must(t, s.start())
	s.witness(t, "creator").insist(t, "missions.create", spec{ID: "m", Name: "m", Type: kinds[0], Priority: "HIGH", MaxAttempts: 5})
	a = s.witness(t, "a")
	return s, a, a.take(t)
}

// meanwhile changes the database while the supervisor is down. A stop leaves everything in the
// tables, a kill a part of it in the journal.
func (s *site) meanwhile(t *testing.T, sql ...string) {
	t.Helper()
	if !s.supervisors[0].stop(recovery) {
		t.Fatal("the supervisor does not stop")
	}
	for _, statement := range sql {
		must(t, execute(filepath.Join(s.dir, "s0", "missions.db"), statement))
	}
	must(t, s.supervisors[0].start())
}

// judge collects evidence and checks it like a run.
func (s *site) judge(t *testing.T, faults ...check.Fault) *check.Evidence {
	t.Helper()
	look, err := newLook(s.natsDirect())
	must(t, err)
	defer look.close()
	must(t, look.awaitEmptyOutbox(recovery))
	e, err := look.collect()
	must(t, err)
	e.Calls, err = check.ReadHistories(s.histories)
	must(t, err)
	e.Faults, e.Wall = faults, wall()
	return e
}

// A supervisor with manipulated data accepts a stale lease, and the checker detects
// it.
func TestAStaleLeaseIsFound(t *testing.T) {
	t.Parallel()
	s, a, stale := stage(t)
	s.witness(t, "b").take(t) // when a's lease has ended
	s.meanwhile(t, fmt.Sprintf("UPDATE missions SET lease = %d, agent_id = 'a' WHERE id = 'm'", stale.Lease),
		fmt.Sprintf("UPDATE leases SET lease = %d, agent_id = 'a', expires_at = expires_at + 60000000", stale.Lease))
	a.insist(t, "agent.complete", stale)
	found(t, 3, "was accepted, although agent b held lease", s.judge(t))
}

// A supervisor that never learns of an agent's death leaves its mission in place,
// and the checker detects it.
func TestADeathThatNobodyNoticesIsFound(t *testing.T) {
	t.Parallel()
	s, _, _ := stage(t)
	killed := check.Fault{Kind: check.KindKillAgent, Target: "a", From: monotonic(), To: monotonic()}
	s.meanwhile(t, "UPDATE leases SET expires_at = expires_at + 3600000000",
		"UPDATE agents SET silence_us = silence_us + 3600000000")
	found(t, 6, "which never came back", s.judge(t, killed))
}

// A supervisor that does not answer while JetStream is unavailable is detected.
func TestSilenceWithoutJetStreamIsFound(t *testing.T) {
	t.Parallel()
	s, err := newSite(t.TempDir(), 1, layout{supervisors: 1, brokers: 3, agents: 1})
	must(t, err)
	defer s.close()
	r, err := newRun(s, t.Logf)
	must(t, err)
	must(t, s.start())
	if !r.awaitHealth("at the start") {
		t.Fatal(r.trouble)
	}
	silent := fault{kind: check.KindNoJetStream,
		begin: func(string) { s.supervisors[0].freeze(); s.restartBrokers(false) },
		heal:  func(string) { s.supervisors[0].thaw(); s.restartBrokers(true) }}
	r.timeout = time.Second
	r.injectAlone(misfortune{fault: &silent})
	e, err := r.finish(recovery)
	must(t, err)
	found(t, 5, "never answered", e)
}
