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

// printedLine is a line of a program's output.
type printedLine struct {
	text      string
	directive bool // to the supervisor, and not to be logged
	tooLong   bool // it is only the beginning of one
}

// lineLog logs the lines of a program, and does what its directives say, in the order in which
// they arrive. Several readers may share it.
type lineLog struct {
	ctx   context.Context
	lines chan printedLine
	done  chan struct{}
}

// newLineLog starts to log. The caller must call end.
func newLineLog(ctx context.Context, log func(line string), direct func(line string, tooLong bool)) *lineLog {
	l := &lineLog{ctx: ctx, lines: make(chan printedLine, logAhead), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		for line := range l.lines {
			if line.directive {
				direct(line.text, line.tooLong)
			} else {
				log(line.text)
			}
		}
	}()
	return l
}

// put hands a line to the log. The program waits while the log is behind. After the program's
// time is over, lines are dropped.
func (l *lineLog) put(line printedLine) {
	select {
	case l.lines <- line:
	case <-l.ctx.Done():
	}
}

// end waits until everything is logged. Call it after all readers have returned.
func (l *lineLog) end() {
	close(l.lines)
	<-l.done
}

// lineReader turns what a program prints into log entries, line by line. A line that is
// redrawn, with a carriage return and no line feed, becomes an entry only in its last form;
// until then it is what the program shows.
type lineReader struct {
	log        *lineLog
	directives bool // they are done, and neither logged nor shown
	shown      *activity
	tail       []string
	line       longLine
	redraw     bool // the line ended with a carriage return; what follows decides
}

func newLineReader(log *lineLog, directives bool, shown *activity) *lineReader {
	r := &lineReader{log: log, directives: directives, shown: shown}
	if directives {
		r.line.whole = maxReportLine
	}
	return r
}

// read reads to the end.
func (r *lineReader) read(from io.Reader) {
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
func (r *lineReader) take(b []byte) {
	for len(b) > 0 {
		if r.redraw && b[0] != '\r' && b[0] != '\n' {
			r.line.reset()
			r.redraw = false
		}
		end := bytes.IndexAny(b, "\r\n")
		if end < 0 {
			r.line.add(b)
			r.show(r.shown.unfinished)
			return
		}
		r.line.add(b[:end])
		if b[end] == '\n' {
			r.endLine()
		} else {
			r.redraw = true
			r.show(r.shown.redrawn)
		}
		b = b[end+1:]
	}
}

// show shows the line so far.
func (r *lineReader) show(as func(line string)) {
	if text := r.line.text(); !r.directives || !isDirective(text) {
		as(text)
	}
}

// endLine logs the line, unless it is empty or a directive.
func (r *lineReader) endLine() {
	text := r.line.text()
	switch {
	case text == "":
	case r.directives && isDirective(text):
		all, tooLong := r.line.all()
		r.log.put(printedLine{text: all, directive: true, tooLong: tooLong})
	default:
		r.keep(text)
	}
	r.line.reset()
	r.redraw = false
	r.shown.lineEnded()
}

// keep hands a line to the log, and remembers the last ones.
func (r *lineReader) keep(line string) {
	r.tail = append(r.tail, line)
	if len(r.tail) > tailLines {
		r.tail = r.tail[1:]
	}
	r.log.put(printedLine{text: line})
}

// last returns the program's last lines, shortened to what explains a failure.
func (r *lineReader) last() []string {
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

	whole int    // how many bytes of the line to keep besides, from its beginning
	begin []byte // those, and one more if the line is longer
}

const (
	ellipsis = " … "
	halfLine = (missions.MaxLogMessageBytes - len(ellipsis)) / 2
)

func (l *longLine) reset() {
	l.head, l.tail, l.cut, l.begin = l.head[:0], l.tail[:0], false, l.begin[:0]
}

func (l *longLine) add(b []byte) {
	if l.whole > 0 {
		l.begin = append(l.begin, b[:min(len(b), l.whole+1-len(l.begin))]...)
	}
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

// all returns the line as it is, or the beginning of one that has more bytes than are kept.
func (l *longLine) all() (line string, tooLong bool) {
	if len(l.begin) > l.whole {
		return string(l.begin[:l.whole]), true
	}
	return string(l.begin), false
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
