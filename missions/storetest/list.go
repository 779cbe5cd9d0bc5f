package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"missioncontrol/missions"
)

// testList covers which missions match, and their order.
func testList(s *suite) {
	s.run("every combination of filters, newest first, on pages of any size", func(f *fixture) {
		all := f.variety()
		third, last := all[len(all)/3].CreatedAt, all[len(all)-3].CreatedAt
		for bits := range 1 << 7 {
			var filter missions.Filter
			for i, set := range []func(){
				func() { filter.Status = missions.Running },
				func() { filter.Type = "x" },
				func() { filter.AgentID = "a" },
				func() { filter.Tag = "red" },
				func() { filter.Text = "ÖL" },
				func() { filter.CreatedAfter = third },
				func() { filter.CreatedBefore = last },
			} {
				if bits>>i&1 == 1 {
					set()
				}
			}
			var want []string
			for _, m := range slices.Backward(all) {
				if matches(m, filter) {
					want = append(want, m.ID)
				}
			}
			for _, limit := range []int{5, 1000} {
				filter.Limit = limit
				wantEqual(f, fmt.Sprintf("%+v", filter), strings.Join(idsOf(f.list(filter)), " "), strings.Join(want, " "))
			}
		}
	})
	s.run("every status can be listed, with and without a type", func(f *fixture) {
		all := f.variety()
		for _, status := range missions.Statuses() {
			for _, kind := range []string{"", "x", "y", "none"} {
				filter := missions.Filter{Status: status, Type: kind, Limit: 7}
				want := 0
				for _, m := range all {
					if matches(m, filter) {
						want++
					}
				}
				wantEqual(f, fmt.Sprintf("%s of type %q", status, kind), len(f.list(filter)), want)
			}
		}
	})
	s.run("text is a part of the name, whatever its case", func(f *fixture) {
		f.create(titled("1", "Résumé des ÉTÉS"), titled("2", "100% _sure_"), titled("3", `back\slash`))
		for text, want := range map[string]string{
			"résumé": "[1]", "étés": "[1]", "des é": "[1]", "RÉSUMÉ": "[1]", "": "[3 2 1]", "s": "[3 2 1]",
			"%": "[2]", "_": "[2]", "0%": "[2]", "1_0": "[]", `\`: "[3]", "resume": "[]", "'": "[]",
		} {
			wantEqual(f, "text "+text, fmt.Sprint(idsOf(f.list(missions.Filter{Text: text}))), want)
		}
	})
	s.run("created_after and created_before leave out their own moment", func(f *fixture) {
		created := f.create(numbered("m", "t", 5)...)
		for i := 1; i < len(created); i++ {
			if created[i].CreatedAt == created[i-1].CreatedAt {
				f.Fatal("two missions share a moment, and a cursor could not tell them apart")
			}
		}
		filter := missions.Filter{CreatedAfter: created[1].CreatedAt, CreatedBefore: created[3].CreatedAt}
		f.wantSame("between", idsOf(f.list(filter)), []string{"m-0002"})
		filter = missions.Filter{CreatedAfter: created[4].CreatedAt}
		wantEqual(f, "after the last", len(f.list(filter)), 0)
	})
}

func titled(id, name string) missions.Mission {
	m := named(id, "t")
	m.Name = name
	return m
}

// variety stores missions that differ in every field that lists filter by, and
// returns them oldest first.
func (f *fixture) variety() []missions.Mission {
	f.Helper()
	f.register("a", "x", "y")
	f.register("b", "x", "y")
	batch := numbered("m", "x", 60)
	for i := range batch {
		if i%2 == 1 {
			batch[i].Type = "y"
		}
		switch i % 3 {
		case 0:
			batch[i].Tags = []string{"red"}
		case 1:
			batch[i].Tags = []string{"blue", "red"}
		}
		if i%5 < 2 {
			batch[i].Name = fmt.Sprintf("Öl %d", i)
		}
	}
	f.create(batch...)
	for i, m := range append(f.claim("a", 25), f.claim("b", 20)...) {
		switch i % 5 {
		case 0:
			f.finish(completion(m, `1`))
		case 1:
			f.finish(failure(m, "x", false))
		case 2:
			f.must(f.cancel(m.ID).Err)
		}
	}
	for i := range batch {
		batch[i] = f.get(batch[i].ID)
	}
	return batch
}

// matches implements a filter in the simplest way.
func matches(m missions.Mission, f missions.Filter) bool {
	return (f.Status == "" || m.Status == f.Status) &&
		(f.Type == "" || m.Type == f.Type) &&
		(f.AgentID == "" || string(m.AgentID) == f.AgentID) &&
		(f.Tag == "" || slices.Contains(m.Tags, f.Tag)) &&
		(f.Text == "" || strings.Contains(strings.ToLower(m.Name), strings.ToLower(f.Text))) &&
		(f.CreatedAfter == 0 || m.CreatedAt > f.CreatedAfter) &&
		(f.CreatedBefore == 0 || m.CreatedAt < f.CreatedBefore)
}

// testListBounds covers the limits on the size and cost of one page.
func testListBounds(s *suite) {
	s.run("paging visits every mission once while others are created", func(f *fixture) {
		old := numbered("old", "t", 40)
		f.create(old...)
		var seen []string
		filter := missions.Filter{Limit: 7}
		for i := 0; ; i++ {
			page, err := f.Store.List(f.ctx, filter)
			f.must(err)
			seen = append(seen, idsOf(page.Missions)...)
			if page.Next == 0 {
				break
			}
			filter.Cursor = page.Next
			f.create(named(fmt.Sprintf("new-%d", i), "t"))
		}
		slices.Reverse(old)
		f.wantSame("seen", seen, idsOf(old))
	})
	s.run("a page keeps within a budget of bytes, but for its first mission", func(f *fixture) {
		batch := numbered("big", "t", 6)
		for i := range batch {
			batch[i].Data = json.RawMessage(`{"x":"` + strings.Repeat("x", 100<<10) + `"}`)
		}
		f.create(batch...)
		for budget, pages := range map[int]int{1: 6, 250 << 10: 3, 0: 1} {
			filter := missions.Filter{Limit: 100, MaxBytes: budget}
			seen, got := 0, 0
			for more := true; more; got++ {
				page, err := f.Store.List(f.ctx, filter)
				f.must(err)
				seen += len(page.Missions)
				filter.Cursor, more = page.Next, page.Next != 0
			}
			wantEqual(f, fmt.Sprintf("missions seen with a budget of %d", budget), seen, 6)
			wantEqual(f, fmt.Sprintf("pages with a budget of %d", budget), got, pages)
		}
	})
	s.run("one page examines at most 10,000 missions", func(f *fixture) {
		f.create(titled("needle", "The Needle"))
		for i := range 10 {
			f.create(numbered(fmt.Sprintf("hay%d", i), "t", 1000)...)
		}
		f.create(numbered("more", "t", 100)...)
		filter := missions.Filter{Text: "needle", Limit: 10}
		page, err := f.Store.List(f.ctx, filter)
		f.must(err)
		wantEqual(f, "found at first", len(page.Missions), 0)
		if page.Next == 0 {
			f.Fatal("the first page hands back no cursor")
		}
		filter.Cursor = page.Next
		page, err = f.Store.List(f.ctx, filter)
		f.must(err)
		f.wantSame("found next", idsOf(page.Missions), []string{"needle"})
		f.wantSame("found in all", idsOf(f.list(missions.Filter{Text: "needle"})), []string{"needle"})
		f.wantRecount()
	})
}
