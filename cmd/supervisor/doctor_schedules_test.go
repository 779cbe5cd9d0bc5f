package main

import (
	"fmt"
	"testing"
	"time"

	"missioncontrol/supervisor/api"
)

func TestTheDoctorCountsSchedules(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.awaitEvents(t)
	found, code := diagnosis(t, b.url)
	equal(t, "exit code", code, 0)
	wants(t, found, "schedules", fine, "there are none")
	b.ok(t, "schedules", "set", "nightly", "report", "--cron", "0 2 * * *", "--time-zone", "Europe/Berlin", "--jitter", "10m")
	b.ok(t, "schedules", "set", "often", "look", "--every", "5m", "--offset", "30s")
	b.ok(t, "schedules", "set", "resting", "look", "--every", "5m", "--paused")
	found, _ = diagnosis(t, b.url)
	wants(t, found, "schedules", fine, "3 schedules, counted and planned as set")
	for _, check := range []string{"schedules_behind", "schedules_missed", "schedules_ended"} {
		if f, there := found[check]; there {
			t.Errorf("%+v", f)
		}
	}
	b.ok(t, "schedules", "set", "over", "look", "--every", "5m", "--ends", "1d")
	over, err := b.client.Schedule(t.Context(), "over")
	must(t, err)
	over.StartsAt, over.EndsAt = 1, 2 // it has ended
	_, err = b.client.SetSchedule(t.Context(), over.ScheduleSpec)
	must(t, err)
	found, code = diagnosis(t, b.url)
	equal(t, "exit code", code, 0)
	wants(t, found, "schedules_ended", warned, "over (ended)", "supervisor schedules delete")
}

// The doctor names each schedule whose data contradicts itself, that is behind, or whose latest time has no mission.
func TestTheDoctorReadsSchedules(t *testing.T) {
	t.Parallel()
	now := time.Now().Unix()
	hour := now - now%3600
	for _, c := range []struct {
		schedules string
		total     int
		check     string
		status    verdict
		says      string
	}{
		{fmt.Sprintf(`{"id":"a","every_seconds":3600,"next_at":%d}`, hour+3600), 2, "schedules", wrong, "the supervisor counts 2 schedules, and lists 1"},
		{fmt.Sprintf(`{"id":"a","every_seconds":3600,"next_at":%d}`, hour+3601), 1, "schedules", wrong, "a is due next at a time that is none of its times"},
		{fmt.Sprintf(`{"id":"a","every_seconds":3600,"next_at":%d,"paused":true}`, hour+3600), 1, "schedules", wrong, "a is paused, and due next"},
		{`{"id":"a","cron":"61 * * * *"}`, 1, "schedules", wrong, "a cannot be read: cron: "},
		{fmt.Sprintf(`{"id":"a","every_seconds":3600,"next_at":%d}`, hour-3600), 1, "schedules_behind", wrong, "a (for "},
		{fmt.Sprintf(`{"id":"a","every_seconds":3600,"next_at":%d,"last_error":"batch \"b\" is closed"}`, hour+3600), 1, "schedules_missed", warned, `a (batch "b" is closed)`},
		{`{"id":"a","cron":"0 0 31 2 *","time_zone":"UTC"}`, 1, "schedules_ended", warned, "a (no such time exists)"},
	} {
		b := newFake(t)
		answering(t, b.nc, api.SubjectHealth, fmt.Sprintf(`{"status":"ok","timestamp":%d,"version":"%s","features":["schedules"],`+
			`"checks":{"store":{"status":"ok"},"event_stream":{"status":"ok"},"agent_deaths":{"status":"ok"}}}`, now, version()))
		answering(t, b.nc, api.SubjectSchedulesList, fmt.Sprintf(`{"schedules":[%s],"total":%d}`, c.schedules, c.total))
		found, _ := diagnosis(t, b.url)
		wants(t, found, c.check, c.status, c.says)
	}
}
