package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func TestSchedules(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	_, stdout, note := b.run(t, "schedules")
	equal(t, "none", stdout+note, "No schedules. Add one with: supervisor schedules set ID NAME --cron EXPRESSION\n")
	set := []string{"schedules", "set", "nightly", "report", "--cron", "0 2 * * *", "--time-zone", "Europe/Berlin", "--type", "report",
		"--data", `{"of":"yesterday"}`, "--catch-up-within", "2d", "--jitter", "10m"}
	first := b.ok(t, set...)
	s, err := b.client.Schedule(t.Context(), "nightly")
	must(t, err)
	moment := func(at missions.Time) string { return at.Time().Format(time.DateTime) }
	equal(t, "set", first, "Schedule nightly is set; next: "+moment(s.NextAt)+"\n")
	equal(t, "set again", b.ok(t, set...), first)
	var next strings.Builder
	for i, at := range s.NextTimes {
		if i > 0 {
			next.WriteString("\n              ")
		}
		next.WriteString(moment(at))
	}
	equal(t, "get", b.ok(t, "schedules", "get", "nightly"), `Schedule nightly

       State: on
        When: 0 2 * * * Europe/Berlin
  Catches up: last
      Within: 2 days
      Jitter: 10 minutes

     Mission: report
        Type: report
        Data: {"of":"yesterday"}

        Next: `+next.String()+`
      Missed: 0

     Created: `+moment(s.CreatedAt)+`
     Changed: `+moment(s.ChangedAt)+`
          By: supervisor-cli (unproven)
`)
	b.ok(t, "schedules", "set", "often", "look", "--every", "5m", "--offset", "30s", "--overlap", "--catch-up", "none", "--starts", "1d", "--ends", "2d")
	often, err := b.client.Schedule(t.Context(), "often")
	must(t, err)
	if often.EverySeconds != 300 || often.OffsetSeconds != 30 || !often.Mission.Overlaps() || often.CatchUp != missions.CatchUpNone ||
		often.EndsAt.Sub(often.StartsAt).Round(time.Minute) != 24*time.Hour || often.NextAt < often.StartsAt {
		t.Errorf("%+v", often)
	}
	equal(t, "names", b.ok(t, "schedules", "list", "-o", "name"), "nightly\noften\n")
	_, stdout, note = b.run(t, "schedules", "--limit", "1")
	contains(t, stdout, "ID       State  When                     Next                 Last  Missed  Mission", "nightly  on     0_2_*_*_*_Europe/Berlin  ")
	equal(t, "note", note, "Showing 1; continue with --cursor nightly\n")
	b.refused(t, 1, `there is no schedule "none"`, "schedules", "get", "none")
	equal(t, "delete", b.ok(t, "schedules", "delete", "often", "--yes"), "Deleted schedule often\n")
}

func TestSchedulesByHand(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	file := filepath.Join(t.TempDir(), "nightly.json")
	must(t, os.WriteFile(file, []byte(`{"cron":"@daily","mission":{"name":"report","after":[{"signal":"go"}],"unique":null}}`), 0o600))
	b.ok(t, "schedules", "set", "nightly", "--file", file)
	s, err := b.client.Schedule(t.Context(), "nightly")
	must(t, err)
	if !s.Mission.Overlaps() || len(s.Mission.After) != 1 {
		t.Errorf("%+v", s)
	}
	must(t, os.WriteFile(file, []byte(`{"id":"nightly","cron":"@daily","mision":{}}`), 0o600))
	b.refused(t, 2, "--file: mision: is not a field of this request", "schedules", "set", "nightly", "--file", file)
	b.refused(t, 2, `--file: the schedule in `+file+` is "nightly", not "other"`, "schedules", "set", "other", "--file", writeFile(t, file, `{"id":"nightly","cron":"@daily"}`))

	equal(t, "pause", b.ok(t, "schedules", "pause", "nightly"), "Paused schedule nightly\n")
	contains(t, b.ok(t, "schedules"), "nightly  paused")
	equal(t, "resume", b.ok(t, "schedules", "resume", "nightly"), "Resumed schedule nightly; next: "+s.NextAt.Time().Format(time.DateTime)+"\n")
	must(t, os.WriteFile(file, []byte(`{"cron":"@daily","mission":{"name":"report"}}`), 0o600))
	b.ok(t, "schedules", "set", "nightly", "--file", file)
	created := b.ok(t, "schedules", "trigger", "nightly")
	list, err := b.client.List(t.Context(), api.ListRequest{})
	must(t, err)
	id := list.Missions[0].ID
	equal(t, "trigger", created, "Created mission "+id+"\n")
	equal(t, "trigger again", b.ok(t, "schedules", "trigger", "nightly"), "Mission "+id+" is still PENDING, and no other was created\n")
	contains(t, b.ok(t, "missions", "get", id), "Schedule: nightly, for ")
	equal(t, "backfill", b.ok(t, "schedules", "backfill", "nightly", "--from", "2026-01-01T12:00:00Z", "--to", "2026-01-04T12:00:00Z"), "Created 3 missions, 0 already existed\n")
	equal(t, "backfill again", b.ok(t, "schedules", "backfill", "nightly", "--from", "2026-01-01T12:00:00Z", "--to", "2026-01-05T12:00:00Z"), "Created 1 mission, 3 already existed\n")
	preview := b.ok(t, "schedules", "preview", "--cron", "30 2 * * *", "--time-zone", "Asia/Kolkata", "--count", "2")
	if lines := strings.Split(preview, "\n"); len(lines) != 3 || !strings.Contains(lines[0], " 02:30:00 Asia/Kolkata  (") || !strings.Contains(lines[0], " 21:00:00 here)") {
		t.Errorf("preview: %q", preview)
	}
	preview = b.ok(t, "schedules", "preview", "--every", "1h")
	equal(t, "lines", strings.Count(preview, ":00:00\n"), 5)
}

// A pause that somebody overtakes with another change is made again, to what the schedule then says.
func TestAPauseLosesNoChange(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	var overtaken atomic.Bool
	const before = `{"id":"s","every_seconds":60,"mission":{"name":"before"},"catch_up":"last","catch_up_seconds":86400,"changed_at":1}`
	after := strings.NewReplacer("before", "after", `"changed_at":1`, `"changed_at":2`).Replace(before)
	_, err := b.nc.Subscribe(api.SubjectSchedulesGet, func(m *nats.Msg) {
		if overtaken.Load() {
			_ = m.Respond([]byte(after)) // a lost one fails the test
			return
		}
		_ = m.Respond([]byte(before)) // likewise
	})
	must(t, err)
	set := make(chan string, 2)
	_, err = b.nc.Subscribe(api.SubjectSchedulesSet, func(m *nats.Msg) {
		set <- string(m.Data)
		if overtaken.CompareAndSwap(false, true) {
			reply := nats.NewMsg(m.Reply)
			reply.Header.Set(api.HeaderErrorCode, "409")
			reply.Data = []byte(`{"error":{"code":"conflict","message":"schedule \"s\" has changed meanwhile"}}`)
			_ = m.RespondMsg(reply)
			return
		}
		_ = m.Respond([]byte(after))
	})
	must(t, err)
	must(t, b.nc.Flush())
	contains(t, b.ok(t, "schedules", "pause", "s"), "Paused schedule s")
	contains(t, <-set, `"name":"before"`, `"paused":true`, `"if_changed_at":1`)
	contains(t, <-set, `"name":"after"`, `"paused":true`, `"if_changed_at":2`)
}

// writeFile writes a file and returns its name.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	must(t, os.WriteFile(name, []byte(text), 0o600))
	return fmt.Sprint(name)
}
