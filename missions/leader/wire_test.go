package leader

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"missioncontrol/missions"
	"missioncontrol/missions/codec"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/engine/enginetest"
)

// TestTheWireHasEveryField sets every field of what supervisors send each other and expects to
// read it back: a field that somebody adds must be sent, too.
func TestTheWireHasEveryField(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]func() (sent, read any, err error){
		"creations":     onWire(listOf(wireMission)),
		"created":       onWire(listOf(wireCreated)),
		"results":       onWire(listOf(wireResult)),
		"cancellations": onWire(listOf(wireCancel)),
		"claims":        onWire(listOf(wireClaim)),
		"claimed":       onWire(listOf(wireClaimed)),
		"heartbeats":    onWire(listOf(wireHeartbeat)),
		"beaten":        onWire(listOf(wireBeaten)),
		"progress":      onWire(listOf(wireUpdate)),
		"updated":       onWire(listOf(wireUpdated)),
		"lines":         onWire(listOf(wireAppend)),
		"errors":        onWire(listOf(wireError)),
		"retries":       onWire(listOf(wireRetry)),
		"signals":       onWire(listOf(wireSignalRequest)),
		"signalled":     onWire(listOf(wireSignalled)),
		"bulk":          onWire(wireBulk),
		"bulk results":  onWire(listOf(wireBulkResult)),
		"batches":       onWire(listOf(wireBatchResult)),
		"children":      onWire(wireChildren),
		"schedule":      onWire(wireScheduleRequest),
		"scheduled":     onWire(wireScheduleResult),
		"unscheduled":   onWire(wireDeleteSchedule),
		"backfill":      onWire(wireBackfill),
		"backfilled":    onWire(wireBackfilled),
		"born":          onWire(wireChildrenCreated),
		"outcomes":      onWire(listOf(wireFinish)),
		"registration":  onWire(wireRegistration),
		"agent":         onWire(wireAgent),
		"departure":     onWire(wireDeparture),
		"left":          onWire(wireLeft),
		"lost":          onWire(wireLost),
		"alerts":        onWire(listOf(wireAlertChange)),
		"due":           onWire(wireDue),
		"both":          onWire(wireCreateAndClaim),
		"both replies":  onWire(wireCreatedAndClaimed),
		"position":      onWire(wirePosition),
		"ended":         onWire(wireEnded),
	} {
		want, got, err := sent()
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", name, err, got, want)
		}
	}
}

// onWire fills a value, and sends it.
func onWire[T any](wire func(*codec.Codec, *T)) func() (sent, read any, err error) {
	return func() (any, any, error) {
		var want, got T
		set(reflect.NewAt(reflect.TypeFor[T](), reflect.ValueOf(&want).UnsafePointer()).Elem())
		w := codec.Writer(nil)
		wire(w, &want)
		r := codec.Reader(w.Bytes())
		wire(r, &got)
		return want, got, r.End()
	}
}

// set sets every field to something, also those that are not exported.
func set(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			switch field := v.Field(i); {
			case v.Type() == reflect.TypeFor[missions.Mission]() && v.Type().Field(i).Name == "Trimmed": // is not a store's
			case v.Type() == reflect.TypeFor[missions.Flow]() && v.Type().Field(i).Name == "Inputs": // each supervisor reads them itself
			default:
				set(reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem())
			}
		}
	case reflect.Interface:
		v.Set(reflect.ValueOf(missions.Full("no room", nil)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		set(v.Elem())
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte("42"))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		set(v.Index(0))
		set(v.Index(1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		set(key)
		set(value)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Uint8:
		v.SetUint(42)
	default:
		v.SetInt(42)
	}
}

// FuzzServe: whatever another supervisor sends, it is answered or refused, and the store goes on.
func FuzzServe(f *testing.F) {
	for _, c := range []*call{
		callOf(opCreate, []missions.Mission{{ID: "m", Name: "m", Type: "t", Data: []byte("{}"), Priority: missions.Normal, MaxAttempts: 3}}),
		callOf(opClaim, []missions.ClaimRequest{{AgentID: "a", Max: 3, Lease: time.Minute}}),
		callOf(opHeartbeat, []missions.Heartbeat{{AgentID: "a", Running: []missions.LeaseRef{{MissionID: "m", Lease: 1}}}}),
		callOf(opFinish, []missions.Finish{{AgentID: "a", LeaseRef: missions.LeaseRef{MissionID: "m", Lease: 1}, Outcome: missions.OutcomeComplete}}),
		callOf(opRegister, registration{agent: missions.Agent{ID: "a", Types: []string{"t"}, Capacity: 1}, silence: time.Minute}),
		callOf(opDue, 10), callOf(opSample, nothing{}), callOf(opRetry, []missions.RetryRequest{{ID: "m"}}), callOf(opForget, position{upTo: 1}),
		callOf(opCreate, []missions.Mission{{ID: "w", Name: "w", Type: "t", Data: []byte("{}"), Priority: missions.Normal, MaxAttempts: 3, Flow: &missions.Flow{
			After:               []missions.Condition{{Mission: "m", When: missions.WhenEnded}, {Batch: "b", When: missions.WhenCompleted}, {Signal: "go", Choices: []string{"yes"}}},
			AfterTimeoutSeconds: 1, OnUnmet: missions.UnmetRun, MaxUsage: missions.Usage{"usd": 1}, OnExceeded: missions.ExceededAsk, ParentID: "m", Batch: "b", CloseBatch: true}}}),
		callOf(opFinish, []missions.Finish{{AgentID: "a", LeaseRef: missions.LeaseRef{MissionID: "m", Lease: 1}, Outcome: missions.OutcomeRelease,
			Park: &missions.Park{After: []missions.Condition{{Signal: "go"}}, TimeoutSeconds: 1}, Report: missions.Report{Checkpoint: []byte("1"), Usage: missions.Usage{"usd": 1}}}}),
		callOf(opProgress, []missions.ProgressUpdate{{AgentID: "a", LeaseRef: missions.LeaseRef{MissionID: "m", Lease: 1}, Report: missions.Report{Usage: missions.Usage{"usd": 2}}}}),
		callOf(opSignal, []missions.SignalRequest{{MissionID: "m", Name: "go", Data: []byte(`"yes"`), SignalID: "s"}}),
		callOf(opCloseBatches, []string{"b"}), callOf(opRetry, []missions.RetryRequest{{ID: "m", Fresh: true, Dependents: true}}),
		callOf(opCreateChildren, children{agentID: "a", parent: missions.LeaseRef{MissionID: "m", Lease: 1}, batch: []missions.Mission{mission("c")}}),
		callOf(opCreate, []missions.Mission{{ID: "u", Name: "u", Type: "t", Data: []byte("{}"), Priority: missions.Normal, MaxAttempts: 3,
			Flow: &missions.Flow{Unique: &missions.Unique{Key: "k", OnConflict: missions.ConflictReplacePending, ForSeconds: 1}}}}),
		callOf(opSetSchedule, missions.ScheduleRequest{Spec: missions.ScheduleSpec{ID: "s", EverySeconds: 1, Mission: missions.Template{Name: "n"}}}),
		callOf(opTrigger, "s"), callOf(opBackfill, missions.BackfillRequest{ID: "s", From: 1}), callOf(opDeleteSchedule, missions.DeleteScheduleRequest{ID: "s"}),
		callOf(opRetain, expired{ids: []string{"m"}, retention: time.Minute}), callOf(opDelete, []string{"m"}),
		callOf(opBulk, missions.BulkRequest{Action: missions.BulkSignal, IDs: []string{"m", "w"}, AsOf: 1 << 52, Signal: missions.SignalRequest{Name: "go", Data: []byte("1")}}),
	} {
		f.Add(c.request(uuid.NewString()))
	}
	f.Add([]byte{})
	store, err := Open(f.Context(), Config{Engine: engine.Config{OutboxLimit: 1 << 40}, Backend: enginetest.NewMemory(), Logger: quiet, Now: time.Now})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = store.Close() })
	f.Fuzz(func(t *testing.T, request []byte) {
		_, err := store.Serve(t.Context(), request)
		var known *missions.Error
		if err != nil && !errors.As(err, &known) {
			t.Errorf("the error is %v", err)
		}
		if _, err := store.Create(t.Context(), []missions.Mission{mission("n")}); err != nil {
			t.Errorf("after it, a create fails: %v", err)
		}
	})
}

// callOf returns a call as a supervisor makes it that does not lead.
func callOf[Args, Reply any](op *operation[Args, Reply], args Args) *call {
	var by caught
	_, _ = perform(context.Background(), &by, op, args) // nothing is performed
	return by.call
}

// caught is a performer that performs nothing.
type caught struct{ call *call }

func (c *caught) perform(_ context.Context, made *call) error {
	c.call = made
	return errUnanswered
}
