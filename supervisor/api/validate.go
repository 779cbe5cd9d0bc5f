package api

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/missions"
)

// Bounds of requests.
const (
	DefaultPage     = 100
	MaxPage         = 1000
	MaxWait         = 60 * time.Second
	DefaultWait     = 30 * time.Second
	maxListTextSize = missions.MaxNameChars
)

// Mission returns the mission that a spec with an id describes, normalized and
// validated. The error names the field.
func (s *MissionSpec) Mission() (missions.Mission, error) {
	m := missions.Mission{
		ID: s.ID, Name: s.Name, Description: s.Description, Type: s.Type,
		Priority: s.Priority, Tags: slices.Clone(s.Tags), StallSeconds: s.StallSeconds, NotBefore: s.NotBefore,
		Deadline: s.Deadline, CorrelationID: s.CorrelationID, Flow: s.flow(),
	}
	if s.MaxAttempts != nil {
		if m.MaxAttempts = *s.MaxAttempts; m.MaxAttempts == 0 {
			return m, missions.Invalid("max_attempts", "must be between 1 and %d", missions.MaxAttemptsLimit)
		}
	}
	if s.TimeoutSeconds != nil {
		if m.TimeoutSeconds = *s.TimeoutSeconds; m.TimeoutSeconds < 1e-6 {
			return m, missions.Invalid("timeout_seconds", "must be above 0")
		}
	}
	if s.ParentID != "" && s.ParentID == s.ID {
		return m, missions.Invalid("parent_id", "is the mission itself")
	}
	var err error
	if m.Data, err = compact("data", s.Data); err != nil {
		return m, err
	}
	m.Normalize()
	return m, m.Validate()
}

// compact returns JSON without white space, or nil for an empty value and for null.
func compact(field string, raw json.RawMessage) (json.RawMessage, error) {
	value := jsontext.Value(raw).Clone() // Compact works in place
	if len(value) == 0 || value.Kind() == 'n' {
		return nil, nil
	}
	if err := value.Compact(); err != nil {
		return nil, missions.Invalid(field, "is not valid JSON")
	}
	return json.RawMessage(value), nil
}

// Finish checks a completion and returns it. Its result has no white space, and is nil if
// there is none.
func (c *Completion) Finish(agentID string) (missions.Finish, error) {
	end, err := c.LeaseRef.finish(agentID, missions.OutcomeComplete, &c.Report)
	if err != nil {
		return end, err
	}
	end.Result, err = compact("result", c.Result)
	if err == nil && len(end.Result) > missions.MaxDataBytes {
		err = missions.TooLarge("result", "is larger than %d KiB", missions.MaxDataBytes>>10)
	}
	return end, err
}

func (l *LeaseRef) check() error {
	if err := missions.CheckToken("mission_id", l.MissionID); err != nil {
		return err
	}
	if l.Lease <= 0 {
		return missions.Invalid("lease", "is required: the number that came with the claim")
	}
	return nil
}

// Ref checks the lease reference and returns it.
func (l *LeaseRef) Ref() (missions.LeaseRef, error) {
	return missions.LeaseRef{MissionID: l.MissionID, Lease: l.Lease}, l.check()
}

// Finish checks a failure report and returns it.
func (f *Failure) Finish(agentID string) (missions.Finish, error) {
	end, err := f.LeaseRef.finish(agentID, missions.OutcomeFail, &f.Report)
	if err != nil {
		return end, err
	}
	end.Error, end.Retryable, end.RetryAfter = f.Error, f.Retryable == nil || *f.Retryable, f.RetryAfterSeconds
	if f.Error == "" {
		return end, missions.Invalid("error", "is required")
	}
	if f.RetryAfterSeconds != nil {
		if err := missions.CheckRetryAfter(*f.RetryAfterSeconds); err != nil {
			return end, err
		}
	}
	if end.Limit = f.Limit; f.Limit != "" {
		if err := missions.CheckLimitPause(f.Limit, f.RetryAfterSeconds); err != nil {
			return end, err
		}
	}
	return end, missions.CheckText("error", f.Error, missions.MaxErrorBytes)
}

// Finish checks a release and returns it. It parks the mission if it says what for.
func (r *Release) Finish(agentID string) (missions.Finish, error) {
	end, err := r.LeaseRef.finish(agentID, missions.OutcomeRelease, &r.Report)
	if err == nil {
		end.Limit, end.RetryAfter = r.Limit, r.RetryAfterSeconds
		err = r.checkLimit()
	}
	if err != nil || len(r.After) == 0 && r.AfterTimeoutSeconds == 0 && r.Preference == (missions.Preference{}) {
		return end, err
	}
	end.Park = &missions.Park{After: r.After, TimeoutSeconds: r.AfterTimeoutSeconds, Preference: r.Preference}
	end.Park.Normalize()
	return end, end.Park.Validate(r.MissionID)
}

// finish checks what the ends of attempts have in common.
func (l *LeaseRef) finish(agentID string, outcome missions.Outcome, report *Report) (end missions.Finish, err error) {
	end.AgentID, end.Outcome = agentID, outcome
	if end.LeaseRef, err = l.Ref(); err == nil {
		end.Report, err = report.compact()
	}
	return end, err
}

// Validate checks that the request names a mission.
func (r *IDRequest) Validate() error { return missions.CheckToken("id", r.ID) }

// Validate checks a cancellation.
func (r *CancelRequest) Validate() error {
	if err := missions.CheckToken("id", r.ID); err != nil {
		return err
	}
	return missions.CheckText("reason", r.Reason, missions.MaxReasonBytes)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func page(limit int) (int, error) {
	if limit == 0 {
		return DefaultPage, nil
	}
	if limit < 1 || limit > MaxPage {
		return 0, missions.Invalid("limit", "must be between 1 and %d", MaxPage)
	}
	return limit, nil
}

// Filter checks the request and returns the filter for the store.
func (r *ListRequest) Filter() (missions.Filter, error) {
	limit, err := page(r.Limit)
	if err != nil {
		return missions.Filter{}, err
	}
	if r.Status != "" && r.Status.Index() < 0 {
		return missions.Filter{}, missions.Invalid("status", "must be one of PENDING, RUNNING, COMPLETED, FAILED, CANCELLED")
	}
	if r.Waiting != "" && r.Waiting != missions.WaitLimit && !slices.Contains(missions.WaitKinds(), r.Waiting) {
		return missions.Filter{}, missions.Invalid("waiting", "must be one of mission, batch, signal, limit, time")
	}
	for _, token := range []struct{ field, value string }{
		{"type", r.Type}, {"agent_id", r.AgentID}, {"tag", r.Tag}, {"parent_id", r.ParentID}, {"batch", r.Batch},
	} {
		if token.value == "" {
			continue
		}
		if err := missions.CheckToken(token.field, token.value); err != nil {
			return missions.Filter{}, err
		}
	}
	if err := missions.CheckLine("key", r.Key, missions.MaxKeyChars); err != nil {
		return missions.Filter{}, err
	}
	if err := missions.CheckLine("text", r.Text, maxListTextSize); err != nil {
		return missions.Filter{}, err
	}
	return missions.Filter{
		Status: r.Status, Type: r.Type, AgentID: r.AgentID, Tag: r.Tag, Text: r.Text,
		CreatedAfter: r.CreatedAfter, CreatedBefore: r.CreatedBefore, Limit: limit, Cursor: int64(r.Cursor),
		Waiting: r.Waiting, ParentID: r.ParentID, Batch: r.Batch, Key: r.Key,
	}, nil
}

// Page checks the request and returns how many entries to read.
func (r *LogRequest) Page() (int, error) {
	if err := missions.CheckToken("id", r.ID); err != nil {
		return 0, err
	}
	return page(r.Limit)
}

// Validate checks the type, if there is one.
func (r *StatsRequest) Validate() error {
	if r.Type == "" {
		return nil
	}
	return missions.CheckToken("type", r.Type)
}

// DefaultHistory is how many minutes of history a request without minutes gets.
const DefaultHistory = 60

// Span checks the request and returns the number of minutes.
func (r *HistoryRequest) Span() (minutes int, err error) {
	if r.Type != "" {
		if err := missions.CheckToken("type", r.Type); err != nil {
			return 0, err
		}
	}
	if r.Minutes == 0 {
		return DefaultHistory, nil
	}
	if r.Minutes < 1 || r.Minutes > missions.MaxHistory {
		return 0, missions.Invalid("minutes", "must be between 1 and %d", missions.MaxHistory)
	}
	return r.Minutes, nil
}

// Filter checks the request and returns the filter for the store.
func (r *AgentsRequest) Filter() (missions.AgentFilter, error) {
	limit, err := page(r.Limit)
	if err != nil {
		return missions.AgentFilter{}, err
	}
	if r.State != "" && !slices.Contains(missions.AgentStates(), r.State) {
		return missions.AgentFilter{}, missions.Invalid("state", "must be one of online, draining, offline")
	}
	if r.Type != "" {
		if err := missions.CheckToken("type", r.Type); err != nil {
			return missions.AgentFilter{}, err
		}
	}
	if r.Cursor != "" {
		if err := missions.CheckToken("cursor", r.Cursor); err != nil {
			return missions.AgentFilter{}, err
		}
	}
	return missions.AgentFilter{State: r.State, Type: r.Type, Limit: limit, Cursor: r.Cursor}, nil
}

// Agent checks a registration and returns the agent.
func (r *RegisterRequest) Agent(id string) (missions.Agent, error) {
	a := missions.Agent{ID: id, Name: r.Name, Role: r.Role, Capacity: r.Capacity, Types: r.Types,
		Version: r.Version, Host: r.Host, Labels: r.Labels}
	if r.Name == "" {
		return a, missions.Invalid("name", "is required")
	}
	if len(r.Types) == 0 {
		return a, missions.Invalid("types", "is required: at least one type of mission")
	}
	if r.Capacity < 1 || r.Capacity > missions.MaxCapacity {
		return a, missions.Invalid("capacity", "is required: between 1 and %d", missions.MaxCapacity)
	}
	if err := missions.CheckTokens("types", r.Types, missions.MaxTypes); err != nil {
		return a, err
	}
	for _, line := range []struct{ field, value string }{
		{"name", r.Name}, {"role", r.Role}, {"version", r.Version}, {"host", r.Host},
	} {
		if err := missions.CheckLine(line.field, line.value, missions.MaxNameChars); err != nil {
			return a, err
		}
	}
	return a, checkLabels(r.Labels)
}

func checkLabels(labels map[string]string) error {
	if len(labels) > missions.MaxLabels {
		return missions.TooLarge("labels", "has more than %d entries", missions.MaxLabels)
	}
	for key, value := range labels {
		if err := missions.CheckLine("labels", key, missions.MaxTokenChars); err != nil {
			return err
		}
		if err := missions.CheckLine("labels", value, missions.MaxNameChars); err != nil {
			return err
		}
	}
	return nil
}

// Heartbeat checks the request and returns the heartbeat.
func (r *HeartbeatRequest) Heartbeat(agentID string) (missions.Heartbeat, error) {
	h := missions.Heartbeat{AgentID: agentID, CPU: r.CPU, MemoryBytes: r.MemoryBytes, Draining: r.Draining, Receiving: r.Receiving}
	if r.Running == nil {
		return h, missions.Invalid("running", "is required: the missions that the agent is working on, or []")
	}
	if len(*r.Running) > missions.MaxCapacity {
		return h, missions.TooLarge("running", "has more than %d entries", missions.MaxCapacity)
	}
	for _, held := range *r.Running {
		ref, err := held.Ref()
		if err != nil {
			return h, err
		}
		h.Running = append(h.Running, ref)
		if held.Seen < 0 {
			return h, missions.Invalid("seen", "must not be negative")
		}
		if held.Seen > 0 {
			h.Seen = append(h.Seen, missions.SignalRef{MissionID: held.MissionID, Seq: held.Seen})
		}
	}
	if r.CPU != nil && !(*r.CPU >= 0 && *r.CPU < 1e6) {
		return h, missions.Invalid("cpu", "must not be negative")
	}
	if r.MemoryBytes != nil && *r.MemoryBytes < 0 {
		return h, missions.Invalid("memory_bytes", "must not be negative")
	}
	return h, nil
}

// Claim checks the request and returns the claim and how long it may wait.
func (r *ClaimRequest) Claim(agentID string) (missions.ClaimRequest, time.Duration, error) {
	claim := missions.ClaimRequest{AgentID: agentID, Types: r.Types, Max: r.Max}
	if r.Max < 1 || r.Max > missions.MaxBatch {
		return claim, 0, missions.Invalid("max", "is required: between 1 and %d", missions.MaxBatch)
	}
	if !(r.WaitSeconds >= 0 && r.WaitSeconds <= MaxWait.Seconds()) {
		return claim, 0, missions.Invalid("wait_seconds", "must be between 0 and %d", int(MaxWait.Seconds()))
	}
	return claim, seconds(r.WaitSeconds), missions.CheckTokens("types", r.Types, missions.MaxTypes)
}

// Update checks the request and returns the progress.
func (r *ProgressRequest) Update(agentID string) (missions.ProgressUpdate, error) {
	u := missions.ProgressUpdate{AgentID: agentID}
	var err error
	if u.LeaseRef, err = r.Ref(); err != nil {
		return u, err
	}
	if u.Report, err = r.Report.compact(); err != nil {
		return u, err
	}
	if r.Percent == nil && r.Message == "" && (u.Checkpoint != nil || u.Usage != nil) {
		u.Unchanged = true
		return u, nil
	}
	if r.Percent == nil || math.IsNaN(*r.Percent) || *r.Percent < 0 || *r.Percent > 100 {
		return u, missions.Invalid("percent", "is required: between 0 and 100")
	}
	u.Progress = missions.Progress{Percent: *r.Percent, Message: r.Message}
	return u, missions.CheckText("message", r.Message, missions.MaxReasonBytes)
}

// Append checks the request and returns the log entry.
func (r *LogAppendRequest) Append(agentID string) (missions.LogAppend, error) {
	entry := missions.LogAppend{AgentID: agentID, Level: r.Level, Message: r.Message}
	var err error
	if entry.LeaseRef, err = r.Ref(); err != nil {
		return entry, err
	}
	if entry.Level == "" {
		entry.Level = "info"
	}
	if err := missions.CheckToken("level", entry.Level); err != nil {
		return entry, err
	}
	if r.Message == "" {
		return entry, missions.Invalid("message", "is required")
	}
	if err := missions.CheckText("message", r.Message, missions.MaxLogMessageBytes); err != nil {
		return entry, err
	}
	if entry.Data, err = compact("data", r.Data); err != nil {
		return entry, err
	}
	if len(entry.Data) > missions.MaxLogDataBytes {
		return entry, missions.TooLarge("data", "is larger than %d KiB", missions.MaxLogDataBytes>>10)
	}
	return entry, nil
}
