package redisstore

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"missioncontrol/missions"
)

var (
	statuses   = missions.Statuses()
	priorities = missions.Priorities()
)

// texts turns a script's answer, a list of texts, into strings; nil is "".
func texts(answer any) []string {
	list := items(answer)
	out := make([]string, len(list))
	for i, item := range list {
		out[i] = text(item)
	}
	return out
}

func items(answer any) []any {
	list, _ := answer.([]any)
	return list
}

func text(answer any) string {
	switch v := answer.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64) // the scripts write whole numbers, and "" for none
	return n
}

func moment(s string) missions.Time { return missions.Time(number(s)) }

// fields is a hash by the names of lua/lib/mission.lua or lua/lib/agent.lua.
type fields map[string]string

func hash(answer any) fields {
	list := items(answer)
	f := make(fields, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		name, value := text(list[i]), text(list[i+1])
		if i > 0 && value == "" {
			delete(f, name) // cleared since it was read: lua/lib/mission.lua
			continue
		}
		f[name] = value
	}
	return f
}

// or returns a field, and what stands for one that was left out.
func (f fields) or(name, otherwise string) string {
	if value, ok := f[name]; ok {
		return value
	}
	return otherwise
}

// mission reads a mission's hash; id is for hashes that do not hold it.
func (f fields) mission(id string) (missions.Mission, error) {
	id = f.or("id", id)
	status, hasStatus := pick(statuses, f.or("S", "0"))
	priority, hasPriority := pick(priorities, f.or("p", "1"))
	if id == "" || moment(f["s"]) <= 0 || !hasStatus || !hasPriority {
		return missions.Mission{}, fmt.Errorf("the hash of mission %q is damaged", id)
	}
	m := missions.Mission{
		ID: id, Name: f["n"], Description: f["d"], Type: f.or("t", missions.DefaultType),
		Data: json.RawMessage(f.or("D", "{}")), Priority: priority, Status: status,
		Tags: list(f["g"]), MaxAttempts: int(number(f.or("x", defaultAttempts))),
		TimeoutSeconds: float64(number(f["o"])) / 1e6, StallSeconds: float64(number(f["y"])) / 1e6,
		NotBefore: moment(f["b"]), Deadline: moment(f["l"]), CorrelationID: f["c"], Traceparent: f["v"],
		Attempt: int(number(f["a"])), AgentID: missions.Text(f["A"]), LeaseExpiresAt: moment(f["e"]),
		Error: missions.Text(f["E"]), CreatedAt: moment(f["s"]), UpdatedAt: moment(f.or("u", f["s"])),
		StartedAt: moment(f["B"]), FinishedAt: moment(f["F"]),
	}
	if result, ok := f["R"]; ok {
		m.Result = json.RawMessage(result)
	}
	if percent, ok := f["P"]; ok {
		value, err := strconv.ParseFloat(percent, 64)
		if err != nil || !(value >= 0 && value <= 100) {
			return m, fmt.Errorf("the progress of mission %q is damaged: %q", id, percent)
		}
		m.Progress = &missions.Progress{Percent: value, Message: f["M"]}
	}
	if m.Status != missions.Running {
		m.LeaseExpiresAt = 0
	}
	if m.Status == missions.Pending && f["w"] == "1" && m.Attempt > 0 {
		m.NextAttemptAt = moment(f["r"])
	}
	return m, nil
}

// pick returns what a digit that a script wrote stands for; false for any other text.
func pick[T any](from []T, digit string) (value T, known bool) {
	i, err := strconv.Atoi(digit)
	if err != nil || i < 0 || i >= len(from) {
		return value, false
	}
	return from[i], true
}

const defaultAttempts = "3" // missions.DefaultMaxAttempts

// list reads what is kept with commas between; no token holds one.
func list(joined string) []string {
	if joined == "" {
		return []string{}
	}
	return strings.Split(joined, ",")
}

// refusal turns a script's answer about one mission into an error, nil for "ok".
func refusal(answer []any, id string) error {
	status := func() missions.Status {
		s, _ := pick(statuses, text(answer[1]))
		return s
	}
	switch verdict := text(answer[0]); verdict {
	case "ok":
		return nil
	case "not_found":
		return missions.NotFound("mission", id)
	case "ended":
		return missions.LeaseLost("mission %q is %s; the lease has ended", id, status())
	case "superseded":
		return missions.LeaseLost("mission %q has been given out again; this lease is no longer the newest", id)
	case "running":
		return missions.Conflict("mission %q is RUNNING; cancel it first", id)
	case "deadline":
		return missions.Conflict("the deadline of mission %q has passed", id)
	default:
		return fmt.Errorf("a script says %q of mission %q", verdict, id)
	}
}

// broken makes an error of an answer that cannot be understood.
func broken(err error) error { return missions.Unavailable(toldBroken, err) }
