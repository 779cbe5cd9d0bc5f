package redisstore

import (
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

// fields is a hash, by names: lua/lib/agent.lua, say.
type fields map[string]string

func hash(answer any) fields {
	list := items(answer)
	f := make(fields, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		f[text(list[i])] = text(list[i+1])
	}
	return f
}

// pick returns what a digit that a script wrote stands for; false for any other text.
func pick[T any](from []T, digit string) (value T, known bool) {
	i, err := strconv.Atoi(digit)
	if err != nil {
		return value, false
	}
	return at(from, i)
}

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
		return missions.LeaseLost("mission %q has a newer lease; this one has ended", id)
	case "running":
		return missions.Conflict("mission %q is RUNNING; cancel it first", id)
	case "deadline":
		return missions.Conflict("the deadline of mission %q has passed", id)
	default:
		return fmt.Errorf("a script returned %q for mission %q", verdict, id)
	}
}

// broken makes an error of an answer that cannot be understood.
func broken(err error) error { return missions.Unavailable(toldBroken, err) }
