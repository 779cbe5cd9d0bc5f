package natsapi_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

func TestRefusalsOfSchedulesNameTheField(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	const set, backfill, preview = "supervisor.schedules.set", "supervisor.schedules.backfill", "supervisor.schedules.preview"
	with := func(fields string) string { return `{"id":"s","mission":{"name":"n"},` + fields + `}` }
	of := func(mission string) string { return `{"id":"s","every_seconds":60,"mission":{` + mission + `}}` }
	r.checkRefusals([]refusal{
		{set, `{"id":"s","every_seconds":60}`, "400", "mission.name"},
		{set, `{"id":"a b","every_seconds":60,"mission":{"name":"n"}}`, "400", "id"},
		{set, `{"id":"` + strings.Repeat("s", 54) + `","every_seconds":60,"mission":{"name":"n"}}`, "400", "id"},
		{set, `{"id":"s","mission":{"name":"n"}}`, "400", "cron"},
		{set, with(`"cron":"* * *"`), "400", "cron"},
		{set, with(`"cron":"61 * * * *"`), "400", "cron"},
		{set, with(`"cron":"0 0 30 2 *"`), "400", "cron"},
		{set, with(`"cron":"@often"`), "400", "cron"},
		{set, with(`"cron":"@daily","time_zone":"Europe/Atlantis"`), "400", "time_zone"},
		{set, with(`"cron":"@daily","time_zone":"Local"`), "400", "time_zone"},
		{set, with(`"cron":"@daily","time_zone":"../../etc/passwd"`), "400", "time_zone"},
		{set, with(`"cron":"@daily","time_zone":"` + strings.Repeat("z", 100) + `"`), "413", "time_zone"},
		{set, with(`"cron":"@daily","every_seconds":60`), "400", "every_seconds"},
		{set, with(`"cron":"@daily","offset_seconds":60`), "400", "offset_seconds"},
		{set, with(`"every_seconds":60,"time_zone":"UTC"`), "400", "time_zone"},
		{set, with(`"every_seconds":-1`), "400", "every_seconds"},
		{set, with(`"every_seconds":0.5`), "400", "every_seconds"},
		{set, with(`"every_seconds":1e12`), "400", "every_seconds"},
		{set, with(`"every_seconds":60,"offset_seconds":60`), "400", "offset_seconds"},
		{set, with(`"every_seconds":60,"offset_seconds":-1`), "400", "offset_seconds"},
		{set, with(`"every_seconds":60,"catch_up":"some"`), "400", "catch_up"},
		{set, with(`"every_seconds":60,"catch_up_seconds":-1`), "400", "catch_up_seconds"},
		{set, with(`"every_seconds":60,"jitter_seconds":-1`), "400", "jitter_seconds"},
		{set, with(`"every_seconds":60,"jitter_seconds":86401`), "400", "jitter_seconds"},
		{set, with(`"every_seconds":60,"starts_at":-1`), "400", "starts_at"},
		{set, with(`"every_seconds":60,"starts_at":9,"ends_at":8`), "400", "ends_at"},
		{set, with(`"every_seconds":60,"paused":"yes"`), "400", "paused"},
		{set, with(`"every_seconds":60,"next_at":8`), "400", "next_at"},
		{set, of(`"name":""`), "400", "mission.name"},
		{set, of(`"name":"n","id":"m"`), "400", "mission.id"},
		{set, of(`"name":"n","not_before":1`), "400", "mission.not_before"},
		{set, of(`"name":"n","priority":"URGENT"`), "400", "mission.priority"},
		{set, of(`"name":"n","max_attempts":0`), "400", "mission.max_attempts"},
		{set, of(`"name":"n","timeout_seconds":0`), "400", "mission.timeout_seconds"},
		{set, of(`"name":"n","after":[{"mission":"a b"}]`), "400", "mission.after[0].mission"},
		{set, of(`"name":"n","data":[]`), "400", "mission.data"},
		{set, of(`"name":"n","data":{"a":"` + strings.Repeat("x", 64<<10) + `"}`), "413", "mission"},
		{set, of(`"name":"n","unique":{"key":"k","on_conflict":"x"}`), "400", "mission.unique.on_conflict"},
		{set, of(`"name":"n","unique":{"key":"k","ttl":5}`), "400", "mission.unique"},
		{set, of(`"name":"n","unique":false`), "400", "mission.unique"},

		{"supervisor.schedules.get", `{"id":"nowhere"}`, "404", ""},
		{"supervisor.schedules.delete", `{"id":"nowhere"}`, "404", ""},
		{"supervisor.schedules.trigger", `{"id":"nowhere"}`, "404", ""},
		{"supervisor.schedules.list", `{"limit":1001}`, "400", "limit"},
		{"supervisor.schedules.list", `{"cursor":"a b"}`, "400", "cursor"},
		{backfill, `{"id":"s"}`, "400", "from"},
		{backfill, `{"id":"s","from":9,"to":8}`, "400", "to"},
		{backfill, `{"id":"nowhere","from":9}`, "404", ""},
		{preview, `{"cron":"@daily","count":101}`, "400", "count"},
		{preview, `{"cron":"@daily","count":-1}`, "400", "count"},
		{preview, `{"cron":"@daily","time_zone":"Nowhere"}`, "400", "time_zone"},
		{preview, `{"cron":"x"}`, "400", "cron"},
	})
	_, err := r.client.SetSchedule(t.Context(), missions.ScheduleSpec{ID: "s", EverySeconds: 60, Paused: true, Mission: missions.Template{Name: "n"}})
	must(t, err)
	r.checkRefusals([]refusal{{backfill, `{"id":"s","from":1700000000,"to":1700060060}`, "413", "to"}})
}

// A schedule is due every second, and an agent works on what it creates.
func TestAScheduleCreatesMissions(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{lease: time.Hour})
	changed := r.events("schedule.changed")
	agent := r.register("w1", "default")
	named := client.New(r.nc, client.Name("alice"))
	spec := missions.ScheduleSpec{ID: "often", EverySeconds: 1, Mission: missions.Template{Name: "report", Data: json.RawMessage(`{"a":1}`)}}
	set, err := named.SetSchedule(t.Context(), spec)
	must(t, err)
	if len(set.NextTimes) != 5 || set.NextTimes[0] != set.NextAt || set.NextTimes[4] != set.NextAt.Add(4*time.Second) || set.By != "alice" || set.ByProven {
		t.Errorf("set: %+v", set)
	}
	if payload := changed()["payload"].(map[string]any); payload["schedule_id"] != "often" || payload["by"] != "alice" {
		t.Errorf("changed: %v", payload)
	}
	first, lease := r.claimOne(agent)
	if first.ScheduleID != "often" || first.ID != missions.OccurrenceID("often", first.ScheduledFor) || string(first.Data) != `{"a":1}` {
		t.Fatalf("claimed %+v", first)
	}
	must(t, agent.Complete(t.Context(), api.Completion{LeaseRef: lease}))
	second, _ := r.claimOne(agent)
	if second.ScheduleID != "often" || second.ScheduledFor <= first.ScheduledFor {
		t.Fatalf("claimed %+v", second)
	}
	deleted, err := named.DeleteSchedule(t.Context(), "often")
	must(t, err)
	if deleted.LastAt < second.ScheduledFor {
		t.Errorf("deleted: %+v", deleted)
	}
	changed()
	page, err := r.client.Schedules(t.Context(), api.SchedulesRequest{})
	must(t, err)
	if len(page.Schedules) != 0 {
		t.Errorf("%d schedules are left", len(page.Schedules))
	}
}

func TestASchedulesRequestsByHand(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	ctx := t.Context()
	spec := missions.ScheduleSpec{ID: "nightly", Cron: "0 2 * * *", TimeZone: "Europe/Berlin", Mission: missions.Template{Name: "report"}}
	_, err := r.client.SetSchedule(ctx, spec)
	must(t, err)
	got, err := r.client.Schedule(ctx, "nightly")
	must(t, err)
	times, err := r.client.Preview(ctx, api.PreviewRequest{Cron: spec.Cron, TimeZone: spec.TimeZone, Count: 5})
	must(t, err)
	if !slices.Equal(got.NextTimes, times) || len(times) != 5 {
		t.Errorf("next times %v, preview %v", got.NextTimes, times)
	}
	triggered, err := r.client.TriggerSchedule(ctx, "nightly")
	must(t, err)
	again, err := r.client.TriggerSchedule(ctx, "nightly")
	must(t, err)
	if !triggered.Created || again.Created || again.Mission.ID != triggered.Mission.ID {
		t.Errorf("triggered %+v, then %+v", triggered, again)
	}
	week := missions.At(time.Now().Add(-7 * 24 * time.Hour))
	done, err := r.client.Backfill(ctx, api.BackfillRequest{ID: "nightly", From: week})
	must(t, err)
	repeated, err := r.client.Backfill(ctx, api.BackfillRequest{ID: "nightly", From: week})
	must(t, err)
	if done.Created < 6 || done.Created > 8 || repeated.Created != 0 || repeated.Existing != done.Created {
		t.Errorf("backfilled %+v, then %+v", done, repeated)
	}
	spec.EverySeconds, spec.Cron, spec.TimeZone = 60, "", ""
	_, err = r.client.SetSchedule(ctx, spec)
	must(t, err)
	minutes := missions.At(time.Now().Add(-500 * time.Minute))
	done, err = r.client.Backfill(ctx, api.BackfillRequest{ID: "nightly", From: minutes})
	must(t, err)
	if done.Created+done.Existing < 500 || done.Created+done.Existing > 501 {
		t.Errorf("backfilled %+v", done)
	}
}
