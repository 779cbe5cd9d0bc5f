package natsapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// createIDs creates missions of a type.
func (r *rig) createIDs(kind string, ids ...string) {
	r.t.Helper()
	for _, id := range ids {
		_, _, err := r.client.Create(r.t.Context(), api.MissionSpec{ID: id, Name: id, Type: kind})
		must(r.t, err)
	}
}

// waitMany begins to wait for missions, and returns a channel with the reply.
func (r *rig) waitMany(until api.Until, ids ...string) <-chan api.Waited {
	out := make(chan api.Waited, 1)
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	done := make(chan struct{})
	go func() {
		defer close(done)
		reply, err := r.client.WaitMany(ctx, until, ids...)
		if err != nil {
			r.t.Errorf("waiting for %v: %v", ids, err)
		}
		out <- reply
	}()
	r.t.Cleanup(func() { cancel(); <-done })
	return out
}

// waited says what a reply of a wait says.
func waited(reply *api.Waited) string {
	var text strings.Builder
	for i := range reply.Missions {
		fmt.Fprintf(&text, "%s %s, ", reply.Missions[i].ID, reply.Missions[i].Status)
	}
	return fmt.Sprintf("%sdeleted %v, done %t", &text, reply.Deleted, reply.Done)
}

func wantWaited(t *testing.T, reply api.Waited, want string) {
	t.Helper()
	if got := waited(&reply); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Who waits for several missions is answered once all have ended, or one of them, with all of
// them as they are then, in the order of the request.
func TestAWaitForManyEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.createIDs("t", "a", "b", "c")
	all, first := r.waitMany("", "c", "a", "b"), r.waitMany(api.UntilAny, "c", "b")
	agent := r.register("w", "t")
	for id, lease := range r.claimAll(agent) {
		ref := api.LeaseRef{MissionID: id, Lease: lease}
		switch id {
		case "a":
			must(t, agent.Complete(t.Context(), api.Completion{LeaseRef: ref}))
		case "b":
			final := false
			must(t, agent.Fail(t.Context(), api.Failure{LeaseRef: ref, Error: "broken", Retryable: &final}))
			wantWaited(t, <-first, "c RUNNING, b FAILED, deleted [], done true")
		}
	}
	_, err := r.client.Cancel(t.Context(), "c", "")
	must(t, err)
	wantWaited(t, <-all, "c CANCELLED, a COMPLETED, b FAILED, deleted [], done true")
}

// At the end of its time, a wait is answered with the missions as they are.
func TestAWaitForManyHasATime(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{})
	r.createIDs("t", "a", "b")
	_, err := r.client.Cancel(t.Context(), "b", "")
	must(t, err)
	for _, timeout := range []float64{0, 0.01} {
		reply, err := r.service.WaitMany(t.Context(), api.WaitManyRequest{IDs: []string{"a", "b"}, TimeoutSeconds: &timeout})
		must(t, err)
		wantWaited(t, reply, "a PENDING, b CANCELLED, deleted [], done false")
	}
	now := 0.0
	reply, err := r.service.WaitMany(t.Context(), api.WaitManyRequest{IDs: []string{"a", "b"}, Until: api.UntilAny, TimeoutSeconds: &now})
	must(t, err)
	wantWaited(t, reply, "a PENDING, b CANCELLED, deleted [], done true")
	_, err = r.client.WaitMany(t.Context(), api.UntilAll, "a", "nowhere")
	if !errors.Is(err, api.ErrNotFound) || !strings.Contains(err.Error(), `"nowhere"`) {
		t.Errorf("an unknown mission: %v", err)
	}
}

// A mission that is deleted while a request waits for it counts as ended.
func TestAWaitForManyOutlivesItsMissions(t *testing.T) {
	t.Parallel()
	known := &reads{seen: make(chan string, 100)}
	r := newRig(t, rigOptions{wrap: func(s missions.Store) missions.Store { known.Store = s; return known }})
	r.createIDs("t", "a", "b")
	both := r.waitMany(api.UntilAll, "a", "b")
	for id := ""; id != "b"; id = <-known.seen { // the request has found them
	}
	_, err := r.client.Delete(t.Context(), "a")
	must(t, err)
	_, err = r.client.Cancel(t.Context(), "b", "")
	must(t, err)
	wantWaited(t, <-both, "b CANCELLED, deleted [a], done true")
}

// reads reports the missions that are read.
type reads struct {
	missions.Store
	seen chan string
}

func (s *reads) Get(ctx context.Context, id string) (missions.Mission, error) {
	m, err := s.Store.Get(ctx, id)
	select {
	case s.seen <- id:
	default:
	}
	return m, err
}

// What does not fit into the reply is left out, and named, and nothing but that.
func TestAWaitForManyLargeMissionsFits(t *testing.T) {
	t.Parallel()
	r := newRig(t, rigOptions{maxPayload: 64 << 10})
	var ids []string
	for i := range 20 {
		id := fmt.Sprintf("m%d", i)
		_, _, err := r.client.Create(t.Context(), api.MissionSpec{ID: id, Name: id, Data: filled(20 << 10), Description: "why", After: []missions.Condition{{Signal: "go"}}})
		must(t, err)
		ids = append(ids, id)
	}
	now := 0.0
	body, err := json.Marshal(api.WaitManyRequest{IDs: ids, TimeoutSeconds: &now})
	must(t, err)
	var reply api.Waited
	must(t, json.Unmarshal(r.request(api.SubjectMissionsWaitMany, body).Data, &reply))
	if len(reply.Missions) != len(ids) {
		t.Fatalf("%d missions", len(reply.Missions))
	}
	for i := range reply.Missions {
		m := &reply.Missions[i]
		if m.ID != ids[i] || m.Data != nil && string(m.Data) != "null" || !slices.Equal(m.Trimmed, []string{"data"}) || m.Description != "why" || len(m.WaitingFor) != 1 {
			t.Errorf("%+v", m)
		}
	}
}
