package redisstore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// What follows reads schema 3, in which every step was a script:
//
//	meta      hash: schema, identity, partition, partitions; state, see oldState; of partition 0
//	          and of every other outbox, mark; revision; sampled
//	m:ID      a mission, see oldRecord; d:ID and r:ID, its data and result of more than 512 bytes
//	g:ID      list: what its log has beyond its record
//	a:ID      hash: an agent, in every partition; as lists them, ad and ao have those that are due
//	          and offline; ah:ID is a set of the missions that it holds
//	alerts    hash: alerts by rule
//	notices   stream: events by position
//	o         stream: the outbox. An entry has up to 16 events; its id is the last one's position
//	ct        hash: how many missions there are, by the place of their STATUS, and TYPE
//	h:TYPE    hash: histograms, "" for all types; hs has what they were at the latest sample
//	n:MINUTE  hash: what happened, by place in missions.Happenings, and how many missions there
//	          were at its end: P and R. With a type behind a colon, of that type
//	s:SPAN:SLOT  hash: what a slot of SPAN minutes gained, by type; since when, by "@"
//
// and the sorted sets q:RANK:TYPE, i:PLACE:TYPE, ia:AGENT, ig:TAG, l, w and f of missions. Times
// are microseconds since the Unix epoch; no text has a NUL.

var errOldDamaged = errors.New("it is damaged")

// oldReader takes apart what a script has packed. It fails where there is too little.
type oldReader struct {
	rest   string
	failed bool
}

func (r *oldReader) bytes(n int) string {
	if r.failed || n < 0 || n > len(r.rest) {
		r.failed = true
		return strings.Repeat("\x00", min(max(n, 0), 8))
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *oldReader) byte() int { return int(r.bytes(1)[0]) }

func (r *oldReader) uint32() int { return int(binary.LittleEndian.Uint32([]byte(r.bytes(4)))) }

func (r *oldReader) int64() int64 {
	return int64(binary.LittleEndian.Uint64([]byte(r.bytes(8)))) //nolint:gosec // as it was packed
}

// text takes what stands before the next NUL.
func (r *oldReader) text() string {
	text, rest, found := strings.Cut(r.rest, "\x00")
	r.rest, r.failed = rest, r.failed || !found
	return text
}

// The first byte of a record: that of a mission that nothing has happened to, or any other's.
const (
	oldNew  = 1
	oldFull = 2
)

// isOld reports whether a mission's record is of schema 3. Those of schema 4 are JSON.
func isOld(record string) bool {
	return record != "" && (record[0] == oldNew || record[0] == oldFull)
}

// oldRecord is what a record of schema 3 says.
type oldRecord struct {
	engine.Record              // its Entries are those of log, and the creation
	lease         engine.Lease // while RUNNING
	log           []missions.LogEntry
	logGoesOn     bool // in g:ID
	largeData     bool // it stands in d:ID
	largeResult   bool // it stands in r:ID

	waits bool
	ready missions.Time // from when a PENDING mission can be claimed; 0 for its creation
}

// readOld reads a mission's record of schema 3. Large data and results are left out.
func readOld(id, record string) (*oldRecord, error) {
	m := &oldRecord{}
	in := &oldReader{rest: record}
	m.ID = id
	switch in.byte() {
	case oldNew:
		m.Seq, m.Priority = in.int64(), oldPlace(priorities, in.byte())
		m.Status, m.MaxAttempts = missions.Pending, missions.DefaultMaxAttempts
		m.given(in)
		m.body(in)
	case oldFull:
		m.numbers(in)
		m.given(in)
		m.texts(in)
	default:
		in.failed = true
	}
	if in.failed || !m.complete() {
		return nil, fmt.Errorf("mission %q of schema 3: %w", id, errOldDamaged)
	}
	return m, nil
}

// oldPlace returns what a place stands for; the zero value for one that there is not.
func oldPlace[T any](from []T, place int) (value T) {
	if place < 0 || place >= len(from) {
		return value
	}
	return from[place]
}

// oldDigit returns what a place stands for that was written as a digit.
func oldDigit[T any](from []T, digit string) (value T) {
	if len(digit) != 1 {
		return value
	}
	return oldPlace(from, int(digit[0])-'0')
}

// oldList reads what stands with commas between.
func oldList(joined string) []string {
	if joined == "" {
		return []string{}
	}
	return strings.Split(joined, ",")
}

// numbers reads what stands at fixed places.
func (m *oldRecord) numbers(in *oldReader) {
	m.lease.Missed = in.byte()
	m.lease.ExpiresAt = missions.Time(in.int64())
	m.Status, m.Priority = oldPlace(statuses, in.byte()), oldPlace(priorities, in.byte())
	m.waits, m.logGoesOn, m.largeData = in.byte() == 1, in.byte() == 1, in.byte() == 1
	m.Attempt, m.MaxAttempts = in.uint32(), in.uint32()
	m.Seq, m.Token = in.int64(), in.int64()
	for _, at := range []*missions.Time{&m.UpdatedAt, &m.StartedAt, &m.FinishedAt, &m.ready, &m.lease.EndsAt, &m.lease.StallsAt} {
		*at = missions.Time(in.int64())
	}
	m.Report.Token = in.int64()
	m.TimeoutSeconds = float64(in.int64()) / 1e6
	m.NotBefore, m.Deadline = missions.Time(in.int64()), missions.Time(in.int64())
	m.StallSeconds = float64(in.int64()) / 1e6
}

// given reads what a mission's creator has given, but for its body.
func (m *oldRecord) given(in *oldReader) {
	m.Type, m.CorrelationID, m.Traceparent, m.Tags = in.text(), in.text(), in.text(), oldList(in.text())
}

// elsewhere stands for data and results that have keys of their own.
const oldElsewhere = "@"

func (m *oldRecord) body(in *oldReader) {
	m.Name, m.Description = in.text(), in.text()
	switch data := in.text(); {
	case data == oldElsewhere:
		m.largeData = true
	default:
		m.Data = json.RawMessage(data)
	}
}

// texts reads what only a full record has behind what was given.
func (m *oldRecord) texts(in *oldReader) {
	m.AgentID, m.Report.AgentID, m.Error = missions.Text(in.text()), in.text(), missions.Text(in.text())
	if percent, message := in.text(), in.text(); percent != "" {
		value, err := strconv.ParseFloat(percent, 64)
		in.failed = in.failed || err != nil || !(value >= 0 && value <= 100)
		m.Progress = &missions.Progress{Percent: value, Message: message}
	}
	body := &oldReader{rest: in.bytes(in.uint32())}
	m.body(body)
	in.failed = in.failed || body.failed || body.rest != ""
	switch result := in.text(); result {
	case "":
	case oldElsewhere:
		m.largeResult = true
	default:
		m.Result = json.RawMessage(result)
	}
	for in.rest != "" && !in.failed {
		at, digits, reason := in.text(), in.text(), in.text()
		from, to, known := oldMove(digits)
		in.failed = in.failed || !known
		m.log = append(m.log, missions.ChangeEntry(moment(at), from, to, reason))
	}
}

// complete derives what schema 3 does not store, and reports whether a record makes sense.
func (m *oldRecord) complete() bool {
	// Scores of sorted sets hold whole numbers up to here.
	const maxSeq = 1<<53 - 1
	if m.Status == "" || m.Priority == "" || m.Seq <= 0 || m.Seq > maxSeq || m.MaxAttempts == 0 || m.Type == "" ||
		!m.largeData && !json.Valid(m.Data) || m.Result != nil && !json.Valid(m.Result) {
		return false
	}
	m.CreatedAt, m.ReadyAt = missions.Time(m.Seq), missions.Time(m.Seq)
	if m.UpdatedAt == 0 {
		m.UpdatedAt = m.CreatedAt
	}
	if m.Report.AgentID == "" {
		m.Report.Token = 0
	}
	m.Entries = 1 + int64(len(m.log))
	m.lease.Seq, m.lease.MissionID, m.lease.Type, m.lease.AgentID, m.lease.Token = m.Seq, m.ID, m.Type, string(m.AgentID), m.Token
	if m.Status == missions.Pending {
		m.pending()
	}
	return true
}

// pending derives when a PENDING mission can be claimed, and when somebody has to look at it.
func (m *oldRecord) pending() {
	m.Ready, m.DueAt = !m.waits, m.Deadline
	if m.ready != 0 {
		m.ReadyAt = m.ready
	}
	if m.Ready {
		return
	}
	if m.DueAt == 0 || m.ReadyAt < m.DueAt {
		m.DueAt = m.ReadyAt
	}
	if m.Attempt > 0 {
		m.NextAttemptAt = m.ReadyAt
	}
}

// leaseOf returns the lease of a RUNNING mission, nil of any other.
func (m *oldRecord) leaseOf() *engine.Lease {
	if m.Status != missions.Running {
		return nil
	}
	return &m.lease
}

// oldMove reads the places of two statuses: what a mission was, and what it became.
func oldMove(digits string) (from, to missions.Status, known bool) {
	if len(digits) != 2 {
		return "", "", false
	}
	from, to = oldDigit(statuses, digits[:1]), oldDigit(statuses, digits[1:])
	return from, to, from != "" && to != ""
}

// readOldLine reads an entry of g:ID: a change of status or an agent's line.
func readOldLine(entry string) (missions.LogEntry, error) {
	parts := strings.Split(entry, "\x00")
	switch {
	case len(parts) == 4 && parts[0] == "s":
		if from, to, known := oldMove(parts[2]); known {
			return missions.ChangeEntry(moment(parts[1]), from, to, parts[3]), nil
		}
	case len(parts) == 5 && parts[0] == "l":
		e := missions.LogEntry{Timestamp: moment(parts[1]), Level: parts[2], Message: parts[3], By: missions.ByAgent}
		if parts[4] != "" {
			e.Data = json.RawMessage(parts[4])
		}
		if parts[4] == "" || json.Valid(e.Data) {
			return e, nil
		}
	}
	return missions.LogEntry{}, fmt.Errorf("an entry of kind %q: %w", parts[0], errOldDamaged)
}

// oldState is what the field state of a meta hash begins with. Totals follow, which can be
// computed from others.
type oldState struct {
	seq          int64 // of the newest mission
	leases       int64 // how many fencing tokens were given
	position     int64 // of the newest event
	forgotten    int64
	acknowledged int64
}

const oldStateBytes = 14 * 8

func readOldState(packed string) (s oldState, err error) {
	in := &oldReader{rest: packed}
	for _, n := range []*int64{&s.seq, &s.leases, &s.position, &s.forgotten, &s.acknowledged} {
		*n = in.int64()
	}
	if len(packed) != oldStateBytes {
		return s, errOldDamaged
	}
	s.acknowledged = max(s.acknowledged, s.forgotten)
	return s, nil
}

// readOldAgent reads the hash of an agent.
func readOldAgent(id string, f fields) (a engine.Agent, err error) {
	state := oldDigit(missions.AgentStates(), f["S"])
	if state == "" {
		return a, fmt.Errorf("agent %q of schema 3: %w", id, errOldDamaged)
	}
	a = engine.Agent{Left: f["x"] == "1", ChangedAt: moment(f["U"])}
	a.Silence = missions.Time(number(f["q"])).Sub(0)
	a.Agent = missions.Agent{ID: id, Name: f["n"], Role: f["r"], State: state, Capacity: int(number(f["c"])), Types: oldList(f["t"]),
		Version: f["v"], Host: f["h"], LastHeartbeat: moment(f["b"]), RegisteredAt: moment(f["R"])}
	if err := json.Unmarshal([]byte(f["j"]), &a.Labels); err != nil {
		return a, fmt.Errorf("the labels of agent %q of schema 3: %w", id, err)
	}
	if cpu, has := f["u"]; has {
		value, err := strconv.ParseFloat(cpu, 64)
		if err != nil {
			return a, fmt.Errorf("the CPU load of agent %q of schema 3: %w", id, err)
		}
		a.CPU = &value
	}
	if memory, has := f["m"]; has {
		value := number(memory)
		a.MemoryBytes = &value
	}
	return a, nil
}

// readOldAlert reads an alert: its fields with spaces between.
func readOldAlert(rule, stands string) (a missions.Alert, err error) {
	words := strings.Fields(stands)
	if len(words) != 8 {
		return a, fmt.Errorf("alert %q of schema 3: %w", rule, errOldDamaged)
	}
	threshold, err := strconv.ParseFloat(words[2], 64)
	if err != nil {
		return a, fmt.Errorf("alert %q of schema 3: %w", rule, err)
	}
	return missions.Alert{Rule: rule, State: missions.AlertState(words[0]), Metric: words[1], Threshold: threshold,
		Since: moment(words[3]), RaisedAt: moment(words[4]), ClearedAt: moment(words[5]), CheckedAt: moment(words[6]), Revision: number(words[7])}, nil
}
