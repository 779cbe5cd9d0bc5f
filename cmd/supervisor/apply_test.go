package main

import (
	"path/filepath"
	"strings"
	"testing"

	"missioncontrol/supervisor/api"
)

const schedulesFile = `# what runs at night
schedules:
  - id: nightly
    cron: 0 2 * * *
    time_zone: Europe/Berlin
    mission: {name: report, type: report, data: {of: yesterday, parts: [1, 2]}, unique: null}
---
schedules:
  - id: often
    every_seconds: 300
    mission:
      name: look
      tags: [quick]
`

func TestApply(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	file := writeFile(t, filepath.Join(t.TempDir(), "schedules.yaml"), schedulesFile)
	const added = `+ schedule nightly
    catch_up: "last"
    catch_up_seconds: 86400
    cron: "0 2 * * *"
    id: "nightly"
    mission.data.of: "yesterday"
    mission.data.parts: [1,2]
    mission.name: "report"
    mission.type: "report"
    mission.unique: null
    time_zone: "Europe/Berlin"
+ schedule often
    catch_up: "last"
    catch_up_seconds: 86400
    every_seconds: 300
    id: "often"
    mission.name: "look"
    mission.tags: ["quick"]
`
	equal(t, "dry run", b.ok(t, "apply", "-f", file, "--dry-run"), added+"2 to add, 0 to change, 0 unchanged. Nothing was set: this is a dry run.\n")
	b.refused(t, 1, `there is no schedule "nightly"`, "schedules", "get", "nightly")
	equal(t, "apply", b.ok(t, "apply", "-f", file), added+"2 added, 0 changed, 0 unchanged.\n")
	s, err := b.client.Schedule(t.Context(), "nightly")
	must(t, err)
	if s.TimeZone != "Europe/Berlin" || !s.Mission.Overlaps() || string(s.Mission.Data) != `{"of":"yesterday","parts":[1,2]}` {
		t.Errorf("%+v", s)
	}
	equal(t, "again", b.ok(t, "apply", "-f", file), "= schedule nightly\n= schedule often\n0 added, 0 changed, 2 unchanged.\n")
	again, err := b.client.Schedule(t.Context(), "nightly")
	must(t, err)
	equal(t, "changed_at", again.ChangedAt, s.ChangedAt)

	b.ok(t, "schedules", "pause", "often")
	writeFile(t, file, `schedules: [{id: often, every_seconds: 600, mission: {name: look, type: quick}}]`)
	equal(t, "change", b.ok(t, "apply", "-f", file), `~ schedule often
    every_seconds: 300 → 600
    mission.tags: ["quick"] → not set
    mission.type: not set → "quick"
    paused: true → not set
0 added, 1 changed, 0 unchanged.
`)
	list, err := b.client.Schedules(t.Context(), api.SchedulesRequest{})
	must(t, err)
	equal(t, "it deletes nothing", len(list.Schedules), 2)
	equal(t, "JSON", b.ok(t, "apply", "-f", file, "--dry-run", "--json"),
		`{"dry_run":true,"steps":[{"kind":"schedule","id":"often","action":"unchanged","changes":[]}]}`+"\n")
}

func TestApplyLimits(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	file := writeFile(t, filepath.Join(t.TempDir(), "limits.yaml"), `
limits:
  - name: anthropic
    total: 25
    rate: {count: 60, per_seconds: 60}
    keys: {tenant-7: {weight: 4}}
`)
	equal(t, "apply", b.ok(t, "apply", "-f", file), `+ limit anthropic
    keys.tenant-7.weight: 4
    name: "anthropic"
    rate.count: 60
    rate.per_seconds: 60
    total: 25
1 added, 0 changed, 0 unchanged.
`)
	equal(t, "again", b.ok(t, "apply", "-f", file), "= limit anthropic\n0 added, 0 changed, 1 unchanged.\n")
	writeFile(t, file, `limits: [{name: anthropic, total: 30, paused: true}]`)
	equal(t, "change", b.ok(t, "apply", "-f", file), `~ limit anthropic
    keys.tenant-7.weight: 4 → not set
    paused: not set → true
    rate.count: 60 → not set
    rate.per_seconds: 60 → not set
    total: 25 → 30
0 added, 1 changed, 0 unchanged.
`)
	b.refused(t, 2, file+", line 1: limit: total: must be between 0 and 1000000000", "apply", "-f", writeFile(t, file, `limits: [{name: l, total: -1}]`))
}

func TestApplyFromStandardInput(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	c := newCall(map[string]string{"NATS_URL": b.url})
	c.cli.In = strings.NewReader("schedules:\n- {id: s, cron: '@daily', mission: {name: n}}\n")
	equal(t, "exit code", c.start(t, "apply", "-f", "-").wait(t), 0)
	contains(t, c.out.String(), `+ schedule s`, `cron: "@daily"`, "1 added")
}

// A file with a mistake is refused with its line, and nothing is set.
func TestWhatIsWrongWithAFileThatIsApplied(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	dir := t.TempDir()
	const good = "schedules:\n- {id: good, every_seconds: 60, mission: {name: n}}\n"
	name := filepath.Join(dir, "f.yaml")
	for text, says := range map[string]string{
		"":                     " describes nothing; the keys of a file are limits, schedules",
		"- 1\n":                ", line 1: it must be a list under one of the keys limits, schedules",
		"limit: []\n":          `, line 1: "limit" is not one of the keys limits, schedules`,
		"schedules: {id: s}\n": ", line 1: schedules must be a list",
		good + "- {id: s, cron: 0 2 * *, mission: {name: n}}\n":                       ", line 3: schedule s: cron: has 4 fields",
		good + "- id: s\n  every_seconds: 60\n  mision: {name: n}\n":                  ", line 3: schedule s: mision: is not a field of this request",
		good + "- {id: s, every_seconds: 60, mission: {nam: n}}\n":                    "schedule s: mission.nam: is not a field",
		good + "- {id: s, every_seconds: 60, mission: {name: n}, if_changed_at: 5}\n": "schedule s: if_changed_at: is not a field of a schedule",
		good + "- {id: good, every_seconds: 90, mission: {name: n}}\n":                ", line 3: the schedule good is already described in " + name + ", line 2",
		good + "- {id: s, cron: */5 * * * *, mission: {name: n}}\n":                   "needs quotes",
		good + "- 7\n": ", line 3: schedule: ",
	} {
		writeFile(t, name, text)
		code, stdout, stderr := b.run(t, "apply", "-f", name)
		equal(t, "exit code", code, 2)
		equal(t, "stdout", stdout, "")
		contains(t, stderr, name, says)
	}
	b.refused(t, 2, "-f is required: the file to apply, or - for standard input", "apply")
	b.refused(t, 2, "-f: cannot read "+dir+"/none: no such file or directory", "apply", "-f", dir+"/none")
	list, err := b.client.Schedules(t.Context(), api.SchedulesRequest{})
	must(t, err)
	equal(t, "nothing was set", len(list.Schedules), 0)
}
