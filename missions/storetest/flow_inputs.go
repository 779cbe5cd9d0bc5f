package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"missioncontrol/missions"
)

func testInputs(s *suite) {
	s.run("outcomes are copied when they happen", func(f *fixture) {
		f.create(named("a", "t"), named("b", "t"))
		f.create(waiting("m", completed("a"), completed("b")))
		f.complete("a", `{"from":"a"}`)
		f.due()
		f.must(f.remove("a").Err)
		again := named("a", "t") // another mission with its id
		f.create(again)
		f.complete("a", `"another"`)
		f.complete("b", `{"from":"b"}`)
		f.due()
		f.must(f.remove("a").Err)
		f.must(f.remove("b").Err)
		f.Store = f.Reopen(f.T)
		m := f.take("m")
		f.wantSame("inputs", m.Inputs, map[string]missions.Input{
			"a": {Status: missions.Completed, Result: json.RawMessage(`{"from":"a"}`)},
			"b": {Status: missions.Completed, Result: json.RawMessage(`{"from":"b"}`)},
		})
		wantEqual(f, "stored without inputs", len(f.get("m").Inputs), 0)
		f.finish(failure(m, "once more", false))
		f.must(f.retry("m").Err)
		wantEqual(f, "inputs after a retry", len(f.take("m").Inputs), 2)
	})
	s.run("a source that is deleted at once after its end is an input, too", func(f *fixture) {
		f.create(named("a", "t"))
		f.create(waiting("m", completed("a")))
		f.complete("a", `"whole"`)
		f.must(f.remove("a").Err)
		f.due()
		f.wantSame("inputs", f.take("m").Inputs, map[string]missions.Input{"a": {Status: missions.Completed, Result: json.RawMessage(`"whole"`)}})
	})
	s.run("what makes a claim too large is left out and named, and the holder can ask for it", func(f *fixture) {
		large := `"` + strings.Repeat("r", 300<<10) + `"`
		m := waiting("m")
		m.Flow = &missions.Flow{}
		for i := range 4 {
			f.create(named(fmt.Sprint("s", i), "t"))
			m.After = append(m.After, completed(fmt.Sprint("s", i)))
		}
		m.Normalize()
		f.create(m)
		for i := range 4 {
			result := large
			if i == 3 {
				result = `"small"`
			}
			f.complete(fmt.Sprint("s", i), result)
		}
		f.due()
		f.register("a", "t")
		result := f.tryClaim(missions.ClaimRequest{AgentID: "a", Max: 1, MaxBytes: 700 << 10, Lease: ttl})
		f.must(result.Err)
		claimed := result.Missions[0]
		wantEqual(f, "inputs and what is trimmed", len(claimed.Inputs)+len(claimed.Trimmed), 4)
		if n := len(f.json(claimed)); n > 710<<10 || len(claimed.Trimmed) == 0 || slices.Contains(claimed.Trimmed, "inputs.s3") {
			f.Errorf("the claim has %d bytes, and leaves out %q", n, claimed.Trimmed)
		}
		for i := range 3 {
			input, err := f.Store.Input(f.ctx, "a", refOf(claimed), fmt.Sprint("s", i))
			f.must(err)
			wantEqual(f, "whole", string(input.Result) == large && input.Status == missions.Completed, true)
		}
	})
	s.run("an input is for the holder of the lease only", func(f *fixture) {
		f.create(named("s", "t"), named("other", "t"))
		f.create(waiting("m", completed("s"), ended("other")))
		f.complete("s", `1`)
		f.must(f.cancel("other").Err)
		f.due()
		m := f.take("m")
		input, err := f.Store.Input(f.ctx, string(m.AgentID), refOf(m), "other")
		f.must(err)
		f.wantSame("input", input, missions.Input{Status: missions.Cancelled, Result: nil})
		_, err = f.Store.Input(f.ctx, string(m.AgentID), refOf(m), "nobody")
		f.wantErr("an input that there is not", err, missions.ErrNotFound)
		_, err = f.Store.Input(f.ctx, "somebody", refOf(m), "s")
		f.wantErr("for another agent", err, missions.ErrLeaseLost)
		_, err = f.Store.Input(f.ctx, string(m.AgentID), missions.LeaseRef{MissionID: "nobody", Lease: 1}, "s")
		f.wantErr("of no mission", err, missions.ErrNotFound)
		f.finish(release(m))
		_, err = f.Store.Input(f.ctx, string(m.AgentID), refOf(m), "s")
		f.wantErr("after the release", err, missions.ErrLeaseLost)
	})
	s.run("a next wait has inputs of its own", func(f *fixture) {
		f.create(named("a", "t"), named("b", "t"))
		f.create(waiting("m", completed("a")))
		f.complete("a", `"A"`)
		f.due()
		f.finish(park(f.take("m"), 0, completed("b"), signalled("go")))
		f.complete("b", `"B"`)
		f.signal("m", "go", "")
		f.due()
		m := f.take("m")
		f.wantSame("inputs", m.Inputs, map[string]missions.Input{"b": {Status: missions.Completed, Result: json.RawMessage(`"B"`)}})
		_, err := f.Store.Input(f.ctx, string(m.AgentID), refOf(m), "a")
		f.wantErr("the input of the wait before", err, missions.ErrNotFound)
	})
}
