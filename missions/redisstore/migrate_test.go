package redisstore

import (
	"cmp"
	"encoding/json"
	"hash/fnv"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// TestMigrate reads what a migration has written: all of it, and nothing else is there.
func TestMigrate(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int{1, 3} {
		m := newToMigrate(t, partitions)
		must(t, m.server.Client().ZAdd(t.Context(), "{mc:0}:q:1:build", redis.Z{Score: 1, Member: "never-was"}).Err())
		done, err := m.migrate(t)
		must(t, err)
		waiting := 0
		for i := range m.Want.Outboxes {
			waiting += len(m.waiting(i))
		}
		want := Migrated{Missions: int64(len(m.Want.Missions)), Leases: int64(len(m.Want.Leases)), Agents: int64(len(m.Want.Agents)), Events: int64(waiting)}
		if done != want {
			t.Errorf("migrated %+v, want %+v", done, want)
		}
		all := contents(t, m.server.Client())
		m.checkMissions(t, all)
		m.checkShared(t, all)
		for key := range all {
			t.Errorf("%d partitions: %s is left", partitions, key)
		}
		if again, err := m.migrate(t); err != nil || again != (Migrated{Already: true}) {
			t.Errorf("migrated again: %+v, %v", again, err)
		}
	}
}

// waiting returns the events of an old outbox that the stream had not acknowledged.
func (f *fixture) waiting(outbox int) (events []missions.Event) {
	o := f.Want.Outboxes[outbox]
	for i := range o.Events {
		if o.Positions[i] > o.Acknowledged {
			events = append(events, o.Events[i])
		}
	}
	return events
}

// merged returns what waits in all outboxes, always the oldest of those that are first in theirs.
func (f *fixture) merged() (events []missions.Event) {
	var left [][]missions.Event
	for i := range f.Want.Outboxes {
		left = append(left, f.waiting(i))
	}
	for {
		left = slices.DeleteFunc(left, func(l []missions.Event) bool { return len(l) == 0 })
		if len(left) == 0 {
			return events
		}
		oldest := 0
		for i := range left {
			if left[i][0].At < left[oldest][0].At {
				oldest = i
			}
		}
		events, left[oldest] = append(events, left[oldest][0]), left[oldest][1:]
	}
}

// partitionOf returns the prefix of the keys of a mission.
func (f *fixture) partitionOf(id string) *partition {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(id))
	return &partition{prefix: "{mc:" + decimal(int64(hash.Sum32())%int64(f.Partitions)) + "}:"}
}

// take takes a key out of what is left to check.
func take[T any](all map[string]any, key string) (value T) {
	value, _ = all[key].(T)
	delete(all, key)
	return value
}

// checkMissions checks missions, their logs and leases, and that exactly the right indexes are there.
func (m *toMigrate) checkMissions(t *testing.T, all map[string]any) {
	t.Helper()
	leases := take[map[string]string](all, "{mc:0}:leases")
	ages := map[int64]bool{}
	for i := range m.Want.Missions {
		want := m.Want.Missions[i]
		b := m.partitionOf(want.ID)
		r, err := readMission(want.ID, take[string](all, b.key("m:", want.ID)), take[string](all, b.key("d:", want.ID)), take[string](all, b.key("r:", want.ID)), "", "")
		must(t, err)
		if r.Token != m.Want.Tokens[want.ID] || r.Seq != int64(want.CreatedAt) {
			t.Errorf("mission %s has the token %d and the age %d, want %d and %d", want.ID, r.Token, r.Seq, m.Want.Tokens[want.ID], int64(want.CreatedAt))
		}
		if ages[r.Seq] {
			t.Errorf("another mission has the age %d of %s", r.Seq, want.ID)
		}
		ages[r.Seq] = true
		if held, is := m.Want.Leases[want.ID]; is {
			l, err := readLease(want.ID, leases[want.ID])
			must(t, err)
			r.LeaseExpiresAt = l.ExpiresAt
			same(t, "a lease", l, engine.Lease{Seq: r.Seq, MissionID: want.ID, Type: want.Type, AgentID: string(want.AgentID), Token: held.Token,
				ExpiresAt: missions.Time(held.Expires), EndsAt: missions.Time(held.Ends), StallsAt: missions.Time(held.Stalls), Missed: held.Missed})
			delete(leases, want.ID)
		}
		same(t, "mission "+want.ID, r.Mission, want)
		log := []missions.LogEntry{missions.CreatedEntry(r.CreatedAt)}
		for _, line := range take[[]string](all, b.key("g:", want.ID)) {
			e, err := readLine(line)
			must(t, err)
			log = append(log, e)
		}
		same(t, "the log of "+want.ID, log, m.Want.Logs[want.ID])
		if r.Entries != int64(len(log)) {
			t.Errorf("mission %s has %d entries in its log, want %d", want.ID, r.Entries, len(log))
		}
	}
	if len(leases) > 0 {
		t.Errorf("leases of missions that are not RUNNING: %v", leases)
	}
	for key, want := range m.indexes(t) {
		if got := take[[]redis.Z](all, key); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
}

// indexes returns what the indexes of schema 3 are in schema 4.
func (m *toMigrate) indexes(t *testing.T) map[string][]redis.Z {
	t.Helper()
	ages, indexes := map[string]int64{}, map[string][]redis.Z{}
	for i := range m.Want.Missions {
		ages[m.Want.Missions[i].ID] = int64(m.Want.Missions[i].CreatedAt)
	}
	for _, k := range m.Keys {
		prefix, name, _ := strings.Cut(k.Key, "}:")
		kind, of, _ := strings.Cut(name, ":")
		if k.Type != "zset" || !slices.Contains([]string{"q", "i", "ia", "ig", "w", "f"}, kind) {
			continue
		}
		if kind == "i" {
			name = "i:" + string(statuses[of[0]-'0']) + of[1:]
		}
		var members []redis.Z
		for _, f := range k.Fields {
			member := f[0]
			if kind == "w" {
				member = plannedMember(ages[member], member)
			}
			members = append(members, redis.Z{Score: float64(number(f[1])), Member: member})
		}
		slices.SortFunc(members, func(a, b redis.Z) int {
			return cmp.Or(cmp.Compare(a.Score, b.Score), strings.Compare(a.Member.(string), b.Member.(string)))
		})
		indexes[prefix+"}:"+name] = members
	}
	return indexes
}

// checkShared checks what partition 0 has of all.
func (m *toMigrate) checkShared(t *testing.T, all map[string]any) {
	t.Helper()
	ctx, cfg := t.Context(), m.cfg.WithDefaults()
	where, err := ParseURL(cfg.URL)
	must(t, err)
	b := newBackend(&connection{client: m.server.Client(), where: where, log: cfg.Logger}, cfg)
	s, _, err := b.snapshot(ctx, 1)
	must(t, err)
	e := engine.New(engine.Config{}, s)
	same(t, "counts", e.Counts(), m.Want.Counts)
	same(t, "agents", e.ListAgents(missions.AgentFilter{}).Agents, m.Want.Agents)
	same(t, "alerts", s.Alerts, m.Want.Alerts)
	notices, err := b.Notices(ctx, 100)
	must(t, err)
	same(t, "notices", notices, m.Want.Notices)
	m.checkOutbox(t, b, s.Marks)
	for name, want := range m.Want.Stats {
		h := &engine.History{}
		short, err := b.Points(ctx, engine.ShortSamples, name, 0)
		must(t, err)
		long, err := b.Points(ctx, engine.LongSamples, name, 0)
		must(t, err)
		h.Windows = engine.SumWindows(s.Marks.Sampled, short, long)
		got := e.Stats(name, m.At, h)
		got.OldestPendingSeconds, got.OldestClaimableSeconds = want.OldestPendingSeconds, want.OldestClaimableSeconds // not asked
		sameStats(t, name, got, want)
	}
	m.checkCounts(t, all)
	for partition := range m.Partitions {
		head := take[map[string]string](all, "{mc:"+decimal(int64(partition))+"}:meta")
		if head["schema"] != "4" || head["partition"] != decimal(int64(partition)) || head["partitions"] != decimal(int64(m.Partitions)) ||
			head["identity"] == "" || (head["identity"] == m.Want.Outboxes[partition].Identity) != (partition > 0 || m.Partitions == 1) {
			t.Errorf("the head of partition %d is %v", partition, head)
		}
		if n := len(head); partition > 0 && n != 4 || partition == 0 && (n != 14 || len(head["secret"]) != 64 || head["epoch"] != "0") {
			t.Errorf("the head of partition %d is %v", partition, head)
		}
	}
	maps.DeleteFunc(all, func(key string, _ any) bool {
		rest, home := strings.CutPrefix(key, "{mc:0}:")
		return home && (slices.Contains([]string{"agents", "alerts", "notices", "o", "totals"}, rest) || strings.HasPrefix(rest, "p:") || strings.HasPrefix(rest, "slots:"))
	})
}

// checkCounts checks the counters of every partition.
func (m *toMigrate) checkCounts(t *testing.T, all map[string]any) {
	t.Helper()
	counts := map[string]map[string]int64{}
	for i := range m.Want.Missions {
		mission := &m.Want.Missions[i]
		for _, key := range slices.Compact([]string{"{mc:0}:counts", m.partitionOf(mission.ID).key("counts")}) {
			if counts[key] == nil {
				counts[key] = map[string]int64{}
			}
			counts[key][string(mission.Status)+":"+mission.Type]++
		}
	}
	for key, want := range counts {
		got := map[string]int64{}
		for field, n := range take[map[string]string](all, key) {
			got[field] = number(n)
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
}

// checkOutbox checks that events keep their IDs, and the order of their outboxes.
func (m *toMigrate) checkOutbox(t *testing.T, b *Backend, marks engine.Marks) {
	t.Helper()
	from := marks.Acknowledged
	if m.Partitions > 1 && marks.Mark != "" {
		t.Errorf("the mark %q is that of another outbox", marks.Mark)
	}
	if m.Partitions == 1 {
		from = marks.Forgotten
		o := m.Want.Outboxes[0]
		if marks.Acknowledged != o.Acknowledged || marks.Mark != o.Mark || marks.Forgotten != o.Positions[0]-1 {
			t.Errorf("the marks are %+v, want those of %+v", marks, o)
		}
	}
	events, err := b.Pending(t.Context(), from, 10_000)
	must(t, err)
	var want []missions.Event
	if m.Partitions == 1 {
		want = m.Want.Outboxes[0].Events
	} else {
		want = m.merged()
	}
	same(t, "events", events, want)
	for i := range events {
		if events[i].Seq != from+1+int64(i) {
			t.Errorf("event %d after position %d has position %d", i, from, events[i].Seq)
		}
	}
	newest := missions.Time(0)
	for id, token := range m.Want.Tokens {
		if marks.Token < token {
			t.Errorf("token %d of mission %s is newer than the newest, %d", token, id, marks.Token)
		}
	}
	for i := range m.Want.Missions {
		newest = max(newest, m.Want.Missions[i].CreatedAt)
	}
	if marks.Outbox != from+int64(len(events)) || marks.Seq < int64(newest) || marks.Revision != 3 || marks.Sampled == 0 {
		t.Errorf("the marks are %+v", marks)
	}
}

// sameStats compares statistics. Those of a type have windows that begin when it was first sampled.
func sameStats(t *testing.T, name string, got, want missions.Stats) {
	t.Helper()
	got.LastUpdated = want.LastUpdated
	if name != "" {
		for _, w := range []*missions.Windows{&got.Windows, &want.Windows} {
			w.FiveMinutes.Since, w.Hour.Since, w.Day.Since = 0, 0, 0
		}
	}
	var a, b any
	must(t, json.Unmarshal([]byte(encoded(t, got)), &a))
	must(t, json.Unmarshal([]byte(encoded(t, want)), &b))
	if !near(a, b) {
		same(t, "statistics of "+name, got, want)
	}
}

// near compares what was JSON. Ages may be some seconds apart, and sums were added in another order.
func near(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, _ := b.(map[string]any)
		for name := range a {
			x, y, oldest := a[name], b[name], strings.HasPrefix(name, "oldest_")
			if !near(x, y) && !(oldest && x != nil && y != nil && math.Abs(x.(float64)-y.(float64)) < 20) {
				return false
			}
		}
		return len(a) == len(b)
	case []any:
		b, _ := b.([]any)
		return slices.EqualFunc(a, b, near)
	case float64:
		b, is := b.(float64)
		return is && math.Abs(a-b) <= 1e-9*math.Abs(a)
	}
	return a == b
}
