//go:build chaos

package chaos

import (
	"testing"
	"time"

	"missioncontrol/test/chaos/check"
)

// often is a schedule that is due every second, and none of whose times may be missed.
var often = timetable{ID: "often", Every: 1, CatchUp: "all", Mission: map[string]any{"name": "n", "type": kinds[0], "unique": nil}}

// scheduled returns a site of one supervisor with that schedule.
func scheduled(t *testing.T) *site {
	t.Helper()
	s, err := newSite(t.TempDir(), 1, layout{supervisors: 1})
	must(t, err)
	t.Cleanup(s.close)
	must(t, s.start())
	s.witness(t, "creator").insist(t, "schedules.set", often)
	return s
}

// awaitSchedule waits until the schedule is as wanted.
func (s *site) awaitSchedule(t *testing.T, wanted func(is check.Schedule, now float64) bool) {
	t.Helper()
	look, err := newLook(s.natsDirect())
	must(t, err)
	defer look.close()
	var e check.Evidence
	if !until(recovery, func() bool {
		return look.schedules(&e) == nil && wanted(e.Schedules[often.ID], e.SchedulesAt)
	}) {
		t.Fatalf("the schedule is %+v", e.Schedules[often.ID])
	}
}

// A supervisor that does not know any more that a schedule is due leaves it overdue, and the checker detects it.
func TestAnOverdueScheduleIsFound(t *testing.T) {
	t.Parallel()
	s := scheduled(t)
	s.meanwhile(t, "DELETE FROM members WHERE name = 'due'")
	s.awaitSchedule(t, func(is check.Schedule, now float64) bool { return is.NextAt < now-10 })
	found(t, 12, "it is still due then", s.judge(t))
}

// A supervisor that forgets what it has created, and that a schedule has moved on, creates missions twice.
func TestAnOccurrenceThatIsCreatedTwiceIsFound(t *testing.T) {
	t.Parallel()
	s := scheduled(t)
	s.meanwhile(t, "CREATE TABLE docs_then AS SELECT * FROM docs; UPDATE docs SET body = body",
		"CREATE TABLE members_then AS SELECT * FROM members; UPDATE members SET member = member")
	begin := float64(time.Now().Unix())
	s.awaitSchedule(t, func(is check.Schedule, _ float64) bool { return is.NextAt > begin+3 })
	s.meanwhile(t, "DELETE FROM docs", "INSERT INTO docs SELECT * FROM docs_then",
		"DELETE FROM members", "INSERT INTO members SELECT * FROM members_then", "DELETE FROM missions WHERE id LIKE 'often-%'")
	begin = float64(time.Now().Unix())
	s.awaitSchedule(t, func(is check.Schedule, _ float64) bool { return is.NextAt > begin })
	found(t, 12, "was created 2 times", s.judge(t))
}

// A supervisor that takes a mission for older than it is changes it together with older ones.
func TestAChangeOfManyThatReachesTooFarIsFound(t *testing.T) {
	t.Parallel()
	s, err := newSite(t.TempDir(), 1, layout{supervisors: 1})
	must(t, err)
	t.Cleanup(s.close)
	must(t, s.start())
	c, a := s.witness(t, "creator"), s.witness(t, "a")
	c.insist(t, "missions.create", spec{ID: "m", Name: "m", Type: kinds[0], Priority: "HIGH", MaxAttempts: 5, Tags: []string{"many"}})
	var counted manyRequest
	c.insist(t, "missions.bulk", newMany("cancel", "many", true)).read(&counted)
	a.take(t)
	s.meanwhile(t, append(lasting, "UPDATE missions SET started_at = started_at - 3600000000")...)
	q := newMany("cancel", "many", false)
	q.AsOf = counted.AsOf
	c.insist(t, "missions.bulk", q)
	found(t, 1, "is changed by a request for many (cancel)", s.judge(t))
}
