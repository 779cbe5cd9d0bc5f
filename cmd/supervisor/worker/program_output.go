package worker

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

// resultReader keeps a program's output, up to a limit.
type resultReader struct {
	limit   int
	bytes   []byte
	tooMuch chan struct{} // closed when the limit is exceeded
}

func newResultReader(limit int) *resultReader {
	return &resultReader{limit: limit, tooMuch: make(chan struct{})}
}

// read reads to the end. Beyond the limit it discards the data but keeps reading, so that
// the program does not block while it is being stopped.
func (r *resultReader) read(from io.Reader) {
	var kept bytes.Buffer
	_, _ = io.CopyN(&kept, from, int64(r.limit)+1) // an error is the end, too
	if kept.Len() > r.limit {
		close(r.tooMuch)
		_, _ = io.Copy(io.Discard, from)
		return
	}
	r.bytes = kept.Bytes()
}

func (r *resultReader) full() bool {
	select {
	case <-r.tooMuch:
		return true
	default:
		return false
	}
}

const (
	tailLines = 10      // of the program's last output, which explains a failure
	tailBytes = 2 << 10 // at most
	logAhead  = 256     // lines that may wait to be logged before the program has to wait
)

// stderrReader turns a program's lines into log entries.
type stderrReader struct {
	ctx   context.Context
	lines chan string
	done  chan struct{}
	tail  []string
}

// newStderrReader starts to log. The caller must call read once, and then end.
func newStderrReader(ctx context.Context, log func(line string)) *stderrReader {
	r := &stderrReader{ctx: ctx, lines: make(chan string, logAhead), done: make(chan struct{})}
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

// read reads to the end, line by line. It cuts lines at the maximum length of a log
// entry.
func (r *stderrReader) read(from io.Reader) {
	reader := bufio.NewReaderSize(from, missions.MaxLogMessageBytes)
	for {
		line, err := reader.ReadSlice('\n')
		if text := logLine(line, errors.Is(err, bufio.ErrBufferFull)); text != "" {
			r.keep(text)
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = reader.ReadSlice('\n') // the rest of a line that is too long
		}
		if err != nil {
			return
		}
	}
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

// logLine makes bytes valid as a log entry; "" for an empty line.
func logLine(line []byte, at bool) string {
	text := strings.TrimRight(string(line), "\r\n")
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "�"), "\x00", "�")
	const marker = "…"
	if at || len(text) > missions.MaxLogMessageBytes {
		end := min(len(text), missions.MaxLogMessageBytes-len(marker))
		for end > 0 && end < len(text) && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + marker
	}
	return text
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
