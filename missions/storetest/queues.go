package storetest

import (
	"fmt"
	"time"

	"missioncontrol/missions"
)

func (f *fixture) queues() missions.Queues {
	f.Helper()
	q, err := f.Store.Queues(f.ctx)
	f.must(err)
	return q
}

func testQueues(s *suite) {
	s.run("by type, requirements and limits", func(f *fixture) {
		f.wantSame("nothing", f.queues(), missions.Queues{Queues: []missions.Queue{}, AllKeys: true})
		f.patient("w", "v")
		_, err := f.Store.Register(f.ctx, missions.Agent{ID: "gpu", Name: "gpu", Role: "worker", Types: []string{"t", "u"}, Capacity: 4, Labels: map[string]string{"gpu": "h100"}}, ttl)
		f.must(err)
		f.setLimit(missions.LimitSpec{Name: "l", PerKey: pointer(int64(1))})
		later := named("later", "t")
		later.NotBefore = f.now().Add(time.Hour)
		f.create(named("a", "t"), later)
		wants := limited("gpu", "")
		wants.Flow = &missions.Flow{Requires: map[string]string{"gpu": "h100"}}
		f.create(wants, limited("k1", "k", "l"), limited("k2", "k", "l"), limited("k3", "k", "l"), limited("n1", "n", "l"), limited("o1", "", "l"), preferring("p", "w"))
		f.wantEqualIDs(f.claim("w", 1), "a")
		f.wantEqualIDs(f.claim("v", 1), "k1")
		f.create(limited("k4", "k"), named("x", "x"))
		since := func(i int) missions.Time { return f.queues().Queues[i].Since }
		want := []missions.Queue{
			{Type: "t", Limits: []string{"l"}, Pending: 4, Claimable: 4, Held: 2, Since: since(0), Agents: 3, Busy: 2, KeysTotal: 3,
				Keys: []missions.QueueKey{{Key: "k", Pending: 2, Claimable: 2, Held: true}, {Key: "", Pending: 1, Claimable: 1}, {Key: "n", Pending: 1, Claimable: 1}}},
			{Type: "t", Pending: 3, Claimable: 2, Since: since(1), Agents: 3, Busy: 2, KeysTotal: 2,
				Keys: []missions.QueueKey{{Key: "", Pending: 2, Claimable: 1}, {Key: "k", Pending: 1, Claimable: 1}}},
			{Type: "t", Requires: wants.Requires, Pending: 1, Claimable: 1, Since: since(2), Agents: 1, Keys: []missions.QueueKey{}},
			{Type: "x", Pending: 1, Claimable: 1, Since: since(3), Keys: []missions.QueueKey{}},
		}
		got := f.queues().Queues
		for i := range got {
			if got[i].Since == 0 {
				f.Errorf("queue %d has no time", i)
			}
			if got[i].Agents > 0 && got[i].Slots == 0 {
				f.Errorf("the agents of queue %d have no slots", i)
			}
			got[i].Slots = 0
		}
		f.wantSame("queues", got, want)
		f.setLimit(missions.LimitSpec{Name: "l", Paused: true})
		paused := f.queues().Queues[0]
		wantEqual(f, "held", paused.Held, 4)
		wantEqual(f, "a key is held", paused.Keys[1].Held, true)
		f.Store = f.Reopen(f.T)
		wantEqual(f, "held", f.queues().Queues[0].Held, 4)
	})
	s.run("the longest of many", func(f *fixture) {
		for i := range missions.MaxQueues + 5 {
			f.create(numbered(fmt.Sprintf("m%d", i), fmt.Sprintf("t%03d", i), 1+i%2)...)
		}
		for i := range 2 * missions.MaxQueueKeys {
			for n := range 1 + i%3 {
				f.create(limited(fmt.Sprintf("k%d-%d", i, n), fmt.Sprintf("key %02d", i)))
			}
		}
		got := f.queues()
		if len(got.Queues) != missions.MaxQueues || got.LeftOut != 6 || got.Queues[0].Type != "t" || got.Queues[1].Pending != 2 {
			f.Errorf("%d queues, %d left out, the first is %+v", len(got.Queues), got.LeftOut, got.Queues[0])
		}
		keys := got.Queues[0].Keys
		if len(keys) != missions.MaxQueueKeys || got.Queues[0].KeysTotal != 2*missions.MaxQueueKeys || keys[0].Key != "key 02" || keys[0].Pending != 3 || keys[9].Pending != 2 {
			f.Errorf("%d keys: %+v", got.Queues[0].KeysTotal, keys)
		}
	})
}
