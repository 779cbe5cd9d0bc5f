package natsapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// createMany creates n missions, named after their tag, and cancels them if they are to be retried.
func (r *rig) createMany(tag string, n int, cancel bool) {
	r.t.Helper()
	for n > 0 {
		specs := make([]api.MissionSpec, min(n, missions.MaxBatch))
		for i := range specs {
			specs[i] = api.MissionSpec{ID: fmt.Sprintf("%s-%d", tag, n-i), Name: tag, Type: tag, Tags: []string{tag}}
		}
		results, err := r.client.CreateBatch(r.t.Context(), specs)
		must(r.t, err)
		for i := range results {
			if results[i].Error != nil {
				r.t.Fatal(results[i].Error)
			}
		}
		if cancel {
			requests := make([]missions.CancelRequest, len(specs))
			for i := range specs {
				requests[i].ID = specs[i].ID
			}
			_, err := r.store.Cancel(r.t.Context(), requests)
			must(r.t, err)
		}
		n -= len(specs)
	}
}

// bulk sends a request and those that its cursors lead to, and returns the sums.
func (r *rig) bulk(request api.BulkRequest) (sum api.BulkReply, requests int) {
	r.t.Helper()
	for {
		reply, err := r.client.Bulk(r.t.Context(), request)
		must(r.t, err)
		requests++
		sum.Matched, sum.Changed, sum.Errors = sum.Matched+reply.Matched, sum.Changed+reply.Changed, append(sum.Errors, reply.Errors...)
		if sum.AsOf == 0 {
			sum.AsOf = reply.AsOf
		}
		if reply.AsOf != sum.AsOf {
			r.t.Fatalf("as_of is %v, and was %v", reply.AsOf, sum.AsOf)
		}
		if request.Cursor = reply.NextCursor; request.Cursor == "" {
			return sum, requests
		}
	}
}

func (r *rig) wantBulk(request api.BulkRequest, matched, changed int) api.BulkReply {
	r.t.Helper()
	sum, _ := r.bulk(request)
	if sum.Matched != matched || sum.Changed != changed {
		r.t.Errorf("%+v: matched %d, changed %d, want %d and %d: %v", request, sum.Matched, sum.Changed, matched, changed, sum.Errors)
	}
	return sum
}

// Everything that failed is retried with as many requests as pages; what failed again meanwhile, or is new, is left alone.
func TestWhatMatchesIsChangedPageByPage(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.createMany("a", 2300, true)
	r.createMany("b", 3, true)
	retry := api.BulkRequest{Action: missions.BulkRetry, Filter: &api.ListRequest{Tag: "a"}, DryRun: true}
	counted := r.wantBulk(retry, 2300, 0)
	_, err := r.client.Retry(t.Context(), "a-7")
	must(t, err)
	_, err = r.client.Cancel(t.Context(), "a-7", "")
	must(t, err)
	r.createMany("late", 1, false)

	retry.DryRun, retry.AsOf = false, counted.AsOf
	sum, requests := r.bulk(retry)
	if sum.Matched != 2299 || sum.Changed != 2299 || len(sum.Errors) != 0 || requests != 3 {
		t.Errorf("%d requests: %+v", requests, sum)
	}
	if m := r.get("a-7"); m.Status != missions.Cancelled {
		t.Errorf("a mission that has changed since it was counted is %s", m.Status)
	}
	status, err := r.client.Status(t.Context())
	must(t, err)
	if status.PendingMissions != 2300 || status.CancelledMissions != 4 {
		t.Errorf("%+v", status)
	}
	r.wantBulk(retry, 0, 0)
	retry.AsOf = 0
	r.wantBulk(retry, 1, 1)

	r.wantBulk(api.BulkRequest{Action: missions.BulkCancel, Filter: &api.ListRequest{Type: "a"}, Limit: 700}, 2300, 2300)
	r.wantBulk(api.BulkRequest{Action: missions.BulkDelete, Filter: &api.ListRequest{}}, 2304, 2304)
}

// Each filter of list is one of this request, too.
func TestAFilterOfAListDecidesWhatIsChanged(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	agent := r.register("w1", "runs")
	for _, spec := range []api.MissionSpec{
		{ID: "runs", Name: "runs", Type: "runs"}, {ID: "typed", Name: "n", Type: "other"}, {ID: "tagged", Name: "n", Tags: []string{"red"}}, {ID: "named", Name: "an Invoice"},
		{ID: "asks", Name: "n", After: []missions.Condition{{Signal: "go"}}}, {ID: "member", Name: "n", Batch: "b1"}, {ID: "child", Name: "n", ParentID: "runs"},
	} {
		_, _, err := r.client.Create(t.Context(), spec)
		must(t, err)
	}
	r.claimOne(agent)
	created := r.get("named").CreatedAt
	for want, filter := range map[string]api.ListRequest{
		"runs": {Status: missions.Running}, "typed": {Type: "other"}, "tagged": {Tag: "red"}, "named": {Text: "invoice"},
		"asks": {Waiting: missions.WaitSignal}, "member": {Batch: "b1"}, "child": {ParentID: "runs"},
	} {
		sum, _ := r.bulk(api.BulkRequest{Action: missions.BulkSignal, Filter: &filter, Name: "hint"})
		if sum.Changed != 1 || len(r.get(want).Signals) != 1 {
			t.Errorf("%s: changed %d", want, sum.Changed)
		}
	}
	r.wantBulk(api.BulkRequest{Action: missions.BulkCancel, Filter: &api.ListRequest{AgentID: "w1"}, DryRun: true}, 1, 0)
	r.wantBulk(api.BulkRequest{Action: missions.BulkCancel, Filter: &api.ListRequest{CreatedAfter: created}, DryRun: true}, 3, 0)
	r.wantBulk(api.BulkRequest{Action: missions.BulkCancel, Filter: &api.ListRequest{CreatedBefore: created}, DryRun: true}, 3, 0)
	r.wantBulk(api.BulkRequest{Action: missions.BulkCancel, Filter: &api.ListRequest{Waiting: missions.WaitLimit}, DryRun: true}, 0, 0)
	r.wantBulk(api.BulkRequest{Action: missions.BulkDelete, Filter: &api.ListRequest{}, DryRun: true}, 6, 0)
	for _, id := range []string{"runs", "typed"} {
		if m := r.get(id); m.Status.Terminal() {
			t.Errorf("counting has changed %s: %s", id, m.Status)
		}
	}
}

// Whom a change concerns learns of it at once: the agent of a mission, who waits for its end, and who waits for work.
func TestWhoIsConcernedLearnsOfAChangeOfMany(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lease: time.Hour})
	pushed := r.commands("w1")
	agent := r.register("w1", "default")
	named := client.New(r.nc, client.Name("fixer"))
	_, _, err := r.client.Create(t.Context(), api.MissionSpec{ID: "m", Name: "m"})
	must(t, err)
	r.claimOne(agent)
	all := &api.ListRequest{}
	steer := api.BulkRequest{Action: missions.BulkSignal, Filter: all, Name: "steer", Data: json.RawMessage(`"left"`)}
	reply, err := named.Bulk(t.Context(), steer)
	must(t, err)
	steer.AsOf = reply.AsOf
	if got, want := pushed(), `{"command":"signal","mission_id":"m","seq":1}`; got != want {
		t.Errorf("pushed %s, want %s", got, want)
	}
	again, err := named.Bulk(t.Context(), steer) // its holder's mission has not changed, but the signal is known
	must(t, err)
	if m := r.get("m"); len(m.Signals) != 1 || m.Signals[0].By != "fixer" || again.Changed != 0 {
		t.Errorf("signals %+v, changed %d", m.Signals, again.Changed)
	}
	waited := make(chan error, 1)
	go func() { _, err := r.client.Wait(context.WithoutCancel(t.Context()), "m"); waited <- err }()
	_, err = named.Bulk(t.Context(), api.BulkRequest{Action: missions.BulkCancel, Filter: all, Reason: "enough"})
	must(t, err)
	if got, want := pushed(), `{"command":"cancel","mission_id":"m"}`; got != want {
		t.Errorf("pushed %s, want %s", got, want)
	}
	must(t, <-waited)
	log, err := r.client.Log(t.Context(), api.LogRequest{ID: "m"})
	must(t, err)
	if last := log.Log[len(log.Log)-1]; last.Reason != "cancelled by fixer: enough" {
		t.Errorf("the reason is %q", last.Reason)
	}
	claimed := make(chan string, 1)
	go func() {
		reply, err := agent.Claim(context.WithoutCancel(t.Context()), api.ClaimRequest{Max: 1, WaitSeconds: 20})
		if err != nil || len(reply.Missions) != 1 {
			claimed <- fmt.Sprint(err)
			return
		}
		claimed <- reply.Missions[0].ID
	}()
	_, err = named.Bulk(t.Context(), api.BulkRequest{Action: missions.BulkRetry, Filter: all})
	must(t, err)
	if got := <-claimed; got != "m" {
		t.Errorf("claimed %s", got)
	}
}

// A mission that cannot be changed does not hold up the others, and the reply says why.
func TestErrorsOfAChangeOfManyAreOfSingleMissions(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	for _, id := range []string{"no", "yes"} {
		_, _, err := r.client.Create(t.Context(), api.MissionSpec{ID: "for-" + id, Name: "n", After: []missions.Condition{{Signal: "go", Choices: []string{id}}}})
		must(t, err)
	}
	sum, _ := r.bulk(api.BulkRequest{Action: missions.BulkSignal, Filter: &api.ListRequest{}, Name: "go", Data: json.RawMessage(`"yes"`)})
	if sum.Matched != 2 || sum.Changed != 1 || len(sum.Errors) != 1 || sum.Errors[0].ID != "for-no" || !errors.Is(sum.Errors[0].Error, api.ErrInvalid) || sum.Errors[0].Error.Field != "data" {
		t.Errorf("%+v", sum)
	}
}

func TestRefusalsOfAChangeOfManyNameTheField(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.createMany("a", 3, false)
	const bulk = "supervisor.missions.bulk"
	page, err := r.client.Bulk(t.Context(), api.BulkRequest{Action: missions.BulkCancel, Filter: &api.ListRequest{Type: "a"}, Limit: 1, DryRun: true})
	must(t, err)
	cursor := func(action, kind, more string) string {
		return fmt.Sprintf(`{"action":%q,"filter":{"type":%q},"cursor":%q%s}`, action, kind, page.NextCursor, more)
	}
	r.checkRefusals([]refusal{
		{bulk, `{"filter":{}}`, "400", "action"},
		{bulk, `{"action":"stop","filter":{}}`, "400", "action"},
		{bulk, `{"action":7,"filter":{}}`, "400", "action"},
		{bulk, `{"action":"cancel"}`, "400", "filter"},
		{bulk, `{"action":"cancel","filter":null}`, "400", "filter"},
		{bulk, `{"action":"cancel","filter":[]}`, "400", "filter"},
		{bulk, `{"action":"cancel","filter":{"typo":"x"}}`, "400", "filter.typo"},
		{bulk, `{"action":"cancel","filter":{"status":"DONE"}}`, "400", "filter.status"},
		{bulk, `{"action":"cancel","filter":{"status":"FAILED"}}`, "400", "filter.status"},
		{bulk, `{"action":"retry","filter":{"status":"COMPLETED"}}`, "400", "filter.status"},
		{bulk, `{"action":"delete","filter":{"status":"RUNNING"}}`, "400", "filter.status"},
		{bulk, `{"action":"signal","filter":{"status":"CANCELLED"},"name":"go"}`, "400", "filter.status"},
		{bulk, `{"action":"cancel","filter":{"type":"a b"}}`, "400", "filter.type"},
		{bulk, `{"action":"cancel","filter":{"waiting":"forever"}}`, "400", "filter.waiting"},
		{bulk, `{"action":"cancel","filter":{"limit":10}}`, "400", "filter.limit"},
		{bulk, `{"action":"cancel","filter":{"cursor":"17"}}`, "400", "filter.cursor"},
		{bulk, `{"action":"cancel","filter":{},"limit":-1}`, "400", "limit"},
		{bulk, `{"action":"cancel","filter":{},"limit":1001}`, "400", "limit"},
		{bulk, `{"action":"cancel","filter":{},"dry_run":"yes"}`, "400", "dry_run"},
		{bulk, `{"action":"cancel","filter":{},"as_of":1e12}`, "400", "as_of"},
		{bulk, `{"action":"cancel","filter":{},"as_of":"now"}`, "400", "as_of"},
		{bulk, `{"action":"cancel","filter":{},"fresh":true}`, "400", "fresh"},
		{bulk, `{"action":"cancel","filter":{},"name":"go"}`, "400", "name"},
		{bulk, `{"action":"cancel","filter":{},"reason":"` + strings.Repeat("x", 1<<10+1) + `"}`, "413", "reason"},
		{bulk, `{"action":"retry","filter":{},"reason":"x"}`, "400", "reason"},
		{bulk, `{"action":"delete","filter":{},"dependents":true}`, "400", "dependents"},
		{bulk, `{"action":"retry","filter":{},"data":1}`, "400", "data"},
		{bulk, `{"action":"retry","filter":{},"signal_id":"x"}`, "400", "signal_id"},
		{bulk, `{"action":"signal","filter":{}}`, "400", "name"},
		{bulk, `{"action":"signal","filter":{},"name":"a b"}`, "400", "name"},
		{bulk, `{"action":"signal","filter":{},"name":"s","signal_id":"a b"}`, "400", "signal_id"},
		{bulk, `{"action":"signal","filter":{},"name":"s","data":"` + strings.Repeat("x", 64<<10) + `"}`, "413", "data"},
		{bulk, `{"action":"cancel","filter":{},"id":"m"}`, "400", "id"},
		{bulk, `{"action":"cancel","filter":{},"cursor":"17"}`, "400", "cursor"},
		{bulk, `{"action":"cancel","filter":{},"cursor":"1-2-3-4-5"}`, "400", "cursor"},
		{bulk, cursor("cancel", "b", ""), "400", "cursor"},
		{bulk, cursor("delete", "a", ""), "400", "cursor"},
		{bulk, cursor("cancel", "a", `,"as_of":1`), "400", "as_of"},
		{bulk, strings.Replace(cursor("cancel", "a", ""), "-0-", "-2-", 1), "400", "cursor"},
		{bulk, strings.Replace(cursor("cancel", "a", ""), `"cursor":"`, `"cursor":"9`, 1), "400", "as_of"},
	})
}
