package redisstore

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// What stands in Redis is JSON. Fields that have their usual value are left out, and times
// are microseconds since the Unix epoch. The scripts rely on the order of a mission's fields:
// status and type come first, the content last.

// large is how many bytes of data or of a result stand in a key of their own.
const large = 512

// object writes a JSON object.
type object struct{ buf []byte }

func newObject() object { return object{append(make([]byte, 0, 256), '{')} }

func (o *object) name(name string) {
	if len(o.buf) > 1 {
		o.buf = append(o.buf, ',')
	}
	o.buf = append(append(append(o.buf, '"'), name...), '"', ':')
}

func (o *object) text(name, value string) {
	if value != "" {
		o.name(name)
		o.quote(value)
	}
}

func (o *object) quote(value string) {
	o.buf, _ = jsontext.AppendQuote(o.buf, value) // texts are valid UTF-8
}

func (o *object) texts(name string, values []string) {
	if len(values) == 0 {
		return
	}
	o.name(name)
	o.buf = append(o.buf, '[')
	for i, value := range values {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		o.quote(value)
	}
	o.buf = append(o.buf, ']')
}

func (o *object) number(name string, value int64) {
	if value != 0 {
		o.name(name)
		o.buf = strconv.AppendInt(o.buf, value, 10)
	}
}

func (o *object) float(name string, value float64) {
	if value != 0 {
		o.name(name)
		o.buf = strconv.AppendFloat(o.buf, value, 'g', -1, 64)
	}
}

func (o *object) flag(name string, value bool) {
	if value {
		o.name(name)
		o.buf = append(o.buf, "true"...)
	}
}

func (o *object) json(name string, value []byte) {
	if value != nil {
		o.name(name)
		o.buf = append(o.buf, value...)
	}
}

func (o *object) end() string { return string(append(o.buf, '}')) }

// unusual returns value unless it is the usual one.
func unusual[T comparable](value, usual T) (none T) {
	if value == usual {
		return none
	}
	return value
}

// writeMission returns a mission's record.
func writeMission(r *engine.Record) string {
	o := newObject()
	o.given(r)
	o.number("attempt", int64(r.Attempt))
	o.text("agent_id", string(r.AgentID))
	if r.Progress != nil {
		o.name("progress")
		p := newObject()
		p.float("percent", r.Progress.Percent)
		p.text("message", r.Progress.Message)
		o.buf = append(append(o.buf, p.buf...), '}')
	}
	o.text("error", string(r.Error))
	o.number("created_at", unusual(int64(r.CreatedAt), r.Seq))
	o.number("updated_at", unusual(int64(r.UpdatedAt), r.Seq))
	o.number("started_at", int64(r.StartedAt))
	o.number("finished_at", int64(r.FinishedAt))
	o.number("next_attempt_at", int64(r.NextAttemptAt))
	o.number("token", r.Token)
	o.flag("waits", !r.Ready && r.Status == missions.Pending)
	o.number("ready_after", int64(r.ReadyAt)-r.Seq)
	o.number("due_at", int64(r.DueAt))
	o.number("entries", r.Entries)
	o.text("report_agent_id", r.Report.AgentID)
	o.number("report_token", r.Report.Token)
	o.text("flow", writeFlow(r.Flow))
	o.number("data_bytes", int64(largeBytes(r.Data)))
	o.number("result_bytes", int64(largeBytes(r.Result)))
	o.content(r)
	return o.end()
}

// given writes what a mission's creator has given, and its status.
func (o *object) given(r *engine.Record) {
	o.text("status", string(unusual(r.Status, missions.Pending)))
	o.text("type", r.Type)
	o.texts("tags", r.Tags)
	o.number("seq", r.Seq)
	o.text("name", r.Name)
	o.text("description", r.Description)
	o.text("priority", string(unusual(r.Priority, missions.Normal)))
	o.number("max_attempts", int64(unusual(r.MaxAttempts, missions.DefaultMaxAttempts)))
	o.float("timeout_seconds", r.TimeoutSeconds)
	o.float("stall_seconds", r.StallSeconds)
	o.number("not_before", int64(r.NotBefore))
	o.number("deadline", int64(r.Deadline))
	o.text("correlation_id", r.CorrelationID)
	o.text("traceparent", r.Traceparent)
}

// content writes data and result, as far as they are small.
func (o *object) content(r *engine.Record) {
	content := newObject()
	if len(r.Data) <= large && string(r.Data) != "{}" {
		content.json("data", r.Data)
	}
	if len(r.Result) <= large {
		content.json("result", r.Result)
	}
	if len(content.buf) > 1 {
		o.name("content")
		o.buf = append(append(o.buf, content.buf...), '}')
	}
}

// largeBytes is the length of what stands in a key of its own, otherwise 0.
func largeBytes(content []byte) int {
	if len(content) > large {
		return len(content)
	}
	return 0
}

// storedMission is what [writeMission] writes.
type storedMission struct {
	Status         missions.Status    `json:"status"`
	Type           string             `json:"type"`
	Tags           []string           `json:"tags"`
	Seq            int64              `json:"seq"`
	Name           string             `json:"name"`
	Description    string             `json:"description"`
	Priority       missions.Priority  `json:"priority"`
	MaxAttempts    int                `json:"max_attempts"`
	TimeoutSeconds float64            `json:"timeout_seconds"`
	StallSeconds   float64            `json:"stall_seconds"`
	NotBefore      int64              `json:"not_before"`
	Deadline       int64              `json:"deadline"`
	CorrelationID  string             `json:"correlation_id"`
	Traceparent    string             `json:"traceparent"`
	Attempt        int                `json:"attempt"`
	AgentID        string             `json:"agent_id"`
	Progress       *missions.Progress `json:"progress"`
	Error          string             `json:"error"`
	CreatedAt      int64              `json:"created_at"`
	UpdatedAt      int64              `json:"updated_at"`
	StartedAt      int64              `json:"started_at"`
	FinishedAt     int64              `json:"finished_at"`
	NextAttemptAt  int64              `json:"next_attempt_at"`
	Token          int64              `json:"token"`
	Waits          bool               `json:"waits"`
	ReadyAfter     int64              `json:"ready_after"` // its creation
	DueAt          int64              `json:"due_at"`
	Entries        int64              `json:"entries"`
	ReportAgentID  string             `json:"report_agent_id"`
	ReportToken    int64              `json:"report_token"`
	Flow           string             `json:"flow"`
	DataBytes      int                `json:"data_bytes"`
	ResultBytes    int                `json:"result_bytes"`
	Content        storedContent      `json:"content"`
}

// usualMission has what is left out of a record where it is usual.
func usualMission() storedMission {
	return storedMission{Status: missions.Pending, Priority: missions.Normal, MaxAttempts: missions.DefaultMaxAttempts}
}

// storedContent is what nobody but the creator and the agent understands, if it is small.
type storedContent struct {
	Data   json.RawMessage `json:"data"`
	Result json.RawMessage `json:"result"`
}

// readMission reads a mission's record, with data and result that are in keys of their own, and the parts
// of its flow that are read with it.
func readMission(id, record, data, result, conditions, checkpoint string) (*engine.Record, error) {
	s := usualMission()
	if err := json.Unmarshal([]byte(record), &s); err != nil {
		return nil, fmt.Errorf("the record of mission %q: %w", id, err)
	}
	if s.DataBytes > 0 {
		s.Content.Data = json.RawMessage(data)
	}
	if s.ResultBytes > 0 {
		s.Content.Result = json.RawMessage(result)
	}
	if s.DataBytes != largeBytes(s.Content.Data) || s.ResultBytes != largeBytes(s.Content.Result) || s.damaged() {
		return nil, fmt.Errorf("the record of mission %q is damaged", id)
	}
	r := s.record(id)
	var err error
	if r.Flow, err = readFlow(s.Flow, conditions, checkpoint); err != nil {
		return nil, fmt.Errorf("the flow of mission %q: %w", id, err)
	}
	return r, nil
}

func (s *storedMission) damaged() bool {
	return !slices.Contains(statuses, s.Status) || s.Priority.Rank() < 0 || s.Seq <= 0
}

// beforeContent is in a record what comes before data and result. Texts have no unescaped quotes.
func beforeContent(record string) string {
	if before, _, found := strings.Cut(record, `,"content":`); found {
		return before + "}"
	}
	return record
}

// readHeadOf reads a mission's record without data and result, and without its flow.
func readHeadOf(id, record string) (*engine.Record, error) {
	s, err := readHead(id, record)
	if err != nil {
		return nil, err
	}
	return s.record(id), nil
}

func readHead(id, record string) (*storedMission, error) {
	s := usualMission()
	if err := json.Unmarshal([]byte(beforeContent(record)), &s); err != nil {
		return nil, fmt.Errorf("the record of mission %q: %w", id, err)
	}
	if s.damaged() {
		return nil, fmt.Errorf("the record of mission %q is damaged", id)
	}
	return &s, nil
}

func (s *storedMission) record(id string) *engine.Record {
	usual := func(at int64) missions.Time {
		if at == 0 {
			at = s.Seq
		}
		return missions.Time(at)
	}
	if s.Tags == nil {
		s.Tags = []string{}
	}
	if s.Content.Data == nil {
		s.Content.Data = json.RawMessage("{}")
	}
	return &engine.Record{
		Mission: missions.Mission{
			ID: id, Name: s.Name, Description: s.Description, Type: s.Type, Data: s.Content.Data, Priority: s.Priority,
			Status: s.Status, Tags: s.Tags, MaxAttempts: s.MaxAttempts, TimeoutSeconds: s.TimeoutSeconds, StallSeconds: s.StallSeconds,
			NotBefore: missions.Time(s.NotBefore), Deadline: missions.Time(s.Deadline),
			CorrelationID: s.CorrelationID, Traceparent: s.Traceparent,
			Attempt: s.Attempt, AgentID: missions.Text(s.AgentID), Progress: s.Progress, Result: s.Content.Result, Error: missions.Text(s.Error),
			CreatedAt: usual(s.CreatedAt), UpdatedAt: usual(s.UpdatedAt), StartedAt: missions.Time(s.StartedAt),
			FinishedAt: missions.Time(s.FinishedAt), NextAttemptAt: missions.Time(s.NextAttemptAt),
		},
		Seq: s.Seq, Token: s.Token, Ready: s.Status == missions.Pending && !s.Waits, ReadyAt: missions.Time(s.Seq + s.ReadyAfter),
		DueAt: missions.Time(s.DueAt), Entries: s.Entries, Report: engine.Report{AgentID: s.ReportAgentID, Token: s.ReportToken},
	}
}
