package worker

import (
	"context"
	"io"

	"missioncontrol/missions"
)

// output is what is read from a program: its standard error is logged line by line, and its
// standard output is the result, or is logged, too.
type output struct {
	log    *lineLog
	stderr *lineReader
	stdout *lineReader   // nil if it is the result
	result *resultReader // nil if it is logged
	shown  activity
}

// newOutput starts to log. The caller must call readStdout and readStderr once, and then
// log.end.
func (p *program) newOutput(ctx context.Context) *output {
	o := &output{log: newLineLog(ctx, p.log, p.lines.take)}
	o.stderr = newLineReader(o.log, p.directives, &o.shown)
	if p.logOutput {
		o.stdout = newLineReader(o.log, p.directives, &o.shown)
	} else {
		o.result = newResultReader(missions.MaxDataBytes)
	}
	return o
}

func (o *output) readStderr(from io.Reader) { o.stderr.read(watched{from, &o.shown}) }

func (o *output) readStdout(from io.Reader) {
	if o.result == nil {
		o.stdout.read(watched{from, &o.shown})
		return
	}
	o.result.read(watched{from, &o.shown})
}

// tooMuch returns a channel that is closed when the result is too large.
func (o *output) tooMuch() <-chan struct{} {
	if o.result == nil {
		return nil
	}
	return o.result.tooMuch
}

func (o *output) full() bool { return o.result != nil && o.result.full() }

// printed returns what is the result.
func (o *output) printed() []byte {
	if o.result == nil {
		return nil
	}
	return o.result.bytes
}

// last returns the lines that explain a failure: those of standard error if it has any. A
// program often writes what is left in the buffer of its output after it has said why it fails.
func (o *output) last() []string {
	if lines := o.stderr.last(); len(lines) > 0 || o.stdout == nil {
		return lines
	}
	return o.stdout.last()
}
