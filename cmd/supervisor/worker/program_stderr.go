package worker

import (
	"bytes"
	"context"
	"io"
	"strings"
	"unicode/utf8"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

const (
	tailLines = 10      // of the program's last output, which explains a failure
	tailBytes = 2 << 10 // at most
	logAhead  = 256     // lines that may wait to be logged before the program has to wait
)

// stderrReader turns a program's lines into log entries. A line that is redrawn, with a
// carriage return and no line feed, becomes an entry only in its last form; until then it
// is what the program shows.
type stderrReader struct {
	ctx    context.Context
	lines  chan string
	done   chan struct{}
	tail   []string
	line   longLine
	redraw bool // the line ended with a carriage return; what follows decides
	shown  *activity
}

// newStderrReader starts to log. The caller must call read once, and then end.
func newStderrReader(ctx context.Context, log func(line string), shown *activity) *stderrReader {
	r := &stderrReader{ctx: ctx, lines: make(chan string, logAhead), done: make(chan struct{}), shown: shown}
	go func() {
		defer close(r.done)
		for line := range r.lines {
			log(line)
		}
	}()
	return r
}

// end waits until everything is logged. Call it after read has returned.
func (r *stderrReader) end() {
	close(r.lines)
	<-r.done
}

// read reads to the end.
func (r *stderrReader) read(from io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		r.take(buffer[:n])
		if err != nil {
			r.endLine()
			return
		}
	}
}

// take takes the next bytes.
func (r *stderrReader) take(b []byte) {
	for len(b) > 0 {
		if r.redraw && b[0] != '\r' && b[0] != '\n' {
			r.line.reset()
			r.redraw = false
		}
		end := bytes.IndexAny(b, "\r\n")
		if end < 0 {
			r.line.add(b)
			r.shown.unfinished(r.line.text())
			return
		}
		r.line.add(b[:end])
		if b[end] == '\n' {
			r.endLine()
		} else {
			r.redraw = true
			r.shown.redrawn(r.line.text())
		}
		b = b[end+1:]
	}
}

// endLine logs the line, unless it is empty.
func (r *stderrReader) endLine() {
	if text := r.line.text(); text != "" {
		r.keep(text)
	}
	r.line.reset()
	r.redraw = false
	r.shown.lineEnded()
}

// keep hands a line to the log. The program waits while the log is behind. After the
// program's time is over, lines are dropped.
func (r *stderrReader) keep(line string) {
	r.tail = append(r.tail, line)
	if len(r.tail) > tailLines {
		r.tail = r.tail[1:]
	}
	select {
	case r.lines <- line:
	case <-r.ctx.Done():
	}
}

// last returns the program's last lines, shortened to what explains a failure.
func (r *stderrReader) last() []string {
	size := 0
	for i := len(r.tail) - 1; i >= 0; i-- {
		if size += len(r.tail[i]) + 1; size > tailBytes {
			if i == len(r.tail)-1 {
				return []string{ui.Shorten(r.tail[i], tailBytes/2)}
			}
			return r.tail[i+1:]
		}
	}
	return r.tail
}

// longLine is a line as a log entry. Of a line that is too long it keeps the beginning
// and the end, which often has the reason.
type longLine struct {
	head, tail []byte
	cut        bool
}

const (
	ellipsis = " … "
	halfLine = (missions.MaxLogMessageBytes - len(ellipsis)) / 2
)

func (l *longLine) reset() { l.head, l.tail, l.cut = l.head[:0], l.tail[:0], false }

func (l *longLine) add(b []byte) {
	if room := halfLine - len(l.head); room > 0 {
		n := min(room, len(b))
		l.head, b = append(l.head, b[:n]...), b[n:]
	}
	l.tail = append(l.tail, b...)
	if extra := len(l.tail) - halfLine; extra > 0 {
		l.tail = append(l.tail[:0], l.tail[extra:]...)
		l.cut = true
	}
}

// text returns the line as a valid log entry.
func (l *longLine) text() string {
	head, tail := l.head, l.tail
	if !l.cut {
		return valid(append(head[:len(head):len(head)], tail...), missions.MaxLogMessageBytes)
	}
	for len(head) > 0 && !utf8.RuneStart(l.tail[0]) && !utf8.Valid(head) && len(l.head)-len(head) < utf8.UTFMax {
		head = head[:len(head)-1]
	}
	for len(tail) > 0 && !utf8.RuneStart(tail[0]) {
		tail = tail[1:]
	}
	return valid(head, halfLine) + ellipsis + valid(tail, halfLine)
}

// valid returns text that a log entry can hold, of at most so many bytes.
func valid(b []byte, most int) string {
	text := strings.ReplaceAll(strings.ToValidUTF8(string(b), "�"), "\x00", "�")
	if len(text) > most { // what was replaced has become longer
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}
