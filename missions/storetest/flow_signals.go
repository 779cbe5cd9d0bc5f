package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"missioncontrol/missions"
)

func testSignals(s *suite) {
	s.run("a signal is stored, wakes who waits for it, or goes to the holder", func(f *fixture) {
		f.create(waiting("m", signalled("go")))
		want := func(got missions.SignalResult, seq int, delivered missions.Delivery, agent string) {
			f.Helper()
			f.wantSame("result", []any{got.Seq, got.Delivered, got.AgentID, got.Repeated}, []any{seq, delivered, agent, false})
		}
		want(f.signal("m", "hint", `1`), 1, missions.DeliveredStored, "")
		f.wantWaiting("m", "go")
		got := f.signal("m", "go", `{"n":2}`)
		want(got, 2, missions.DeliveredWaiting, "")
		wantEqual(f, "ready", got.Ready, "t")
		want(f.signal("m", "go", `3`), 3, missions.DeliveredStored, "")
		m := f.take("m")
		want(f.signal("m", "hint", ""), 4, missions.DeliveredRunning, "takes")
		now := f.now()
		stored := f.get("m")
		wantEqual(f, "stored", len(stored.Signals), 4)
		f.wantNear("at", stored.Signals[1].At, now)
		wantEqual(f, "by", stored.Signals[1].By, "someone")
		wantEqual(f, "data", string(stored.Signals[1].Data), `{"n":2}`)
		wantEqual(f, "as claimed", len(m.Signals), 3)
		f.finish(completion(m, `1`))
		f.wantErr("a terminal mission", f.trySignal(missions.SignalRequest{MissionID: "m", Name: "go"}).Err, missions.ErrConflict)
		f.wantErr("no mission", f.trySignal(missions.SignalRequest{MissionID: "nobody", Name: "go"}).Err, missions.ErrNotFound)
		wantEqual(f, "they stay", len(f.get("m").Signals), 4)
	})
	s.run("one that came before the wait meets its condition", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.signal("m", "approved", `"yes"`)
		parked := f.finish(park(m, 0, signalled("approved", "yes", "no")))
		wantEqual(f, "waits", parked.Flow != nil && parked.WaitingFor != nil, false)
		m = f.claimOne("a")
		wantEqual(f, "turn", m.Turn, 2)
		f.finish(park(m, 0, signalled("approved", "yes", "no")))
		f.wantWaiting("m", "approved") // a signal meets one condition
	})
	s.run("one that was seen does not meet a later condition", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.signal("m", "go", "")
		f.must(f.tryHeartbeat(missions.Heartbeat{AgentID: "a", Running: []missions.LeaseRef{refOf(m)}, Seen: []missions.SignalRef{{MissionID: "m", Seq: 1}}, Lease: ttl}).Err)
		f.finish(park(m, 0, signalled("go")))
		f.wantWaiting("m", "go")
	})
	s.run("data must be one of the choices", func(f *fixture) {
		f.create(waiting("m", signalled("approved", "yes", "no", "später")))
		before, position := f.whole("m"), f.checkpoint()
		for _, data := range []string{`"maybe"`, `yes`, `["yes"]`, `{"choice":"yes"}`, `null`, ``} {
			q := missions.SignalRequest{MissionID: "m", Name: "approved"}
			if data != "" && data != "yes" {
				q.Data = json.RawMessage(data)
			}
			f.wantErr("the answer "+data, f.trySignal(q).Err, missions.ErrInvalid)
		}
		wantEqual(f, "the mission", f.whole("m"), before)
		wantEqual(f, "events", len(f.events(position)), 0)
		f.signal("m", "other", `"maybe"`)
		wantEqual(f, "delivered", f.signal("m", "approved", `"sp\u00e4ter"`).Delivered, missions.DeliveredWaiting)
		f.wantClaimable("m")
	})
	s.run("a stored answer that is none of the choices is passed over", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.signal("m", "approved", `"perhaps"`)
		f.signal("m", "approved", `"no"`)
		f.finish(park(m, 0, signalled("approved", "yes", "no")))
		f.wantClaimable("m")
	})
	s.run("a signal_id is accepted once", func(f *fixture) {
		f.create(waiting("m", signalled("go")))
		q := missions.SignalRequest{MissionID: "m", Name: "go", SignalID: "id-1"}
		first := f.trySignal(q)
		f.must(first.Err)
		position := f.checkpoint()
		for range 2 {
			again := f.trySignal(q)
			f.must(again.Err)
			f.wantSame("again", []any{again.Seq, again.Delivered, again.Repeated, again.Ready}, []any{1, first.Delivered, true, ""})
			f.Store = f.Reopen(f.T)
		}
		wantEqual(f, "events", len(f.events(position)), 0)
		f.create(named("other", "t"))
		q.MissionID = "other"
		wantEqual(f, "of another mission", f.trySignal(q).Repeated, false)
		f.complete("m", `1`)
		q.MissionID = "m"
		again := f.trySignal(q)
		f.wantErr("once it has ended", again.Err, nil)
		wantEqual(f, "repeated", again.Repeated, true)
	})
	s.run("a mission has room for 100", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		for i := range missions.MaxSignals {
			wantEqual(f, "seq", f.signal("m", "hint", fmt.Sprint(i)).Seq, i+1)
		}
		f.wantErr("one more", f.trySignal(missions.SignalRequest{MissionID: "m", Name: "hint"}).Err, missions.ErrOverloaded)
		wantEqual(f, "stored", len(f.get("m").Signals), missions.MaxSignals)
		wantEqual(f, "read", len(f.signals(m, 0, 0).Signals), missions.MaxSignals)
	})
	testSignalsSeen(s)
	testSignalData(s)
}

func testSignalsSeen(s *suite) {
	s.run("the holder is told with each heartbeat until it has seen them", func(f *fixture) {
		f.create(named("m", "t"), named("n", "t"))
		f.signal("n", "early", "")
		f.register("a", "t")
		held := f.claim("a", 2)
		m, n := held[0], held[1]
		beat := func(seen ...missions.SignalRef) []missions.SignalRef {
			f.Helper()
			result := f.tryHeartbeat(missions.Heartbeat{AgentID: "a", Running: []missions.LeaseRef{refOf(m), refOf(n)}, Seen: seen, Lease: ttl})
			f.must(result.Err)
			return result.Signals
		}
		f.wantSame("told", beat(), []missions.SignalRef{{MissionID: "n", Seq: 1}})
		f.signal("m", "go", "")
		f.signal("m", "go", "")
		f.wantSame("told", beat(), []missions.SignalRef{{MissionID: "m", Seq: 2}, {MissionID: "n", Seq: 1}})
		f.Store = f.Reopen(f.T)
		position := f.checkpoint()
		f.wantSame("told", beat(missions.SignalRef{MissionID: "m", Seq: 1}), []missions.SignalRef{{MissionID: "m", Seq: 2}, {MissionID: "n", Seq: 1}})
		f.wantSame("told", beat(missions.SignalRef{MissionID: "m", Seq: 2}, missions.SignalRef{MissionID: "n", Seq: 7}), nil)
		f.wantSame("told", beat(missions.SignalRef{MissionID: "m", Seq: 2}), nil)
		f.wantEvents("m", position, "signal_seen", "signal_seen")
		f.wantEvents("n", position, "signal_seen")
		got := f.get("m").Signals
		wantEqual(f, "seen", got[0].SeenAt != 0 && got[1].SeenAt != 0 && got[1].SeenBy == "a", true)
		f.finish(release(m))
		wantEqual(f, "as claimed again", len(f.claimOne("a").Signals), 0)
	})
	s.run("only the holder has seen what it says it has", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.signal("m", "go", "")
		f.register("b", "t")
		seen := []missions.SignalRef{{MissionID: "m", Seq: 1}}
		f.must(f.tryHeartbeat(missions.Heartbeat{AgentID: "b", Running: []missions.LeaseRef{refOf(m)}, Seen: seen, Lease: ttl}).Err)
		wantEqual(f, "seen by another", f.get("m").Signals[0].SeenAt, 0)
		f.finish(release(m))
		f.must(f.tryHeartbeat(missions.Heartbeat{AgentID: "a", Seen: seen, Lease: ttl}).Err)
		wantEqual(f, "seen after the release", f.get("m").Signals[0].SeenAt, 0)
		wantEqual(f, "as claimed", len(f.claimOne("a").Signals), 1)
		_, err := f.Store.Signals(f.ctx, "a", refOf(m), 0, 0)
		f.wantErr("read under a lease that was lost", err, missions.ErrLeaseLost)
		_, err = f.Store.Signals(f.ctx, "a", missions.LeaseRef{MissionID: "nobody", Lease: 1}, 0, 0)
		f.wantErr("read of no mission", err, missions.ErrNotFound)
	})
	s.run("a retry begins without them", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.signal("m", "go", `"`+strings.Repeat("x", 5000)+`"`)
		f.finish(failure(m, "x", false))
		wantEqual(f, "once it has ended", len(f.get("m").Signals), 1)
		f.must(f.retry("m").Err)
		m = f.claimOne("a")
		f.wantSame("as claimed", m.Flow, nil)
		wantEqual(f, "read", len(f.signals(m, 0, 0).Signals), 0)
		wantEqual(f, "the next one's number", f.signal("m", "go", "").Seq, 1)
	})
}

func testSignalData(s *suite) {
	s.run("large data is kept whole, and read in pages", func(f *fixture) {
		large := `"` + strings.Repeat("d", missions.MaxSignalDataBytes-2) + `"`
		f.create(named("m", "t"))
		for range 4 {
			f.signal("m", "go", large)
		}
		f.signal("m", "go", `"small"`)
		f.Store = f.Reopen(f.T)
		m := f.take("m")
		for i := range 4 {
			wantEqual(f, "data as claimed", string(m.Signals[i].Data) == large && !m.Signals[i].Elsewhere, true)
		}
		stored := f.get("m").Signals
		wantEqual(f, "elsewhere", stored[0].Elsewhere && stored[0].Data == nil, true)
		wantEqual(f, "here", string(stored[4].Data), `"small"`)
		var seqs []int
		for after, more := 0, true; more; {
			page := f.signals(m, after, 140<<10)
			for _, s := range page.Signals {
				wantEqual(f, "data", len(s.Data) > 0 && !s.Elsewhere, true)
				seqs = append(seqs, s.Seq)
				after = s.Seq
			}
			if more = page.More; len(page.Signals) > 3 || len(page.Signals) == 0 {
				f.Fatalf("a page has %d signals", len(page.Signals))
			}
		}
		f.wantSame("read", seqs, []int{1, 2, 3, 4, 5})
		wantEqual(f, "one at least", len(f.signals(m, 1, 1).Signals), 1)
		wantEqual(f, "none behind the last", len(f.signals(m, 5, 0).Signals), 0)
		wantEqual(f, "elsewhere after it was read", f.get("m").Signals[0].Data == nil, true)
	})
	s.run("what makes a claim too large is left out and named", func(f *fixture) {
		large := `"` + strings.Repeat("d", 60<<10) + `"`
		f.create(named("source", "t"))
		f.create(waiting("m", completed("source")))
		f.complete("source", `"`+strings.Repeat("r", 150<<10)+`"`)
		f.due()
		for range 4 {
			f.signal("m", "go", large)
		}
		f.register("a", "t")
		result := f.tryClaim(missions.ClaimRequest{AgentID: "a", Max: 1, MaxBytes: 300 << 10, Lease: ttl})
		f.must(result.Err)
		m := result.Missions[0]
		f.wantSame("trimmed", m.Trimmed, []string{"signals"})
		if n := len(f.json(m)); n > 310<<10 {
			f.Errorf("the claim has %d bytes", n)
		}
		wantEqual(f, "the last one's data", m.Signals[3].Elsewhere && m.Signals[3].Data == nil, true)
		wantEqual(f, "read whole", string(f.signals(m, 3, 0).Signals[0].Data) == large, true)
	})
	s.run("a deadline ends a mission that waits for a person", func(f *fixture) {
		m := waiting("m", signalled("go"))
		m.Deadline = f.now().Add(time.Hour)
		f.create(m)
		f.advance(61 * time.Minute)
		f.wantStatus("m", missions.Failed)
	})
}
