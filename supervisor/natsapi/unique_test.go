package natsapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func TestRefusalsOfUniqueKeysNameTheField(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	const create = "supervisor.missions.create"
	with := func(unique string) string { return `{"name":"x","unique":` + unique + `}` }
	r.checkRefusals([]refusal{
		{create, with(`{}`), "400", "unique.key"},
		{create, with(`{"key":""}`), "400", "unique.key"},
		{create, with(`{"key":7}`), "400", "unique.key"},
		{create, with(`{"key":"a\u0000b"}`), "400", "unique.key"},
		{create, with(`{"key":"` + strings.Repeat("k", 201) + `"}`), "413", "unique.key"},
		{create, with(`{"key":"k","on_conflict":"overwrite"}`), "400", "unique.on_conflict"},
		{create, with(`{"key":"k","for_seconds":-1}`), "400", "unique.for_seconds"},
		{create, with(`{"key":"k","for_seconds":"5m"}`), "400", "unique.for_seconds"},
		{create, with(`{"key":"k","for_seconds":1e9}`), "400", "unique.for_seconds"},
		{create, with(`{"key":"k","ttl":1}`), "400", "unique.ttl"},
		{create, with(`"k"`), "400", "unique"},
		{create, `{"missions":[{"name":"a"},{"name":"b","unique":{"kay":"k"}}]}`, "400", "missions[1].unique.kay"},
	})
}

// TestUniqueKeysOverNATS: the answer is the mission that holds the key; the agent of one that is replaced is told, and so
// is who waits for it.
func TestUniqueKeysOverNATS(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	agent := r.register("a1", "default")
	spec := func(id string, mode missions.OnConflict) api.MissionSpec {
		return api.MissionSpec{ID: id, Name: id, Unique: &missions.Unique{Key: "k", OnConflict: mode}}
	}
	created := func(id string, mode missions.OnConflict, holder string) {
		t.Helper()
		m, is, err := r.client.Create(t.Context(), spec(id, mode))
		must(t, err)
		if m.ID != holder || is != (id == holder) {
			t.Errorf("%s: mission %s, created %v, want %s", id, m.ID, is, holder)
		}
	}
	created("m", "", "m")
	if u := spec("m", "").Unique; u.OnConflict != "" {
		t.Errorf("the caller's spec is changed: %+v", u)
	}
	msg := r.request("supervisor.missions.create", []byte(`{"id":"brief","name":"n","brief":true,"unique":{"key":"k"}}`))
	if want := `{"mission":{"id":"m","status":"PENDING"},"created":false}`; string(msg.Data) != want {
		t.Errorf("brief: %s, want %s", msg.Data, want)
	}
	r.claimAll(agent)
	created("n", missions.ConflictKeep, "m")
	created("o", missions.ConflictReplacePending, "o")
	msg = r.request("supervisor.missions.get", []byte(`{"id":"o"}`))
	for _, want := range []string{`"unique":{"key":"k","on_conflict":"replace_pending"}`, `"waiting_for":[{"mission":"m","when":"ended","met":false}]`} {
		if !strings.Contains(string(msg.Data), want) {
			t.Errorf("%s lacks %s", msg.Data, want)
		}
	}
	commands, err := r.nc.SubscribeSync("supervisor.agent.a1.commands")
	must(t, err)
	must(t, r.nc.Flush())
	ended := make(chan missions.Status, 1)
	go func() {
		m, err := r.client.Wait(t.Context(), "m")
		if err != nil {
			t.Errorf("wait: %v", err)
		}
		ended <- m.Status
	}()
	created("p", missions.ConflictReplace, "p")
	push, err := commands.NextMsg(testTimeout)
	must(t, err)
	var command api.Command
	must(t, json.Unmarshal(push.Data, &command))
	if command != (api.Command{Command: api.CommandCancel, MissionID: "m"}) {
		t.Errorf("the agent is told %+v", command)
	}
	if status := <-ended; status != missions.Cancelled {
		t.Errorf("who waits for it is told %s", status)
	}
	leases := r.claimAll(agent)
	if len(leases) != 1 || leases["p"] == 0 {
		t.Errorf("the agent is given %v", leases)
	}
	replies, err := r.client.Agent("a1").CreateChildren(t.Context(), api.ChildrenRequest{
		LeaseRef: api.LeaseRef{MissionID: "p", Lease: leases["p"]}, Missions: []api.MissionSpec{spec("child", missions.ConflictKeep), spec("child", missions.ConflictReplace)},
	})
	must(t, err)
	if replies[0].Error != nil || replies[0].Mission.ID != "p" || replies[1].Error == nil || replies[1].Error.Code != missions.CodeConflict {
		t.Errorf("children: %+v, %+v", replies[0], replies[1])
	}
}
