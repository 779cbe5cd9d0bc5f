package leader

import (
	"context"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/codec"
	"missioncontrol/missions/engine"
)

// operation is a kind of step: what it needs, what it does, and how it is sent to the supervisor
// that leads.
type operation[Args, Reply any] struct {
	name  string
	lane  lane
	need  func(*engine.Engine, *engine.Need, *Args) // nil if it needs nothing
	apply func(*engine.Engine, *Args) Reply

	args  func(*codec.Codec, *Args)
	reply func(*codec.Codec, *Reply)
}

// call is an operation with its arguments.
type call struct {
	lane    lane
	need    func(*engine.Engine, *engine.Need)
	apply   func(*engine.Engine)
	request func(id string) []byte    // what is sent to the leader
	receive func(answer []byte) error // takes what it answers
}

// performer performs calls: a leader itself, another supervisor with the leader's help.
type performer interface {
	perform(ctx context.Context, c *call) error
}

// perform performs an operation.
func perform[Args, Reply any](ctx context.Context, by performer, op *operation[Args, Reply], args Args) (reply Reply, err error) {
	c := &call{lane: op.lane, apply: func(e *engine.Engine) { reply = op.apply(e, &args) }}
	if op.need != nil {
		c.need = func(e *engine.Engine, n *engine.Need) { op.need(e, n, &args) }
	}
	c.request = func(id string) []byte {
		w := codec.Writer([]byte{wireVersion})
		codec.Text(w, &id)
		codec.Text(w, &op.name)
		op.args(w, &args)
		return w.Bytes()
	}
	c.receive = func(answer []byte) error {
		if len(answer) == 0 || answer[0] != wireVersion {
			return codec.ErrEncoding
		}
		r := codec.Reader(answer[1:])
		op.reply(r, &reply)
		return r.End()
	}
	if err := by.perform(ctx, c); err != nil {
		var nothing Reply
		return nothing, err
	}
	return reply, nil
}

// served is an operation that another supervisor has asked for.
type served interface {
	serve(ctx context.Context, s *Store, id string, args *codec.Codec) ([]byte, error)
}

// serve performs an operation unless it has been performed, and returns the encoded reply.
func (op *operation[Args, Reply]) serve(ctx context.Context, s *Store, id string, encoded *codec.Codec) (answer []byte, err error) {
	var args Args
	op.args(encoded, &args)
	if err := encoded.End(); err != nil {
		return nil, missions.Invalid("", "the request cannot be read")
	}
	var need func(*engine.Engine, *engine.Need)
	if op.need != nil {
		need = func(e *engine.Engine, n *engine.Need) { op.need(e, n, &args) }
	}
	forgotten := false
	err = s.do(ctx, op.lane, need, func(e *engine.Engine) {
		if kept, known := e.Receipt(id); known {
			answer, forgotten = kept, kept == nil
			return
		}
		reply := op.apply(e, &args)
		w := codec.Writer([]byte{wireVersion})
		op.reply(w, &reply)
		answer = w.Bytes()
		e.Issue(id, answer)
	})
	if err == nil && forgotten {
		err = missions.Unavailable("the request was done, but its answer is no longer kept", nil)
	}
	return answer, err
}

// Serve performs a request of another supervisor and returns its encoded answer. A request that
// has been performed is not performed again, whichever supervisor led then: the answer is the
// same. The error is [engine.ErrNotLeader] if this supervisor does not lead.
func (s *Store) Serve(ctx context.Context, request []byte) (answer []byte, err error) {
	if len(request) == 0 || request[0] != wireVersion {
		return nil, engine.ErrNotLeader // it waits for a leader of its own version
	}
	r := codec.Reader(request[1:])
	var id, name string
	codec.Text(r, &id)
	codec.Text(r, &name)
	op, there := operations[name]
	if !there || r.Failed() {
		return nil, missions.Invalid("", "the request cannot be read")
	}
	return op.serve(ctx, s, id, r)
}

// each is an operation that does something with each item of a batch.
func each[Item, Result any](name string, l lane, need func(*engine.Engine, *engine.Need, *Item), apply func(*engine.Engine, *Item) Result,
	item func(*codec.Codec, *Item), result func(*codec.Codec, *Result)) *operation[[]Item, []Result] {
	op := &operation[[]Item, []Result]{
		name: name, lane: l, args: listOf(item), reply: listOf(result),
		apply: func(e *engine.Engine, batch *[]Item) []Result { return applyEach(e, *batch, apply) },
	}
	if need != nil {
		op.need = func(e *engine.Engine, n *engine.Need, batch *[]Item) {
			for i := range *batch {
				need(e, n, &(*batch)[i])
			}
		}
	}
	return op
}

// missionOf says that an item needs one mission.
func missionOf[Item any](id func(*Item) string) func(*engine.Engine, *engine.Need, *Item) {
	return func(e *engine.Engine, n *engine.Need, item *Item) { e.NeedMissions(n, id(item)) }
}

func applyEach[Item, Result any](e *engine.Engine, batch []Item, apply func(*engine.Engine, *Item) Result) []Result {
	results := make([]Result, len(batch))
	for i := range batch {
		results[i] = apply(e, &batch[i])
	}
	return results
}

// orError is a result, or an error of the operation itself.
type orError[T any] struct {
	value T
	err   error
}

// Arguments and replies of operations that have several.
type (
	createAndClaim struct {
		created []missions.Mission
		claims  []missions.ClaimRequest
	}
	createdAndClaimed struct {
		created []missions.CreateResult
		claimed []missions.ClaimResult
	}
	registration struct {
		agent   missions.Agent
		silence time.Duration
	}
	departure struct {
		id, reason string
		since      missions.Time
	}
	children struct {
		agentID string
		parent  missions.LeaseRef
		batch   []missions.Mission
	}
	position struct {
		upTo int64
		mark string
	}
	expired struct {
		ids       []string
		retention time.Duration
	}
	nothing struct{}
)

func itself(id *string) string { return *id }

var (
	opCreate = each("create", laneCreate, (*engine.Engine).NeedCreate, (*engine.Engine).Create, wireMission, wireCreated)

	opCreateAndClaim = &operation[createAndClaim, createdAndClaimed]{
		name: "create and claim", lane: laneCreate, args: wireCreateAndClaim, reply: wireCreatedAndClaimed,
		need: func(e *engine.Engine, n *engine.Need, a *createAndClaim) {
			e.NeedCreateAndClaim(n, a.created, a.claims)
		},
		apply: func(e *engine.Engine, a *createAndClaim) createdAndClaimed {
			r := createdAndClaimed{applyEach(e, a.created, (*engine.Engine).Create), applyEach(e, a.claims, (*engine.Engine).Claim)}
			missions.MarkGiven(r.created, r.claimed)
			return r
		},
	}

	opCreateChildren = &operation[children, orError[[]missions.CreateResult]]{
		name: "create children", lane: laneCreate, args: wireChildren, reply: wireChildrenCreated,
		need: func(e *engine.Engine, n *engine.Need, x *children) {
			e.NeedMissions(n, x.parent.MissionID)
			for i := range x.batch {
				e.NeedCreate(n, &x.batch[i])
			}
		},
		apply: func(e *engine.Engine, x *children) (r orError[[]missions.CreateResult]) {
			if r.err = e.Holds(x.agentID, x.parent); r.err == nil {
				r.value = applyEach(e, x.batch, (*engine.Engine).Create)
			}
			return r
		},
	}

	opCancel       = each("cancel", laneChange, missionOf(func(c *missions.CancelRequest) string { return c.ID }), (*engine.Engine).Cancel, wireCancel, wireResult)
	opRetry        = each("retry", laneChange, (*engine.Engine).NeedRetry, (*engine.Engine).Retry, wireRetry, wireResult)
	opSignal       = each("signal", laneChange, missionOf(func(r *missions.SignalRequest) string { return r.MissionID }), (*engine.Engine).Signal, wireSignalRequest, wireSignalled)
	opCloseBatches = each("close batches", laneChange, (*engine.Engine).NeedBatch, (*engine.Engine).CloseBatch, codec.Text, wireBatchResult)
	opDelete       = each("delete", laneChange, missionOf(itself), func(e *engine.Engine, id *string) missions.Result { return e.Delete(*id) }, codec.Text, wireResult)

	opBulk = &operation[missions.BulkRequest, []missions.BulkResult]{
		name: "bulk", lane: laneChange, args: wireBulk, reply: listOf(wireBulkResult),
		need: (*engine.Engine).NeedBulk, apply: (*engine.Engine).Bulk,
	}
	opSetSchedule = &operation[missions.ScheduleRequest, missions.ScheduleResult]{
		name: "set schedule", lane: laneChange, args: wireScheduleRequest, reply: wireScheduleResult,
		need:  func(e *engine.Engine, n *engine.Need, q *missions.ScheduleRequest) { e.NeedSetSchedule(n, q.Spec.ID) },
		apply: (*engine.Engine).SetSchedule,
	}
	opDeleteSchedule = &operation[missions.DeleteScheduleRequest, missions.ScheduleResult]{
		name: "delete schedule", lane: laneChange, args: wireDeleteSchedule, reply: wireScheduleResult,
		need:  func(e *engine.Engine, n *engine.Need, q *missions.DeleteScheduleRequest) { e.NeedSetSchedule(n, q.ID) },
		apply: (*engine.Engine).DeleteSchedule,
	}
	opSetLimit = &operation[missions.LimitRequest, missions.LimitResult]{
		name: "set limit", lane: laneChange, args: wireLimitRequest, reply: wireLimitResult,
		need: (*engine.Engine).NeedSetLimit, apply: (*engine.Engine).SetLimit,
	}
	opDeleteLimit = &operation[missions.DeleteLimitRequest, missions.LimitResult]{
		name: "delete limit", lane: laneChange, args: wireDeleteLimit, reply: wireLimitResult,
		need: (*engine.Engine).NeedDeleteLimit, apply: (*engine.Engine).DeleteLimit,
	}
	opLimit = &operation[string, missions.LimitResult]{
		name: "limit", lane: laneReport, args: codec.Text[string], reply: wireLimitResult, apply: (*engine.Engine).Limit,
	}
	opHeld = &operation[nothing, []missions.Hold]{
		name: "held", lane: laneReport, args: none[nothing], reply: listOf(wireHold),
		apply: func(e *engine.Engine, _ *nothing) []missions.Hold { return e.Held() },
	}
	opLimits = &operation[missions.LimitsRequest, missions.LimitPage]{
		name: "limits", lane: laneReport, args: wireLimits, reply: wireLimitPage, apply: (*engine.Engine).Limits,
	}
	opTrigger = &operation[string, missions.CreateResult]{
		name: "trigger schedule", lane: laneCreate, args: codec.Text[string], reply: wireCreated,
		need: (*engine.Engine).NeedTrigger, apply: (*engine.Engine).TriggerSchedule,
	}
	opBackfill = &operation[missions.BackfillRequest, missions.Backfilled]{
		name: "backfill schedule", lane: laneCreate, args: wireBackfill, reply: wireBackfilled,
		need: (*engine.Engine).NeedBackfill, apply: (*engine.Engine).Backfill,
	}

	opClaim = &operation[[]missions.ClaimRequest, []missions.ClaimResult]{
		name: "claim", lane: laneClaim, args: listOf(wireClaim), reply: listOf(wireClaimed),
		need: func(e *engine.Engine, n *engine.Need, batch *[]missions.ClaimRequest) { e.NeedClaims(n, *batch) },
		apply: func(e *engine.Engine, batch *[]missions.ClaimRequest) []missions.ClaimResult {
			return applyEach(e, *batch, (*engine.Engine).Claim)
		},
	}
	opHeartbeat = &operation[[]missions.Heartbeat, []missions.HeartbeatResult]{
		name: "heartbeat", lane: laneBeat, args: listOf(wireHeartbeat), reply: listOf(wireBeaten),
		need: func(e *engine.Engine, n *engine.Need, batch *[]missions.Heartbeat) {
			for i := range *batch {
				e.NeedHeartbeat(n, &(*batch)[i])
			}
		},
		apply: func(e *engine.Engine, batch *[]missions.Heartbeat) []missions.HeartbeatResult {
			return applyEach(e, *batch, (*engine.Engine).Heartbeat)
		},
	}
	opProgress = each("progress", laneReport, missionOf(func(p *missions.ProgressUpdate) string { return p.MissionID }), (*engine.Engine).Progress, wireUpdate, wireUpdated)
	opAppend   = each("append log", laneReport, missionOf(func(l *missions.LogAppend) string { return l.MissionID }), (*engine.Engine).AppendLog, wireAppend, wireError)
	opFinish   = each("finish", laneFinish, (*engine.Engine).NeedFinish, (*engine.Engine).Finish, wireFinish, wireResult)

	opRegister = &operation[registration, missions.Agent]{
		name: "register", lane: laneBeat, args: wireRegistration, reply: wireAgent,
		apply: func(e *engine.Engine, r *registration) missions.Agent { return e.Register(r.agent, r.silence) },
	}
	opLeave = &operation[departure, orError[missions.LeaveResult]]{
		name: "leave", lane: laneBeat, args: wireDeparture, reply: wireLeft,
		need: func(e *engine.Engine, n *engine.Need, d *departure) { e.NeedHeld(n, d.id) },
		apply: func(e *engine.Engine, d *departure) (r orError[missions.LeaveResult]) {
			r.value, r.err = e.Leave(d.id, d.reason)
			return r
		},
	}
	opLost = &operation[departure, orError[missions.LostResult]]{
		name: "lost", lane: laneBeat, args: wireDeparture, reply: wireLost,
		need: func(e *engine.Engine, n *engine.Need, d *departure) { e.NeedHeld(n, d.id) },
		apply: func(e *engine.Engine, d *departure) (r orError[missions.LostResult]) {
			r.value, r.err = e.Lost(d.id, d.reason, d.since)
			return r
		},
	}

	opChangeAlerts = each("change alerts", laneHouse, nil, (*engine.Engine).ChangeAlert, wireAlertChange, wireError)
	opNoticed      = &operation[int64, nothing]{
		name: "noticed", lane: laneHouse, args: codec.Number[int64], reply: none[nothing],
		apply: func(e *engine.Engine, position *int64) nothing { e.Noticed(*position); return nothing{} },
	}

	opDue = &operation[int, missions.DueResult]{
		name: "due", lane: laneHouse, args: codec.Number[int], reply: wireDue,
		need:  func(e *engine.Engine, n *engine.Need, limit *int) { e.NeedDue(n, e.Now(), *limit) },
		apply: func(e *engine.Engine, limit *int) missions.DueResult { return e.Due(*limit) },
	}
	opRetain = &operation[expired, int]{
		name: "retain", lane: laneHouse, args: wireEnded, reply: codec.Number[int],
		need:  func(e *engine.Engine, n *engine.Need, x *expired) { e.NeedRetain(n, x.ids) },
		apply: func(e *engine.Engine, x *expired) int { return e.Retain(x.ids, x.retention) },
	}
	opSample = &operation[nothing, missions.Time]{
		name: "sample", lane: laneHouse, args: none[nothing], reply: codec.Number[missions.Time],
		apply: func(e *engine.Engine, _ *nothing) missions.Time { return e.Sample() },
	}
	opAcknowledge = &operation[position, error]{
		name: "acknowledge", lane: laneHouse, args: wirePosition, reply: wireError,
		apply: func(e *engine.Engine, p *position) error { return e.Acknowledge(p.upTo, p.mark) },
	}
	opForget = &operation[position, error]{
		name: "forget", lane: laneHouse, args: wirePosition, reply: wireError,
		apply: func(e *engine.Engine, p *position) error { return e.Forget(p.upTo) },
	}
	opCheck = &operation[nothing, nothing]{
		name: "check", lane: laneHouse, args: none[nothing], reply: none[nothing],
		apply: func(e *engine.Engine, _ *nothing) nothing { e.Check(); return nothing{} },
	}
)

// operations are all operations, by name.
var operations = map[string]served{
	opCreate.name: opCreate, opCreateAndClaim.name: opCreateAndClaim, opCancel.name: opCancel, opRetry.name: opRetry, opSignal.name: opSignal, opCloseBatches.name: opCloseBatches, opCreateChildren.name: opCreateChildren, opDelete.name: opDelete, opBulk.name: opBulk,
	opClaim.name: opClaim, opHeartbeat.name: opHeartbeat, opProgress.name: opProgress, opAppend.name: opAppend, opFinish.name: opFinish,
	opRegister.name: opRegister, opLeave.name: opLeave, opLost.name: opLost, opChangeAlerts.name: opChangeAlerts, opNoticed.name: opNoticed,
	opSetSchedule.name: opSetSchedule, opDeleteSchedule.name: opDeleteSchedule, opTrigger.name: opTrigger, opBackfill.name: opBackfill,
	opSetLimit.name: opSetLimit, opDeleteLimit.name: opDeleteLimit, opLimit.name: opLimit, opLimits.name: opLimits, opHeld.name: opHeld,
	opDue.name: opDue, opRetain.name: opRetain, opSample.name: opSample, opAcknowledge.name: opAcknowledge, opForget.name: opForget, opCheck.name: opCheck,
}
