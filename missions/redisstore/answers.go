package redisstore

import (
	"strconv"

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

// fields is a hash.
type fields map[string]string

func hash(answer any) fields {
	list := items(answer)
	f := make(fields, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		f[text(list[i])] = text(list[i+1])
	}
	return f
}
