package redisstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"missioncontrol/missions"
)

// The layouts of a mission's record: lua/lib/record.lua, which see.
const (
	recordNew  = 1
	recordFull = 2

	headNew  = 1 + 8 + 1
	headFull = 1 + 1 + 8 + 5 + 2*4 + 13*8

	// large is how many bytes of data or of a result stand in a key of their own.
	large     = 512
	elsewhere = "@" // stands for them in the record
)

// recordHead is what the numbers at the beginning of a record say of use to us.
type recordHead struct {
	expires                             int64
	status, priority, waits             byte
	attempt, maxAttempts                int64
	created, lease, updated             int64
	started, finished, ready            int64
	timeout, notBefore, deadline, stall int64
}

var errDamaged = errors.New("its record is damaged")

// told reads a mission as the scripts answer it: its id, its record, and behind that data
// and result that are elsewhere.
func told(answer any) (missions.Mission, error) {
	m, err := given(answer)
	m.Lease = 0 // nobody's but its holder's
	return m, err
}

// given is told, with the fencing token.
func given(answer any) (missions.Mission, error) {
	said := texts(answer)
	if len(said) < 2 {
		return missions.Mission{}, fmt.Errorf("a mission record has %d fields", len(said))
	}
	data, result := "", ""
	if len(said) == 4 {
		data, result = said[2], said[3]
	}
	m, err := readRecord(said[1], data, result)
	if m.ID = said[0]; err == nil && m.ID == "" {
		err = errDamaged
	}
	if err != nil {
		return m, fmt.Errorf("mission %q: %w", m.ID, err)
	}
	return m, nil
}

// readRecord reads a record, with the data and the result that are elsewhere.
func readRecord(record, data, result string) (m missions.Mission, err error) {
	head, rest, err := readHead(record)
	if err != nil {
		return m, err
	}
	status, hasStatus := at(statuses, int(head.status))
	priority, hasPriority := at(priorities, int(head.priority))
	if head.created <= 0 || !hasStatus || !hasPriority {
		return m, errDamaged
	}
	m = missions.Mission{
		Status: status, Priority: priority, MaxAttempts: int(head.maxAttempts), Attempt: int(head.attempt),
		TimeoutSeconds: float64(head.timeout) / 1e6, StallSeconds: float64(head.stall) / 1e6,
		NotBefore: missions.Time(head.notBefore), Deadline: missions.Time(head.deadline),
		CreatedAt: missions.Time(head.created), UpdatedAt: missions.Time(head.updated),
		StartedAt: missions.Time(head.started), FinishedAt: missions.Time(head.finished),
		Lease: head.lease,
	}
	if m.UpdatedAt == 0 {
		m.UpdatedAt = m.CreatedAt
	}
	if status == missions.Running {
		m.LeaseExpiresAt = missions.Time(head.expires)
	}
	if status == missions.Pending && head.waits == 1 && m.Attempt > 0 {
		m.NextAttemptAt = missions.Time(head.ready)
	}
	return m, readTexts(&m, rest, record[0] == recordFull, data, result)
}

// readHead reads the numbers, and returns the texts behind them.
func readHead(record string) (head recordHead, rest string, err error) {
	switch {
	case len(record) >= headNew && record[0] == recordNew:
		return recordHead{created: number64(record, 1), priority: record[9], maxAttempts: missions.DefaultMaxAttempts}, record[headNew:], nil
	case len(record) >= headFull && record[0] == recordFull:
		const numbers = 1 + 1 + 8 + 5 + 2*4
		nth := func(n int) int64 { return number64(record, numbers+8*n) }
		return recordHead{
			expires: number64(record, 2), status: record[10], priority: record[11], waits: record[12],
			attempt: number32(record, 15), maxAttempts: number32(record, 19),
			created: nth(0), lease: nth(1), updated: nth(2), started: nth(3), finished: nth(4), ready: nth(5),
			timeout: nth(9), notBefore: nth(10), deadline: nth(11), stall: nth(12),
		}, record[headFull:], nil
	}
	return head, "", errDamaged
}

func number32(record string, at int) int64 {
	return int64(record[at]) | int64(record[at+1])<<8 | int64(record[at+2])<<16 | int64(record[at+3])<<24
}

func number64(record string, at int) int64 { return number32(record, at) | number32(record, at+4)<<32 }

// readTexts reads what stands behind the numbers, but for the log.
func readTexts(m *missions.Mission, rest string, full bool, data, result string) error {
	damaged := false
	next := func() (text string) {
		var found bool
		text, rest, found = strings.Cut(rest, "\x00")
		damaged = damaged || !found
		return text
	}
	m.Type, m.CorrelationID, m.Traceparent, m.Tags = next(), next(), next(), list(next())
	var percent, message string
	if full {
		m.AgentID = missions.Text(next())
		next() // who said what it came to
		m.Error, percent, message = missions.Text(next()), next(), next()
		if len(rest) < 4 {
			return errDamaged
		}
		rest = rest[4:] // the length of what follows, which its ends show
	}
	m.Name, m.Description = next(), next()
	if stored := next(); stored != elsewhere {
		data = stored
	}
	m.Data = json.RawMessage(data)
	if full {
		if stored := next(); stored != elsewhere {
			result = stored
		}
		if result != "" {
			m.Result = json.RawMessage(result)
		}
	}
	if percent != "" {
		value, err := strconv.ParseFloat(percent, 64)
		damaged = damaged || err != nil || !(value >= 0 && value <= 100)
		m.Progress = &missions.Progress{Percent: value, Message: message}
	}
	if damaged {
		return errDamaged
	}
	return nil
}

// at returns what a number that a script wrote stands for.
func at[T any](from []T, place int) (value T, known bool) {
	if place < 0 || place >= len(from) {
		return value, false
	}
	return from[place], true
}

// appendMission appends what create.lua is given of a mission.
func appendMission(args []any, m *missions.Mission) []any {
	priority, tags := strconv.Itoa(m.Priority.Rank()), strings.Join(m.Tags, ",")
	data, far := string(m.Data), ""
	if len(data) > large {
		data, far = elsewhere, data
	}
	return append(args, m.ID, m.Type, priority, tags,
		ended(m.Type, m.CorrelationID, m.Traceparent, tags),
		ended(m.Name, m.Description, data),
		numbersOf(m), far,
		strings.Join([]string{m.CorrelationID, m.Traceparent, m.Name, m.Description, m.Type, priority}, "\x00"))
}

// ended puts a NUL behind each text.
func ended(texts ...string) string { return strings.Join(append(texts, ""), "\x00") }

// numbersOf writes what create.lua reads of the numbers that a mission is given, "" where
// they are the default.
func numbersOf(m *missions.Mission) string {
	timeout, stall := m.Timeout().Microseconds(), m.Stall().Microseconds()
	if m.MaxAttempts == missions.DefaultMaxAttempts && timeout == 0 && m.NotBefore == 0 && m.Deadline == 0 && stall == 0 {
		return ""
	}
	return fmt.Sprintf("%d %d %d %d %d", m.MaxAttempts, timeout, int64(m.NotBefore), int64(m.Deadline), stall)
}
