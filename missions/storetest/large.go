package storetest

import (
	"encoding/json"
	"fmt"
	"strings"

	"missioncontrol/missions"
)

// sizes of data and results, from what fits beside everything else to what a store
// may keep elsewhere.
var sizes = []int{10, 500, 600, 5000, 100 << 10}

// filled returns a JSON string of the given size.
func filled(with string, size int) string { return `"` + strings.Repeat(with, size-2) + `"` }

// endsWith completes a mission with a result, and reads it back.
func (f *fixture) endsWith(m missions.Mission, result string) {
	f.Helper()
	f.finish(completion(m, result))
	wantEqual(f, "result of "+m.ID, string(f.get(m.ID).Result), result)
}

func testLarge(s *suite) {
	s.run("data and results of any size are what they were, all life long", func(f *fixture) {
		f.register("a", "t")
		for i, size := range sizes {
			id, data := fmt.Sprint("m", i), filled("d", size)
			m := named(id, "t")
			m.Data = json.RawMessage(data)
			wantEqual(f, "data as created", string(f.create(m)[0].Data), data)
			again := f.createOne(m)
			wantEqual(f, "created again", again.Created, false)
			wantEqual(f, "data of what is there", string(again.Mission.Data), data)
			other := m
			other.Data = json.RawMessage(filled("e", size))
			f.wantErr("other data", f.createOne(other).Err, missions.ErrConflict)

			claimed := f.claimOne("a")
			wantEqual(f, "data as claimed", string(claimed.Data), data)
			f.finish(release(claimed))
			f.endsOf(f.claimOne("a"), data, sizes[len(sizes)-1-i])
		}
	})
	s.run("data and results that look like a store's own fields, and large ones, are listed and searched", func(f *fixture) {
		odd := []string{`{"a":1,"data":2}`, `{"a":1,"data_bytes":5,"result_bytes":7}`, `{"a":1,"content":{"data":3}}`, `{"status":"RUNNING","type":"x","tags":["red"]}`,
			`{"a":"` + strings.Repeat("x", 600) + `","data":2}`, `{"a":",\"content\":","content":0}`}
		for i, data := range odd {
			m := named(fmt.Sprint("m", i), "t")
			m.Data, m.Name, m.Tags = json.RawMessage(data), fmt.Sprint(`odd ,"content":`, i), []string{"odd"}
			f.create(m)
		}
		all := f.list(missions.Filter{})
		wantEqual(f, "how many are listed", len(all), len(odd))
		for _, filter := range []missions.Filter{{Text: "ODD"}, {Tag: "odd", Status: missions.Pending}, {Type: "t", Text: "content"}} {
			f.wantSame(fmt.Sprintf("%+v", filter), f.list(filter), all)
		}
		stats, err := f.Store.Stats(f.ctx, "t")
		f.must(err)
		wantEqual(f, "whether the oldest claimable one is known", stats.OldestClaimableSeconds != nil, true)
		f.register("a", "t")
		for i, m := range f.claim("a", len(odd)) {
			f.endsWith(m, odd[len(odd)-1-i])
		}
		for _, m := range f.list(missions.Filter{Text: "odd"}) {
			wantEqual(f, "status of "+m.ID, m.Status, missions.Completed)
		}
	})
	s.run("a claim's limit of bytes counts large data, also after reopening", func(f *fixture) {
		for i := range 4 {
			m := named(fmt.Sprint("m", i), "t")
			m.Data = json.RawMessage(`{"a":"` + strings.Repeat("x", 100<<10) + `"}`)
			f.create(m)
		}
		f.register("a", "t")
		f.Store = f.Reopen(f.T)
		r := f.tryClaim(missions.ClaimRequest{AgentID: "a", Max: 4, MaxBytes: 250 << 10, Lease: ttl})
		f.must(r.Err)
		wantEqual(f, "missions within the limit", len(r.Missions), 2)
		wantEqual(f, "more", r.More, true)
	})
	s.run("a log of any length is read in order, from any position", func(f *fixture) {
		f.create(named("m", "t"))
		f.register("a", "t")
		want := []string{"created, PENDING"}
		for round := range 12 {
			m := f.claimOne("a")
			want = append(want, fmt.Sprintf("PENDING → RUNNING: claimed by agent a, attempt %d of 3", 1))
			if round == 9 {
				f.must(f.append(lineOf(m, "info", "a line", "")))
				want = append(want, "a line")
			}
			f.finish(release(m))
			want = append(want, "RUNNING → PENDING: released by agent a")
		}
		for _, step := range []int{1, 3, 7, 100} {
			var got []string
			for after := int64(0); ; {
				page, err := f.Store.Log(f.ctx, "m", after, step)
				f.must(err)
				for _, entry := range page.Entries {
					got = append(got, entry.Message)
				}
				if after = page.Next; after == 0 {
					break
				}
			}
			f.wantSame(fmt.Sprintf("the log, %d at a time", step), got, want)
		}
	})
}

// endsOf completes a mission with a result of the given size, and deletes it.
func (f *fixture) endsOf(m missions.Mission, data string, size int) {
	f.Helper()
	result := filled("r", size)
	done := f.finish(completion(m, result))
	wantEqual(f, "result as completed", string(done.Result), result)
	twice, err := f.Store.Finish(f.ctx, []missions.Finish{completion(m, result)})
	f.must(err)
	f.must(twice[0].Err)
	wantEqual(f, "said twice, it changed something", twice[0].Changed, false)
	wantEqual(f, "result as said twice", string(twice[0].Mission.Result), result)
	f.wantSame("the mission read back", f.get(m.ID), done)
	page, err := f.Store.List(f.ctx, missions.Filter{Status: missions.Completed, Limit: 10})
	f.must(err)
	f.wantSame("the mission listed", page.Missions, []missions.Mission{done})

	deleted, err := f.Store.Delete(f.ctx, []string{m.ID})
	f.must(err)
	f.must(deleted[0].Err)
	wantEqual(f, "data as deleted", string(deleted[0].Mission.Data), data)
	wantEqual(f, "result as deleted", string(deleted[0].Mission.Result), result)
	_, err = f.Store.Get(f.ctx, m.ID)
	f.wantErr("what was deleted", err, missions.ErrNotFound)
}
