package api_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/fatal"
)

var must = fatal.If

// update decodes a progress report.
func update(t *testing.T, body string) (missions.ProgressUpdate, error) {
	t.Helper()
	request, err := api.Decode[api.ProgressRequest]([]byte(body))
	must(t, err)
	return request.Update("a")
}

// A report needs no percent if it says something else.
func TestAReportMayLeaveTheProgressAsItIs(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]missions.ProgressUpdate{
		`{"mission_id":"m","lease":1,"percent":5}`: {Progress: missions.Progress{Percent: 5}},
		`{"mission_id":"m","lease":1,"checkpoint":{ "a" : [1] }}`: {Unchanged: true,
			Report: missions.Report{Checkpoint: json.RawMessage(`{"a":[1]}`)}},
		`{"mission_id":"m","lease":1,"checkpoint":null}`:         {Unchanged: true, Report: missions.Report{Checkpoint: json.RawMessage(`null`)}},
		`{"mission_id":"m","lease":1,"usage":{"usd":0.5,"n":0}}`: {Unchanged: true, Report: missions.Report{Usage: missions.Usage{"usd": 0.5, "n": 0}}},
		`{"mission_id":"m","lease":1,"percent":0,"usage":{"usd":1}}`: {
			Report: missions.Report{Usage: missions.Usage{"usd": 1}}},
	} {
		want.AgentID, want.LeaseRef = "a", missions.LeaseRef{MissionID: "m", Lease: 1}
		if got, err := update(t, body); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	if _, err := update(t, `{"mission_id":"m","lease":1}`); api.FromError(err).Field != "percent" {
		t.Errorf("got %v", err)
	}
}

// A checkpoint is as large as its JSON without white space.
func TestACheckpointOf64KiBIsStored(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", missions.MaxCheckpointBytes-len(`""`))
	if _, err := update(t, `{"mission_id":"m","lease":1,"checkpoint":  "`+text+`"  }`); err != nil {
		t.Error(err)
	}
	if _, err := update(t, `{"mission_id":"m","lease":1,"checkpoint":"x`+text+`"}`); api.FromError(err).Status() != 413 {
		t.Errorf("got %v", err)
	}
}

// A release parks a mission only if it says what for.
func TestAReleaseParks(t *testing.T) {
	t.Parallel()
	signal := missions.Condition{Signal: "go"}
	for body, want := range map[string]*missions.Park{
		`{"mission_id":"m","lease":1}`:                                                   nil,
		`{"mission_id":"m","lease":1,"after":[]}`:                                        nil,
		`{"mission_id":"m","lease":1,"after_timeout_seconds":5}`:                         {After: nil, TimeoutSeconds: 5},
		`{"mission_id":"m","lease":1,"after":[{"signal":"go"},{"mission":"n"}]}`:         {After: []missions.Condition{signal, {Mission: "n", When: missions.WhenCompleted}}},
		`{"mission_id":"m","lease":1,"after":[{"signal":"go"}],"checkpoint":{"step":1}}`: {After: []missions.Condition{signal}},
	} {
		request, err := api.Decode[api.ReleaseRequest]([]byte(body))
		must(t, err)
		end, err := request.Finish("a")
		if err != nil || end.Outcome != missions.OutcomeRelease || (end.Park == nil) != (want == nil) {
			t.Errorf("%s: %+v, %v", body, end, err)
			continue
		}
		if want != nil && (!slices.EqualFunc(end.Park.After, want.After, sameCondition) || end.Park.TimeoutSeconds != want.TimeoutSeconds) {
			t.Errorf("%s: parked for %+v, want %+v", body, end.Park, want)
		}
	}
}

func sameCondition(a, b missions.Condition) bool { return reflect.DeepEqual(a, b) }

// A mission that uses none of it has no flow.
func TestOnlyAMissionThatUsesItHasAFlow(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"name":"x","id":"i"}`:                                  false,
		`{"name":"x","id":"i","after":[],"max_usage":{}}`:        false,
		`{"name":"x","id":"i","after":[{"signal":"s"}]}`:         true,
		`{"name":"x","id":"i","batch":"b"}`:                      true,
		`{"name":"x","id":"i","retry_policy":{}}`:                true,
		`{"name":"x","id":"i","parent_id":"p","detached":false}`: true,
	} {
		spec, err := api.Decode[api.MissionSpec]([]byte(body))
		must(t, err)
		if m, err := spec.Mission(); err != nil || (m.Flow != nil) != want {
			t.Errorf("%s: %+v, %v", body, m.Flow, err)
		}
	}
}

// What is left out of a reply that is too large is named, and only what was there.
func TestTrimmingLeavesOutInputsCheckpointAndData(t *testing.T) {
	t.Parallel()
	large := func(n int) json.RawMessage { return json.RawMessage(`"` + strings.Repeat("x", n) + `"`) }
	m := missions.Mission{ID: "m", Checkpoint: large(1000), Flow: &missions.Flow{
		Inputs:    map[string]missions.Input{"a": {Result: large(1000)}},
		Signals:   missions.Signals{{Seq: 1, Name: "s", Data: large(1000)}},
		WaitedFor: []missions.Wait{{Condition: missions.Condition{Signal: "s", Prompt: strings.Repeat("x", 400)}}},
	}}
	whole := missions.Mission{ID: "n"}
	for limit, want := range map[int]string{
		3500: "data result description error inputs",
		2700: "data result description error inputs checkpoint",
		1700: "data result description error inputs checkpoint signals",
		1100: "data result description error inputs checkpoint signals waited_for",
	} {
		body, err := api.EncodeWithin(api.MissionList{Missions: []missions.Mission{m, whole}}, limit)
		must(t, err)
		var got api.MissionList
		must(t, api.DecodeReply(body, &got))
		if trimmed := strings.Join(got.Missions[0].Trimmed, " "); trimmed != want || len(body) > limit {
			t.Errorf("within %d: %d bytes without %s, want %s", limit, len(body), trimmed, want)
		}
		if trimmed := got.Missions[1].Trimmed; len(trimmed) != 4 {
			t.Errorf("a mission without a flow lacks %v", trimmed)
		}
	}
	if len(m.Signals[0].Data) < 1000 || m.Inputs == nil || m.Checkpoint == nil {
		t.Error("the mission itself has changed")
	}
}

func TestFeaturesAreSorted(t *testing.T) {
	t.Parallel()
	if features := api.Features(); !slices.IsSorted(features) || len(features) != 16 {
		t.Errorf("%v", features)
	}
}

// TestOrderOfARequest: missions of one request may wait for each other's batches, but not in a circle.
func TestOrderOfARequest(t *testing.T) {
	t.Parallel()
	if err := api.CheckOrder([]api.MissionSpec{{ID: "end", After: []missions.Condition{{Batch: "x"}}}, {ID: "a", Batch: "x"}}); err != nil {
		t.Error(err)
	}
	err := api.CheckOrder([]api.MissionSpec{{ID: "a", Batch: "x", After: []missions.Condition{{Mission: "b"}}}, {ID: "b", After: []missions.Condition{{Batch: "x"}}}})
	var refused *missions.Error
	if !errors.As(err, &refused) || refused.Field != "missions[1].after[0].batch" {
		t.Errorf("a circle through a batch: %v", err)
	}
}
