package natsapi_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

func TestRefusalsOfLimitsNameTheField(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	const set, create = "supervisor.limits.set", "supervisor.missions.create"
	with := func(fields string) string { return `{"name":"l",` + fields + `}` }
	of := func(fields string) string { return `{"name":"n",` + fields + `}` }
	long := strings.Repeat("k", 129)
	r.checkRefusals([]refusal{
		{set, `{}`, "400", "name"},
		{set, `{"name":"a b"}`, "400", "name"},
		{set, with(`"type":"a b"`), "400", "type"},
		{set, with(`"total":-1`), "400", "total"},
		{set, with(`"total":1.5`), "400", "total"},
		{set, with(`"per_key":0`), "400", "per_key"},
		{set, with(`"max_pending_per_key":-1`), "400", "max_pending_per_key"},
		{set, with(`"rate":{"count":0,"per_seconds":1}`), "400", "rate.count"},
		{set, with(`"rate":{"count":1}`), "400", "rate.per_seconds"},
		{set, with(`"rate":{"count":1,"per_second":1}`), "400", "rate.per_second"},
		{set, with(`"budget":{"unit":"US dollars","amount":1,"per_seconds":1}`), "400", "budget.unit"},
		{set, with(`"budget":{"unit":"usd","amount":-1,"per_seconds":1}`), "400", "budget.amount"},
		{set, with(`"budget":{"unit":"usd","amount":1,"per_seconds":0}`), "400", "budget.per_seconds"},
		{set, with(`"keys":{"":{}}`), "400", "keys."},
		{set, with(`"keys":{"k":{"weight":-1}}`), "400", "keys.k.weight"},
		{set, with(`"keys":{"k":{"weight":1001}}`), "400", "keys.k.weight"},
		{set, with(`"keys":{"k":{"per_key":-1}}`), "400", "keys.k.per_key"},
		{set, with(`"note":"a\nb"`), "400", "note"},
		{set, with(`"running":1`), "400", "running"},
		{"supervisor.limits.get", `{"name":"nowhere"}`, "404", ""},
		{"supervisor.limits.get", `{}`, "400", "name"},
		{"supervisor.limits.delete", `{"name":"nowhere"}`, "404", ""},
		{"supervisor.limits.list", `{"limit":1001}`, "400", "limit"},
		{"supervisor.limits.list", `{"cursor":"a b"}`, "400", "cursor"},
		{create, of(`"key":"` + long + `"`), "413", "key"},
		{create, of(`"key":"a\u0007"`), "400", "key"},
		{create, of(`"limits":["a","b","c"]`), "413", "limits"},
		{create, of(`"limits":["a","a"]`), "400", "limits[1]"},
		{create, of(`"limits":["a b"]`), "400", "limits[0]"},
		{create, of(`"requires":{"":"x"}`), "400", "requires"},
		{create, of(`"requires":{"a":"1","b":"1","c":"1","d":"1","e":"1","f":"1","g":"1","h":"1","i":"1"}`), "413", "requires"},
		{create, of(`"prefer_seconds":3`), "400", "prefer_seconds"},
		{create, of(`"prefer_agent":"w","prefer_seconds":-1`), "400", "prefer_seconds"},
		{create, of(`"prefer_agent":"w","prefer_seconds":86401`), "400", "prefer_seconds"},
		{create, of(`"prefer_agent":"a b"`), "400", "prefer_agent"},
		{"supervisor.agent.w.release", `{"mission_id":"m","lease":1,"prefer_seconds":3}`, "400", "prefer_seconds"},
		{"supervisor.agent.w.release", `{"mission_id":"m","lease":1,"prefer_agent":"a b"}`, "400", "prefer_agent"},
		{"supervisor.agent.w.release", `{"mission_id":"m","lease":1,"retry_after_seconds":3}`, "400", "retry_after_seconds"},
		{"supervisor.agent.w.release", `{"mission_id":"m","lease":1,"limit":"l"}`, "400", "retry_after_seconds"},
		{"supervisor.agent.w.fail", `{"mission_id":"m","lease":1,"error":"e","limit":"l"}`, "400", "retry_after_seconds"},
	})
}

// An agent that waits gets a mission as soon as a limit lets one start.
func TestAWaitingAgentGetsWhatALimitLetsGo(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lease: time.Hour})
	ctx, one := t.Context(), int64(1)
	changed := r.events("limit.changed")
	named := client.New(r.nc, client.Name("alice"))
	_, err := named.SetLimit(ctx, missions.LimitSpec{Name: "l", PerKey: &one})
	must(t, err)
	if payload := changed()["payload"].(map[string]any); payload["name"] != "l" || payload["by"] != "alice" {
		t.Errorf("changed: %v", payload)
	}
	first, second := r.register("w1", "t"), r.register("w2", "t")
	for _, id := range []string{"a", "b"} {
		_, _, err := r.client.Create(ctx, api.MissionSpec{ID: id, Name: "n", Type: "t", Key: "k", Limits: []string{"l"}})
		must(t, err)
	}
	_, lease := r.claimOne(first)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	got := make(chan string, 2)
	claim := func() {
		m, _ := r.claimOne(second)
		got <- m.ID
	}
	waiting.Go(claim)
	limit, err := r.client.Limit(ctx, "l")
	must(t, err)
	if limit.Running != 1 || limit.Waiting != 1 || limit.KeysFull != 1 || limit.Full != "" {
		t.Errorf("limit %+v", limit)
	}
	held, err := r.client.List(ctx, api.ListRequest{Waiting: missions.WaitLimit})
	must(t, err)
	if len(held.Missions) != 1 || held.Missions[0].ID != "b" {
		t.Errorf("held: %+v", held.Missions)
	}
	must(t, first.Complete(ctx, api.Completion{LeaseRef: lease}))
	if id := <-got; id != "b" {
		t.Errorf("claimed %s", id)
	}
	_, _, err = r.client.Create(ctx, api.MissionSpec{ID: "c", Name: "n", Type: "t", Key: "k", Limits: []string{"l"}})
	must(t, err)
	waiting.Go(claim)
	_, err = named.DeleteLimit(ctx, "l")
	must(t, err)
	if id := <-got; id != "c" {
		t.Errorf("claimed %s", id)
	}
}

// A limit that is full for some time lets the next mission start by itself.
func TestARateLetsTheNextStartByItself(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lease: time.Hour})
	_, err := r.client.SetLimit(t.Context(), missions.LimitSpec{Name: "l", Type: "t", Rate: &missions.Rate{Count: 1, PerSeconds: 1}})
	must(t, err)
	agent := r.register("w1", "t")
	for _, id := range []string{"a", "b"} {
		_, _, err := r.client.Create(t.Context(), api.MissionSpec{ID: id, Name: "n", Type: "t"})
		must(t, err)
	}
	first, _ := r.claimOne(agent)
	second, _ := r.claimOne(agent) // it waits until then
	if first.ID != "a" || second.ID != "b" || second.StartedAt.Sub(first.StartedAt) < time.Second {
		t.Errorf("%s started %s after %s", second.ID, second.StartedAt.Sub(first.StartedAt), first.ID)
	}
}

func TestALimitClosesForAllAndAQuotaRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lease: time.Hour})
	ctx, one, wait := t.Context(), int64(1), 3600.0
	_, err := r.client.SetLimit(ctx, missions.LimitSpec{Name: "anthropic", MaxPendingPerKey: &one})
	must(t, err)
	spec := api.MissionSpec{ID: "a", Name: "n", Type: "t", Key: "k", Limits: []string{"anthropic"}}
	_, _, err = r.client.Create(ctx, spec)
	must(t, err)
	spec.ID = "b"
	_, _, err = r.client.Create(ctx, spec)
	if refused := (*api.Error)(nil); !errors.As(err, &refused) || refused.Code != missions.CodeQuota || refused.Field != "key" || refused.Status() != 429 {
		t.Errorf("the second: %v", err)
	}
	agent := r.register("w1", "t")
	_, lease := r.claimOne(agent)
	must(t, agent.Fail(ctx, api.Failure{LeaseRef: lease, Error: "429", Limit: "anthropic", RetryAfterSeconds: &wait}))
	limit, err := r.client.Limit(ctx, "anthropic")
	must(t, err)
	if limit.Full != missions.FullBlocked || limit.BlockedUntil.Sub(missions.At(time.Now())) < 50*time.Minute {
		t.Errorf("limit %+v", limit)
	}
}
