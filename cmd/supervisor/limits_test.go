package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	ctx := t.Context()
	_, stdout, note := b.run(t, "limits")
	equal(t, "none", stdout+note, "No limits. Add one with: supervisor limits set NAME --total N\n")
	set := []string{"limits", "set", "anthropic", "--total", "25", "--per-key", "1", "--rate", "60/1m", "--budget", "usd=50/1d",
		"--max-pending-per-key", "100", "--key", "tenant-7:per-key=10,weight=4", "--key", "user:9:paused", "--note", "contract 2026"}
	first := b.ok(t, set...)
	equal(t, "set", first, "Limit anthropic is set; 0 missions run, 0 waiting\n")
	equal(t, "set again", b.ok(t, set...), first)
	b.ok(t, "missions", "create", "work", "--type", "code", "--key", "user:1", "--limits", "anthropic", "--requires", "gpu=h100", "--id", "m1")
	b.ok(t, "missions", "create", "work", "--type", "code", "--key", "user:1", "--limits", "anthropic", "--requires", "gpu=h100", "--id", "m2")
	contains(t, b.ok(t, "missions", "get", "m1"), "Key: user:1", "Limits: anthropic", "Requires: gpu=h100")
	equal(t, "by key", b.ok(t, "missions", "list", "--key", "user:1", "-o", "name"), "m2\nm1\n")
	agent := b.client.Agent("w")
	_, err := agent.Register(ctx, api.RegisterRequest{Name: "w", Types: []string{"code"}, Capacity: 4, Labels: map[string]string{"gpu": "h100"}})
	must(t, err)
	claimed, err := agent.Claim(ctx, api.ClaimRequest{Max: 4})
	must(t, err)
	if len(claimed.Missions) != 1 {
		t.Fatalf("%d missions started, want 1", len(claimed.Missions))
	}
	equal(t, "held", b.ok(t, "missions", "list", "--waiting", "limit", "-o", "name"), "m2\n")
	contains(t, b.ok(t, "missions", "get", "m2"), "Waits: for the limit anthropic: 1 of 1 missions with its key user:1 run\n")
	l, err := b.client.Limit(ctx, "anthropic")
	must(t, err)
	moment := func(at missions.Time) string { return at.Time().Format(time.DateTime) }
	equal(t, "get", b.ok(t, "limits", "get", "anthropic"), `Limit anthropic

       State: open
  Applies to: missions that name it
        Note: contract 2026

     Running: 1 of 25
     Per key: 1
     Waiting: 1
     Pending: at most 100 per key
        Rate: 60 starts every 1 minute
      Budget: 0 of 50 usd every 1 day
     Busiest: user:1  1
   Keys full: 2
        Keys: tenant-7:per-key=10,weight=4
              user:9:paused

     Created: `+moment(l.CreatedAt)+`
     Changed: `+moment(l.ChangedAt)+`
          By: supervisor-cli (unproven)
`)
	equal(t, "pause", b.ok(t, "limits", "pause", "anthropic"), "Paused limit anthropic; 1 mission runs, 1 waiting\n")
	contains(t, b.ok(t, "missions", "get", "m2"), "Waits: for the limit anthropic: it is paused; resume it: supervisor limits resume anthropic\n")
	b.ok(t, "limits", "set", "code", "--type", "code", "--total", "1")
	_, stdout, note = b.run(t, "limits", "--limit", "2")
	contains(t, stdout, "Name       State        Applies_to             Running  Of  Waiting  Spent        Note",
		"anthropic  paused       missions_that_name_it  1        25  1        0_of_50_usd  contract_2026", "code       full:_total  type_code              1        1   1        -            -")
	equal(t, "note", note, "")
	equal(t, "resume", b.ok(t, "limits", "resume", "anthropic"), "Resumed limit anthropic; 1 mission runs, 1 waiting\n")
	equal(t, "names", b.ok(t, "limits", "list", "-o", "name"), "anthropic\ncode\n")
	equal(t, "delete", b.ok(t, "limits", "delete", "code", "--yes"), "Deleted limit code\n")
	b.refused(t, 1, `there is no limit "code"`, "limits", "get", "code")
	b.refused(t, 1, `there is no limit "code"`, "limits", "pause", "code")
}

func TestQueues(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	_, stdout, note := b.run(t, "missions", "queues")
	equal(t, "none", stdout+note, "Nothing is pending\n")
	b.ok(t, "limits", "set", "anthropic", "--paused")
	for _, args := range []string{"--type code", "--type code --key a --limits anthropic", "--type code --key a --limits anthropic", "--type code --limits anthropic --requires gpu=h100"} {
		b.ok(t, append([]string{"missions", "create", "work"}, strings.Fields(args)...)...)
	}
	_, err := b.client.Agent("w").Register(t.Context(), api.RegisterRequest{Name: "w", Types: []string{"code"}, Capacity: 4})
	must(t, err)
	out := regexp.MustCompile(` +`).ReplaceAllString(b.ok(t, "missions", "queues"), " ")
	out = regexp.MustCompile(`\d+(\.\d+)?m?s`).ReplaceAllString(out, "TIME")
	contains(t, out, `Type For Pending Claimable Held Oldest Agents Busy Keys
code anthropic 2 2 2 TIME 1 0/4 a_2_held
code - 1 1 0 TIME 1 0/4 -
code anthropic,gpu=h100 1 1 1 TIME 0 0/0 -
`)
}

// A mission says which agent it waits for, and why another one does not get it.
func TestWhichAgentAMissionWaitsFor(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.ok(t, "missions", "create", "work", "--type", "code", "--prefer-agent", "w", "--prefer-seconds", "3600", "--id", "m")
	b.ok(t, "missions", "create", "work", "--type", "code", "--requires", "gpu=h100", "--id", "gpu")
	card := b.ok(t, "missions", "get", "m")
	contains(t, card, "Waits: for an agent: none is online for the type code; ", "Prefers: agent w, until ")
	_, err := b.client.Agent("w").Register(t.Context(), api.RegisterRequest{Name: "w", Types: []string{"code"}, Capacity: 4})
	must(t, err)
	contains(t, b.ok(t, "missions", "get", "m"), "Waits: for agent w, to which others leave it while it is online; at ", " they can have it\n")
	contains(t, b.ok(t, "missions", "get", "gpu"), "Waits: for an agent: of 1 agent that is online for its type, none has the labels gpu=h100\n")
	b.refused(t, 2, "--prefer-seconds needs prefer_agent", "missions", "create", "work", "--prefer-seconds", "3")
}

func TestLimitFlags(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	for _, c := range []struct {
		text string
		args []string
	}{
		{`"a b" is not the name of a limit: it may contain only letters, digits, _ and -`, []string{"a b"}},
		{"--total must be between 0 and 1000000000", []string{"l", "--total", "-1"}},
		{"--per-key must be at least 1; to stop everything, use paused", []string{"l", "--per-key", "0"}},
		{"--rate: must be N/DURATION, such as 60/1m", []string{"l", "--rate", "60"}},
		{"--rate must be between 1 and 1000000", []string{"l", "--rate", "0/1m"}},
		{"--budget: must be UNIT=AMOUNT/DURATION, such as usd=50/1d", []string{"l", "--budget", "50/1d"}},
		{`--key: "k" must be KEY:SETTINGS, such as tenant-7:per-key=10,weight=4`, []string{"l", "--key", "k"}},
		{`--key: "per-key=x" is none of per-key=N, weight=W, paused`, []string{"l", "--key", "k:per-key=x"}},
		{"--key: k.weight must be between 0.001 and 1000", []string{"l", "--key", "k:weight=5000"}},
	} {
		b.refused(t, 2, c.text, append([]string{"limits", "set"}, c.args...)...)
	}
}
