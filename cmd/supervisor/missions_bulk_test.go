package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// tookTime replaces what differs from run to run.
func tookTime(text string) string {
	return regexp.MustCompile(`in [0-9.]+(µs|ms|s)\n`).ReplaceAllString(text, "in TIME\n")
}

func (h *testbed) createTagged(t *testing.T, tag string, n int) {
	t.Helper()
	specs := make([]api.MissionSpec, n)
	for i := range specs {
		specs[i] = api.MissionSpec{ID: fmt.Sprintf("%s-%d", tag, i), Name: "n", Tags: []string{tag}}
	}
	_, err := h.client.CreateBatch(t.Context(), specs)
	must(t, err)
}

func TestASignalToAllThatMatch(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.createTagged(t, "red", 3)
	b.createTagged(t, "blue", 1)
	equal(t, "dry run", b.ok(t, "missions", "signal", "--tag", "red", "steer", "stop early", "--dry-run"), "Would signal 3 missions\n")
	for _, want := range []string{"Signalled 3 missions, 0 skipped, 0 failed, in TIME\n", "Signalled 0 missions, 3 skipped, 0 failed, in TIME\n"} {
		_, stdout, stderr := b.run(t, "missions", "signal", "--tag", "red", "steer", "stop early", "--id", "steer-1", "--yes")
		equal(t, "sent", stdout+tookTime(stderr), want)
	}
	for id, want := range map[string]int{"red-0": 1, "red-2": 1, "blue-0": 0} {
		m, err := b.client.Get(t.Context(), id)
		must(t, err)
		if got := m.Flow; want == 0 && got != nil || want == 1 && (got == nil || len(got.Signals) != 1 || string(got.Signals[0].Data) != `"stop early"`) {
			t.Errorf("%s has %+v, want %d signals", id, got, want)
		}
	}
	b.refused(t, 2, "missions signal takes the NAME of a signal, and maybe DATA, but not also \"data\"; see supervisor missions signal --help", "missions", "signal", "--tag", "red", "red-0", "steer", "data")
	b.refused(t, 2, "the NAME of the signal may contain only letters, digits, _ and -", "missions", "signal", "--tag", "red", "a b", "--yes")
	b.refused(t, 2, "--dry-run cannot be combined with an ID", "missions", "signal", "red-0", "steer", "--dry-run")
	b.refused(t, 2, "there is no terminal to ask for confirmation; add --yes, or --dry-run to count", "missions", "signal", "--all", "steer")
}

func TestAllThatMatchAreCountedAndChanged(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.createTagged(t, "red", 1000)
	b.createTagged(t, "blue", 3)
	_, err := b.client.Bulk(t.Context(), api.BulkRequest{Action: missions.BulkCancel, Filter: &api.ListRequest{Tag: "blue"}})
	must(t, err)
	ask := func(answer string, args ...string) (code int, stdout, stderr string) {
		c := newCall(map[string]string{"NATS_URL": b.url})
		c.cli.In, c.cli.Err.Terminal = strings.NewReader(answer), true
		code = c.start(t, append([]string{"missions"}, args...)...).wait(t)
		return code, c.out.String(), c.err.String()
	}
	equal(t, "dry run", b.ok(t, "missions", "cancel", "--tag", "red", "--dry-run"), "Would cancel 1,000 missions\n")
	code, _, stderr := ask("n\n", "cancel", "--tag", "red")
	equal(t, "exit code", code, 1)
	contains(t, stderr, "Cancel 1,000 missions? [y/N] Nothing was cancelled.\n")
	code, _, stderr = ask("y\n", "cancel", "--tag", "red", "--reason", "not needed")
	equal(t, "exit code", code, 0)
	contains(t, tookTime(stderr), "Counting missions", "Cancel 1,000 missions? [y/N] ", "Cancelling missions", "Cancelled 1,000 missions, 0 skipped, 0 failed, in TIME\n")
	contains(t, b.ok(t, "missions", "get", "red-7"), "This mission was cancelled by supervisor-cli: not needed\n")

	_, stdout, stderr := b.run(t, "missions", "retry", "--tag", "red", "--yes")
	equal(t, "retried", stdout+tookTime(stderr), "Requeued 1,000 missions, 0 skipped, 0 failed, in TIME\n")
	_, stdout, stderr = b.run(t, "missions", "retry", "--tag", "red", "--yes")
	equal(t, "nothing is left", stdout+stderr, "No matching missions.\n")
	equal(t, "the others", b.ok(t, "missions", "list", "--tag", "blue", "--status", "CANCELLED", "-o", "name"), "blue-2\nblue-1\nblue-0\n")

	code, _, stderr = ask("n\n", "delete", "--all")
	equal(t, "exit code", code, 1)
	contains(t, stderr, "Delete 1,003 missions? This cannot be undone. [y/N] Nothing was deleted.\n")
	var sum api.BulkReply
	must(t, json.Unmarshal([]byte(b.ok(t, "missions", "delete", "--status", "cancelled", "--yes", "--json")), &sum))
	if sum.Matched != 3 || sum.Changed != 3 || sum.Errors == nil || sum.AsOf == 0 {
		t.Errorf("%+v", sum)
	}
	must(t, json.Unmarshal([]byte(b.ok(t, "missions", "delete", "--tag", "blue", "--yes", "--json")), &sum))
	equal(t, "matched", sum.Matched, 0)
}

func TestOptionsOfARetryApplyToAllThatMatch(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.ok(t, "missions", "create", "build", "--id", "build", "--type", "t")
	b.ok(t, "missions", "create", "deploy", "--id", "deploy", "--after", "build", "--type", "u")
	b.ok(t, "missions", "cancel", "build")
	_, err := b.client.Wait(t.Context(), "deploy")
	must(t, err)
	code, _, stderr := b.run(t, "missions", "retry", "--type", "t", "--dependents", "--yes")
	equal(t, "exit code", code, 0)
	contains(t, stderr, "Requeued 1 mission, ")
	deploy := b.start(t, "missions", "get", "deploy", "--watch")
	deploy.out.await(t, "Waits: for mission build\n", 1)
}

// What cannot be changed is listed, and the exit code says so.
func TestMissionsThatCannotBeChangedAreListed(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	_, err := b.nc.Subscribe(api.SubjectMissionsBulk, func(m *nats.Msg) {
		reply := `{"matched":2,"changed":1,"errors":[{"id":"late","error":{"code":"conflict","message":"its deadline has passed"}}],"as_of":17}`
		if strings.Contains(string(m.Data), "dry_run") {
			reply = `{"matched":3,"changed":0,"errors":[],"as_of":17}`
		}
		_ = m.Respond([]byte(reply))
	})
	must(t, err)
	must(t, b.nc.Flush())
	code, _, stderr := b.run(t, "missions", "retry", "--status", "FAILED", "--yes")
	equal(t, "exit code", code, 1)
	equal(t, "stderr", tookTime(stderr), "mission late: its deadline has passed\nRequeued 1 mission, 1 skipped, 1 failed, in TIME\n")
}

// A request without an answer is repeated. It says as of when, so that what it has changed stays as it is.
func TestAChangeOfManyIsSentAgainWhenItsFateIsUnknown(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	var sent []string
	_, err := b.nc.Subscribe(api.SubjectMissionsBulk, func(m *nats.Msg) {
		sent = append(sent, string(m.Data))
		switch {
		case len(sent) == 1:
			_ = m.Respond([]byte(`{"matched":2000,"changed":0,"errors":[],"as_of":17.5}`))
		case len(sent) == 2:
			_ = m.Respond([]byte(`{"matched":1000,"changed":1000,"errors":[],"as_of":17.5,"next_cursor":"next"}`))
		case len(sent) == 4:
			_ = m.Respond([]byte(`{"matched":0,"changed":0,"errors":[],"as_of":17.5}`))
		default:
			reply := nats.NewMsg(m.Reply)
			reply.Header.Set(api.HeaderErrorCode, "408")
			reply.Data = []byte(`{"error":{"code":"timeout","message":"late"}}`)
			_ = m.RespondMsg(reply)
		}
	})
	must(t, err)
	must(t, b.nc.Flush())
	_, _, stderr := b.run(t, "missions", "cancel", "--type", "t", "--yes")
	equal(t, "stderr", tookTime(stderr), "Cancelled 1,000 missions, 1,000 skipped, 0 failed, in TIME\n"+
		"1 request was repeated because there was no answer; what the first one had changed counts as skipped\n")
	equal(t, "requests", strings.Join(sent, "\n"), `{"action":"cancel","filter":{"type":"t"},"dry_run":true}
{"action":"cancel","filter":{"type":"t"},"as_of":17.5}
{"action":"cancel","filter":{"type":"t"},"as_of":17.5,"cursor":"next"}
{"action":"cancel","filter":{"type":"t"},"as_of":17.5,"cursor":"next"}`)
	code, _, stderr := b.run(t, "missions", "cancel", "--type", "t", "--yes")
	equal(t, "exit code", code, 1)
	contains(t, stderr, "supervisor: late\n")
}

// If it stays unknown what has happened, the command says how far it came.
func TestAChangeOfManySaysHowFarItCame(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	n := 0
	_, err := b.nc.Subscribe(api.SubjectMissionsBulk, func(m *nats.Msg) {
		if n++; n <= 2 {
			_ = m.Respond(fmt.Appendf(nil, `{"matched":%d,"changed":%d,"errors":[],"as_of":17%s}`, 1000, 1000*(n-1), []string{"", `,"next_cursor":"next"`}[n-1]))
			return
		}
		reply := nats.NewMsg(m.Reply)
		reply.Header.Set(api.HeaderErrorCode, "408")
		reply.Data = []byte(`{"error":{"code":"timeout","message":"late"}}`)
		_ = m.RespondMsg(reply)
	})
	must(t, err)
	must(t, b.nc.Flush())
	code, _, stderr := b.run(t, "missions", "delete", "--type", "t", "--yes")
	equal(t, "exit code", code, 1)
	contains(t, tookTime(stderr), "Deleted 1,000 missions, 0 failed, in TIME\n", "supervisor: it is not known whether more missions were deleted: late\n")
}
