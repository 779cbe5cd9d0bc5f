package api

import (
	stdjson "encoding/json"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/missions"
)

// Replies with missions are most of what a busy supervisor encodes, so they are written
// by hand. The bytes are those that reflection writes: a test compares them.

// appender is a reply that is written by hand.
type appender interface {
	// size returns about how many bytes the reply has.
	size() int

	appendJSON(dst []byte) ([]byte, error)
}

func (r Mission) size() int { return missionSize(&r.Mission) }

func (r Mission) appendJSON(dst []byte) ([]byte, error) {
	dst, err := appendMission(append(dst, `{"mission":`...), &r.Mission)
	return append(dst, '}'), err
}

func (r MissionList) size() int { return missionsSize(r.Missions) }

func (r MissionList) appendJSON(dst []byte) ([]byte, error) {
	dst, err := appendMissions(append(dst, `{"missions":`...), r.Missions)
	if r.NextCursor != 0 {
		dst = strconv.AppendInt(append(dst, `,"next_cursor":"`...), int64(r.NextCursor), 10)
		dst = append(dst, '"')
	}
	return append(dst, '}'), err
}

func (r Waited) size() int { return missionsSize(r.Missions) }

func (r Waited) appendJSON(dst []byte) ([]byte, error) {
	dst, err := appendMissions(append(dst, `{"missions":`...), r.Missions)
	o := object{dst: dst, more: true, err: err}
	if r.Deleted != nil {
		o.texts("deleted", r.Deleted)
	}
	o.flag("done", r.Done)
	return o.close(), o.err
}

func (r Claimed) size() int { return missionsSize(r.Missions) }

func (r Claimed) appendJSON(dst []byte) ([]byte, error) {
	dst, err := appendMissions(append(dst, `{"missions":`...), r.Missions)
	return append(dst, '}'), err
}

func (r CreateReply) size() int {
	size := itemSize
	if r.Created != nil {
		size += outcomeSize(r.Created.Mission, r.Brief)
	}
	for i := range r.Results {
		size += outcomeSize(r.Results[i].Mission, r.Brief)
	}
	return size
}

func (r CreateReply) appendJSON(dst []byte) ([]byte, error) {
	return appendReply(dst, r.Created, r.Results, r.Brief, (*Created).appendFields)
}

func (r FinishReply) size() int {
	size := itemSize
	if r.Finished != nil {
		size += outcomeSize(r.Finished.Mission, r.Brief)
	}
	for i := range r.Results {
		size += outcomeSize(r.Results[i].Mission, r.Brief)
	}
	return size
}

func (r FinishReply) appendJSON(dst []byte) ([]byte, error) {
	return appendReply(dst, r.Finished, r.Results, r.Brief, (*Finished).appendFields)
}

// appendReply writes a reply with one outcome or with those of a batch.
func appendReply[T any](dst []byte, single *T, results []T, brief bool, fields func(*T, *object)) ([]byte, error) {
	o := open(dst)
	o.brief = brief
	if single != nil {
		fields(single, &o)
	}
	if results != nil {
		o.name("results")
		o.dst = append(o.dst, '[')
		for i := range results {
			if i > 0 {
				o.dst = append(o.dst, ',')
			}
			item := open(o.dst)
			item.brief = brief
			fields(&results[i], &item)
			o.dst = item.close()
			if item.err != nil {
				return nil, item.err
			}
		}
		o.dst = append(o.dst, ']')
	}
	return o.close(), o.err
}

// itemSize is about how many bytes the outcome of an item has, beside its mission.
const itemSize = 64

// outcomeSize returns about how many bytes an outcome has.
func outcomeSize(m *missions.Mission, brief bool) int {
	if brief {
		return 2 * itemSize
	}
	return itemSize + missionSize(m)
}

func (c *Created) appendFields(o *object) {
	if c.Mission != nil {
		o.mission(c.Mission)
	}
	if c.Created != nil {
		o.name("created")
		o.dst = strconv.AppendBool(o.dst, *c.Created)
	}
	if c.Error != nil {
		o.failure(c.Error)
	}
}

func (f *Finished) appendFields(o *object) {
	if f.Mission != nil {
		o.mission(f.Mission)
	}
	if f.Error != nil {
		o.failure(f.Error)
	}
}

// object is a JSON object that is being written.
type object struct {
	dst   []byte
	more  bool // a member has been written
	brief bool // missions are written as a BriefMission
	err   error
}

func open(dst []byte) object { return object{dst: append(dst, '{')} }

func (o *object) close() []byte { return append(o.dst, '}') }

// name begins a member. Names need no escaping.
func (o *object) name(name string) {
	if o.more {
		o.dst = append(o.dst, ',')
	}
	o.more = true
	o.dst = append(append(append(o.dst, '"'), name...), '"', ':')
}

func (o *object) text(name, value string) {
	o.name(name)
	o.dst = appendString(o.dst, value)
}

// textIf omits "".
func (o *object) textIf(name, value string) {
	if value != "" {
		o.text(name, value)
	}
}

// textOrNull writes "" as null.
func (o *object) textOrNull(name string, value missions.Text) {
	if value != "" {
		o.text(name, string(value))
		return
	}
	o.name(name)
	o.dst = append(o.dst, "null"...)
}

func (o *object) texts(name string, values []string) {
	o.name(name)
	o.dst = append(o.dst, '[')
	for i, value := range values {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = appendString(o.dst, value)
	}
	o.dst = append(o.dst, ']')
}

func (o *object) integer(name string, value int64) {
	o.name(name)
	o.dst = strconv.AppendInt(o.dst, value, 10)
}

func (o *object) number(name string, value float64) {
	o.name(name)
	o.dst = o.appendFloat(value)
}

// numberIf omits 0.
func (o *object) numberIf(name string, value float64) {
	if value != 0 {
		o.number(name, value)
	}
}

func (o *object) time(name string, at missions.Time) {
	o.name(name)
	o.dst = at.AppendJSON(o.dst)
}

func (o *object) timeIf(name string, at missions.Time) {
	if at != 0 {
		o.time(name, at)
	}
}

func (o *object) raw(name string, value stdjson.RawMessage) {
	o.name(name)
	var err error
	if o.dst, err = appendRaw(o.dst, value); err != nil && o.err == nil {
		o.err = err
	}
}

func (o *object) mission(m *missions.Mission) {
	o.name("mission")
	if o.brief {
		inner := open(o.dst)
		inner.text("id", m.ID)
		inner.text("status", string(m.Status))
		o.dst = inner.close()
		return
	}
	var err error
	if o.dst, err = appendMission(o.dst, m); err != nil && o.err == nil {
		o.err = err
	}
}

func (o *object) failure(e *Error) {
	o.name("error")
	inner := open(o.dst)
	inner.text("code", string(e.Code))
	inner.text("message", e.Message)
	inner.textIf("field", e.Field)
	if e.NothingDone {
		inner.name("nothing_done")
		inner.dst = append(inner.dst, "true"...)
	}
	o.dst = inner.close()
}

var errNotANumber = errors.New("a number that JSON cannot represent")

// appendFloat writes the shortest decimal that reads back as f, in the form of
// ECMAScript.
func (o *object) appendFloat(f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		o.err = errNotANumber
		return o.dst
	}
	if abs := math.Abs(f); abs == 0 || abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(o.dst, f, 'f', -1, 64)
	}
	dst := strconv.AppendFloat(o.dst, f, 'e', -1, 64)
	if n := len(dst); n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' { // e-09 is e-9
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// appendString writes a JSON string. Invalid UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			dst, _ = jsontext.AppendQuote(dst, s) // the error says that there was invalid UTF-8
			return dst
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}

// appendRaw writes a JSON value without white space and with the shortest form of its
// strings, or null for none. It is an error if the value is not valid.
func appendRaw(dst []byte, raw stdjson.RawMessage) ([]byte, error) {
	switch {
	case raw == nil:
		return append(dst, "null"...), nil
	case isMinimal(raw) && jsontext.Value(raw).IsValid():
		return append(dst, raw...), nil
	}
	end := len(dst)
	dst, err := jsontext.AppendFormat(dst, raw, jsontext.AllowInvalidUTF8(true))
	if err != nil {
		return dst[:end], err
	}
	return dst, nil
}

// isMinimal reports whether a JSON value has neither white space between its tokens nor
// escapes.
func isMinimal(raw []byte) bool {
	quoted := false
	for _, c := range raw {
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\\' || c <= ' ' && !quoted:
			return false
		}
	}
	return true
}
