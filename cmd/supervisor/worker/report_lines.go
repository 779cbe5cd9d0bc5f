package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// maxReportLine is the longest line that a program may report with, in bytes: a result, with
// white space.
const maxReportLine = missions.MaxDataBytes + 64<<10

// reportLines does what a program reports, line by line. Lines may come from several
// goroutines at once; they are done one after the other.
type reportLines struct {
	ctx      context.Context // of the handler
	task     *agent.Task
	progress func(percent float64, message string)
	remark   func(text string) // for lines that are ignored
	stopNow  <-chan struct{}

	mu         sync.Mutex     // held while a line is done
	parking    *agent.Parking // the last of each that was reported, nil if none was
	result     json.RawMessage
	retryAfter *time.Duration
}

// read reads up to a line, or to the end of what there is.
func (r *reportLines) read(from io.Reader, last string) {
	in := bufio.NewReader(from)
	for {
		line, tooLong, err := readLine(in, maxReportLine)
		text := strings.TrimSpace(string(line))
		if text == last {
			return
		}
		r.take(text, tooLong)
		if err != nil {
			return
		}
	}
}

// take takes a line, or the beginning of one that is too long.
func (r *reportLines) take(line string, tooLong bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopped(), line == "" && !tooLong:
	case tooLong:
		r.ignored(fmt.Errorf("it is longer than %d KiB", maxReportLine>>10), line)
	default:
		if err := r.do(line); err != nil {
			r.ignored(err, line)
		}
	}
}

// readLine returns the next line, or the beginning of one that has more than so many bytes.
func readLine(in *bufio.Reader, most int) (line []byte, tooLong bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if room := most - len(line); len(part) > room {
			part, tooLong = part[:room], true
		}
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}

// stopped reports whether nothing that the program says counts any more.
func (r *reportLines) stopped() bool {
	select {
	case <-r.stopNow:
		return true
	default:
	}
	cause := context.Cause(r.ctx)
	return errors.Is(cause, agent.ErrCancelled) || errors.Is(cause, agent.ErrLeaseLost)
}

func (r *reportLines) ignored(why error, line string) {
	if r.stopped() {
		return
	}
	text := why.Error()
	var rule *missions.Error
	var refusal *api.Error
	if errors.As(why, &rule) || errors.As(why, &refusal) {
		text = api.FromError(why).Message
	}
	r.remark(fmt.Sprintf("ignored what the program reported: %s: %s", text, ui.Shorten(ui.Clean(line), maxShown)))
}

// directivePrefix marks a line to the supervisor among other lines.
const directivePrefix = "::"

// directives are what a line can begin with, and what does the rest of it.
var directives = map[string]func(r *reportLines, rest string) error{
	"progress":    (*reportLines).doProgress,
	"checkpoint":  (*reportLines).doCheckpoint,
	"usage":       (*reportLines).doUsage,
	"park":        (*reportLines).doPark,
	"result":      (*reportLines).doResult,
	"retry-after": (*reportLines).doRetryAfter,
}

// isDirective reports whether a line among other lines is one to the supervisor: it begins
// with the prefix and a word that the supervisor knows.
func isDirective(line string) bool {
	line, marked := strings.CutPrefix(line, directivePrefix)
	word, _ := firstWord(line)
	return marked && directives[word] != nil
}

// firstWord splits a line after its first word.
func firstWord(line string) (word, rest string) {
	if i := strings.IndexAny(line, " \t\r"); i >= 0 {
		return line[:i], strings.TrimSpace(line[i:])
	}
	return line, ""
}

// do does what a line says, with the prefix or without.
func (r *reportLines) do(line string) error {
	word, rest := firstWord(strings.TrimPrefix(line, directivePrefix))
	if directive := directives[word]; directive != nil {
		return directive(r, rest)
	}
	return errors.New("a line begins with progress, checkpoint, usage, park, result or retry-after")
}

func (r *reportLines) doProgress(rest string) error {
	number, message, _ := strings.Cut(rest, " ")
	percent, err := strconv.ParseFloat(strings.TrimSuffix(number, "%"), 64)
	if err != nil || !(percent >= 0 && percent <= 100) {
		return errors.New("progress needs a percentage from 0 to 100")
	}
	r.progress(percent, ui.Shorten(strings.TrimSpace(ui.Clean(message)), maxShown))
	return nil
}

func (r *reportLines) doCheckpoint(rest string) error {
	if !jsontext.Value(rest).IsValid() {
		return errors.New("checkpoint needs JSON, on one line")
	}
	return r.task.Checkpoint(json.RawMessage(rest))
}

func (r *reportLines) doUsage(rest string) error {
	used := missions.Usage{}
	for _, pair := range strings.Fields(rest) {
		unit, number, _ := strings.Cut(pair, "=")
		amount, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return fmt.Errorf("usage needs UNIT=NUMBER, not %s", pair)
		}
		used[unit] += amount
	}
	if len(used) == 0 {
		return errors.New("usage needs UNIT=NUMBER")
	}
	if err := missions.CheckUsage("usage", used); err != nil { // all of it, or nothing
		return err
	}
	for unit, amount := range used {
		if err := r.task.Usage(unit, amount); err != nil {
			return err
		}
	}
	return nil
}

func (r *reportLines) doPark(rest string) error {
	var request struct {
		After               []missions.Condition `json:"after"`
		AfterTimeoutSeconds float64              `json:"after_timeout_seconds"`
	}
	decoder := json.NewDecoder(strings.NewReader(rest))
	decoder.DisallowUnknownFields()
	if !jsontext.Value(rest).IsValid() || !strings.HasPrefix(rest, "{") {
		return errors.New(`park needs a JSON object such as {"after":[{"signal":"approved"}]}, on one line`)
	}
	if err := decoder.Decode(&request); err != nil {
		return fmt.Errorf("park: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	park := missions.Park{After: request.After, TimeoutSeconds: request.AfterTimeoutSeconds}
	park.Normalize()
	if err := park.Validate(r.task.Mission.ID); err != nil {
		return err
	}
	r.parking = agent.Park(request.After...).For(time.Duration(request.AfterTimeoutSeconds * float64(time.Second)))
	return nil
}

func (r *reportLines) doResult(rest string) error {
	switch {
	case !jsontext.Value(rest).IsValid():
		return errors.New("result needs JSON, on one line")
	case len(rest) > missions.MaxDataBytes:
		return fmt.Errorf("the result is larger than %d KiB", missions.MaxDataBytes>>10)
	}
	r.result = json.RawMessage(rest)
	return nil
}

func (r *reportLines) doRetryAfter(rest string) error {
	seconds, err := strconv.ParseFloat(strings.TrimSuffix(rest, "s"), 64)
	if err != nil {
		return errors.New("retry-after needs a number of seconds")
	}
	if err := missions.CheckRetryAfter(seconds); err != nil {
		return err
	}
	after := time.Duration(seconds * float64(time.Second))
	r.retryAfter = &after
	return nil
}
