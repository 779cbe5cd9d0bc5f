package agentcheck

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// request is one request of the agent, in the order of arrival.
type request struct {
	at    time.Time
	verb  string
	body  []byte
	token string // over HTTP: the bearer token

	register  *api.RegisterRequest
	heartbeat *api.HeartbeatRequest
	claim     *api.ClaimRequest
	signals   *api.SignalsRequest
	outcomes  []outcome      // of complete, fail and release
	refs      []api.LeaseRef // the leases that it names as its own; not those of a heartbeat

	answer *api.Error // what it was refused with; nil if it was not
	lost   bool       // it was not answered, on purpose
}

// outcome is one mission's end as an agent reports it.
type outcome struct {
	api.LeaseRef
	verb      string
	result    json.RawMessage // of complete; nil if there is none
	error     string          // of fail
	retryable bool            // of fail
	content   string          // all of it, in canonical form
}

// parse decodes a request as a supervisor does. The error is a [missions.Error].
func (r *request) parse(agentID string) error {
	switch r.verb {
	case api.AgentRegister:
		return decode(r.body, &r.register, func(q *api.RegisterRequest) error { _, err := q.Agent(agentID); return err })
	case api.AgentHeartbeat:
		return decode(r.body, &r.heartbeat, func(q *api.HeartbeatRequest) error { _, err := q.Heartbeat(agentID); return err })
	case api.AgentClaim:
		return decode(r.body, &r.claim, func(q *api.ClaimRequest) error { _, _, err := q.Claim(agentID); return err })
	case api.AgentSignals:
		return decode(r.body, &r.signals, func(q *api.SignalsRequest) error { return r.about(q.LeaseRef) })
	case api.AgentProgress:
		var q *api.ProgressRequest
		return decode(r.body, &q, func(q *api.ProgressRequest) error { _, err := q.Update(agentID); return join(err, r.about(q.LeaseRef)) })
	case api.AgentLog:
		var q *api.LogAppendRequest
		return decode(r.body, &q, func(q *api.LogAppendRequest) error {
			_, err := q.Append(agentID)
			return join(err, r.about(q.LeaseRef))
		})
	case api.AgentComplete, api.AgentFail, api.AgentRelease:
		return r.parseOutcomes(agentID)
	case api.AgentInputs:
		var q *api.InputRequest
		return decode(r.body, &q, func(q *api.InputRequest) error { return r.about(q.LeaseRef) })
	case api.AgentCreate:
		var q *api.ChildrenRequest
		return decode(r.body, &q, func(q *api.ChildrenRequest) error { return r.about(q.LeaseRef) })
	case api.AgentLeave:
		_, err := api.Decode[api.Empty](r.body)
		return err
	}
	return missions.Invalid("verb", "%q does not exist", r.verb)
}

func decode[T any](body []byte, into **T, check func(*T) error) error {
	decoded, err := api.Decode[T](body)
	if err == nil {
		err = check(&decoded)
	}
	if err == nil {
		*into = &decoded
	}
	return err
}

// join returns the first error.
func join(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// about notes a lease that the request names.
func (r *request) about(ref api.LeaseRef) error {
	if _, err := ref.Ref(); err != nil {
		return err
	}
	r.refs = append(r.refs, ref)
	return nil
}

// parseOutcomes decodes a report, of one mission or of several.
func (r *request) parseOutcomes(agentID string) error {
	switch r.verb {
	case api.AgentComplete:
		q, err := api.Decode[api.CompleteRequest](r.body)
		all := q.Results
		if all == nil {
			all = []api.Completion{q.Completion}
		}
		for i := range all {
			_, invalid := all[i].Finish(agentID)
			err = join(err, invalid)
			r.ends(outcome{LeaseRef: all[i].LeaseRef, result: all[i].Result}, all[i])
		}
		return err
	case api.AgentFail:
		q, err := api.Decode[api.FailRequest](r.body)
		all := q.Results
		if all == nil {
			all = []api.Failure{q.Failure}
		}
		for i := range all {
			_, invalid := all[i].Finish(agentID)
			err = join(err, invalid)
			retryable := all[i].Retryable == nil || *all[i].Retryable
			r.ends(outcome{LeaseRef: all[i].LeaseRef, error: all[i].Error, retryable: retryable}, all[i])
		}
		return err
	}
	q, err := api.Decode[api.ReleaseRequest](r.body)
	all := q.Results
	if all == nil {
		all = []api.Release{q.Release}
	}
	for i := range all {
		_, invalid := all[i].Finish(agentID)
		err = join(err, invalid)
		r.ends(outcome{LeaseRef: all[i].LeaseRef}, all[i])
	}
	return err
}

// ends adds an outcome, whose content is that of item.
func (r *request) ends(o outcome, item any) {
	o.verb = r.verb
	o.content = r.verb + " " + canonical(item)
	r.outcomes, r.refs = append(r.outcomes, o), append(r.refs, o.LeaseRef)
}

// canonical returns v as JSON in its canonical form, in which equal values are equal texts.
func canonical(v any) string {
	raw, err := api.Encode(v)
	if err != nil {
		return fmt.Sprintf("%+v", v)
	}
	return canonicalJSON(raw)
}

func canonicalJSON(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "null"
	}
	value := jsontext.Value(append([]byte(nil), raw...))
	if err := value.Canonicalize(); err != nil {
		return string(raw)
	}
	return string(value)
}

// holds returns the lease that a heartbeat lists for a mission, 0 if it does not.
func (r *request) holds(missionID string) int64 {
	if r.heartbeat != nil {
		for _, held := range *r.heartbeat.Running {
			if held.MissionID == missionID {
				return held.Lease
			}
		}
	}
	return 0
}

// String shows a request in a line of a report.
func (r *request) String() string {
	text := strings.ToValidUTF8(string(r.body), "\ufffd")
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return strings.TrimSpace(r.verb + " " + text)
}
