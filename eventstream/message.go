package eventstream

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
)

// timeLayout is RFC 3339 in UTC, always with microseconds, the precision of
// Charter.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// encoder converts events to messages. It reuses one header map and one body
// buffer: the client library copies both while publishing, and they are most of a
// message's cost. An encoder belongs to one goroutine, and a message is valid until
// the next call of encode.
type encoder struct {
	msg  nats.Msg
	body []byte
	last charter.Event // that body is of

	// The header map points into this array, one element per header.
	values [numHeaders]string
}

// Positions in encoder.values.
const (
	hMsgID = iota
	hSpecVersion
	hID
	hType
	hSource
	hTime
	hSubject
	hContentType
	hTraceparent
	hPrevious
	hBatchID
	hBatchSequence
	hBatchCommit
	numHeaders
)

// maxKept is the size up to which an encoder keeps an event for the next one.
const maxKept = 4096

func newEncoder() *encoder {
	e := &encoder{}
	e.values[hSpecVersion] = specVersion
	e.values[hContentType] = contentType
	e.msg.Header = nats.Header{
		headerMsgID:       e.slot(hMsgID),
		headerSpecVersion: e.slot(hSpecVersion),
		headerID:          e.slot(hID),
		headerType:        e.slot(hType),
		headerSource:      e.slot(hSource),
		headerTime:        e.slot(hTime),
		headerContentType: e.slot(hContentType),
	}
	return e
}

// slot returns the header value at a position, as the header map needs it.
func (e *encoder) slot(at int) []string { return e.values[at : at+1 : at+1] }

// encode returns the message for an event; the error is an [ErrUnpublishable].
func (e *encoder) encode(ev *charter.Event) (*nats.Msg, error) {
	if ev.Reencode(e.body, &e.last) {
		id := string(e.body[len(`{"id":"`):][:36])
		e.values[hMsgID], e.values[hID], e.last.ID = id, id, ev.ID
		e.msg.Reply = ""
		return &e.msg, nil
	}
	e.last = charter.Event{}
	body, err := ev.AppendJSON(e.body[:0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnpublishable, err)
	}
	e.body = body
	if len(body) <= maxKept {
		e.last = *ev
	}

	id := ev.ID.String()
	e.values[hMsgID] = id
	e.values[hID] = id
	e.values[hType] = ev.Type
	e.values[hSource] = headerValue(ev.Source)
	e.values[hTime] = ev.Timestamp.UTC().Format(timeLayout)
	e.optional(hSubject, headerSubject, headerValue(ev.Target))
	e.optional(hTraceparent, headerTraceparent, headerValue(ev.Meta.Traceparent))

	e.msg.Subject = SubjectPrefix + ev.Type
	e.msg.Reply = ""
	e.msg.Data = body
	return &e.msg, nil
}

// inBatch gives the last encoded message a sequence, from 1, in an atomic batch;
// the last message commits it. An encoder used for a batch can only be used for
// batches.
func (e *encoder) inBatch(id string, sequence int, last bool) {
	e.optional(hBatchID, headerBatchID, id)
	e.optional(hBatchSequence, headerBatchSequence, strconv.Itoa(sequence))
	commit := ""
	if last {
		commit = "1"
	}
	e.optional(hBatchCommit, headerBatchCommit, commit)
}

// optional sets a header, or removes it if the value is empty.
func (e *encoder) optional(at int, name, value string) {
	if value == "" {
		delete(e.msg.Header, name)
		return
	}
	e.values[at] = value
	e.msg.Header[name] = e.slot(at)
}

// headerValue percent-encodes what the CloudEvents NATS binding does not allow in a
// header: everything but printable ASCII, and space, double quote and percent.
func headerValue(s string) string {
	plain := func(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '%' }
	clean := true
	for i := range len(s) {
		clean = clean && plain(s[i])
	}
	if clean {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&0xf])
		}
	}
	return b.String()
}
