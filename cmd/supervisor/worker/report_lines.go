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
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// maxReportLine is the longest line that a program may report with, in bytes: a checkpoint,
// with white space.
const maxReportLine = 4 * missions.MaxCheckpointBytes

// reportLines does what a program reports, line by line.
type reportLines struct {
	ctx      context.Context // of the handler
	task     *agent.Task
	progress func(percent float64, message string)
	remark   func(text string) // for lines that are ignored
	stopNow  <-chan struct{}

	parking *agent.Parking // the last one reported
}

// read reads up to a line, or to the end of what there is.
func (r *reportLines) read(from io.Reader, last string) {
	in := bufio.NewReader(from)
	for {
		line, tooLong, err := readLine(in, maxReportLine)
		text := strings.TrimSpace(string(line))
		switch {
		case text == last:
			return
		case r.stopped(), text == "" && !tooLong:
		case tooLong:
			r.ignored(fmt.Errorf("it is longer than %d KiB", maxReportLine>>10), text)
		default:
			if err := r.do(text); err != nil {
				r.ignored(err, text)
			}
		}
		if err != nil {
			return
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

// do does what a line says.
func (r *reportLines) do(line string) error {
	word, rest := line, ""
	if i := strings.IndexAny(line, " \t"); i > 0 {
		word, rest = line[:i], strings.TrimSpace(line[i:])
	}
	switch word {
	case "progress":
		return r.doProgress(rest)
	case "checkpoint":
		return r.doCheckpoint(rest)
	case "usage":
		return r.doUsage(rest)
	case "park":
		return r.doPark(rest)
	}
	return errors.New("a line begins with progress, checkpoint, usage or park")
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
