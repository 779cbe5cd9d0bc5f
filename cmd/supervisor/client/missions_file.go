package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jedib0t/go-pretty/v6/progress"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

const (
	// maxLine is the longest line in a file of missions: the largest data and the longest
	// texts, with room for escapes.
	maxLine = 2 << 20

	// replyOverhead is how much larger a mission's reply may be than its request.
	replyOverhead = 1 << 10

	// maxErrorsShown is how many failed lines are reported one by one.
	maxErrorsShown = 100
)

// importer sends a file of missions in batches.
type importer struct {
	console *ui.Console
	session *remote.Session
	name    string
	batch   string // of missions that name none
	json    bool
	bar     *ui.ProgressBar

	specs []api.MissionSpec
	lines []int // the line number of each
	bytes int   // size of the batch, as it counts for the reply
	room  int   // for a batch

	line, created, existed, failed int

	batches []string // to close, in the order of the file; nil: none
	named   map[string]struct{}
}

// createFile creates the missions of a file.
func createFile(ctx context.Context, c *ui.Console, s *remote.Session, f *createFlags) error {
	input, name, size := c.In, "standard input", int64(0)
	if f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return ui.Usagef("--file: cannot read %s: %v", f.file, fileperm.Cause(err))
		}
		defer func() { _ = file.Close() }() // nothing was written
		info, err := file.Stat()
		if err != nil || info.IsDir() {
			return ui.Usagef("--file: %s is not a file", f.file)
		}
		input, name, size = file, f.file, info.Size()
	}
	begun := time.Now()
	im := &importer{console: c, session: s, name: name, batch: f.spec.Batch, json: f.json, room: int(s.Conn.MaxPayload()) - 16<<10}
	if f.flow.closeBatch {
		im.named = map[string]struct{}{}
	}
	im.bar = ui.NewProgressBar(c.Err, "Creating missions", size, progress.UnitsBytes)
	err := im.run(ctx, input)
	im.bar.Stop()
	if im.failed > maxErrorsShown {
		c.Err.Printf("and %s more\n", ui.Plural(im.failed-maxErrorsShown, "line that failed", "lines that failed"))
	}
	if !f.json || err != nil {
		c.Err.Printf("Created %s, %s already existed, %s failed, in %s\n", ui.Plural(im.created, "mission", "missions"),
			ui.Count(im.existed), ui.Count(im.failed), ui.FormatDuration(time.Since(begun)))
	}
	if err == nil {
		err = im.closeBatches(ctx)
	}
	return err
}

// closeBatches closes the batches of the file, unless a line failed.
func (im *importer) closeBatches(ctx context.Context) error {
	if im.failed > 0 {
		if len(im.batches) > 0 {
			im.console.Err.Printf("%s not closed, because of what failed; once that is created: supervisor batches close %s\n",
				ui.Plural(len(im.batches), "batch was", "batches were"), ui.Clean(ui.Shorten(strings.Join(im.batches, " "), 500)))
		}
		return ui.ErrSilent
	}
	for _, id := range im.batches {
		if _, err := im.session.Client.CloseBatch(ctx, id); err != nil {
			return remote.ErrorAbout("batch "+id+" was not closed", err)
		}
	}
	return nil
}

// belongs notes the batch of a mission, which may be that of the command line.
func (im *importer) belongs(spec *api.MissionSpec) {
	if spec.Batch == "" {
		spec.Batch = im.batch
	}
	if _, known := im.named[spec.Batch]; im.named == nil || known || spec.Batch == "" {
		return
	}
	im.named[spec.Batch] = struct{}{}
	im.batches = append(im.batches, spec.Batch)
}

// run reads lines and sends them. Missions sent before an error stay created.
func (im *importer) run(ctx context.Context, input io.Reader) error {
	reader := bufio.NewReaderSize(input, 64<<10)
	for {
		line, tooLong, err := readLine(reader, maxLine)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		last := err != nil
		if !last || len(line) > 0 || tooLong {
			im.line++
			if addErr := im.add(ctx, line, tooLong); addErr != nil {
				return addErr
			}
		}
		if last {
			return im.send(ctx)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// readLine reads a line without its line ending. It discards a line that is too long.
func readLine(reader *bufio.Reader, most int) (line []byte, tooLong bool, err error) {
	for {
		part, err := reader.ReadSlice('\n')
		if len(line)+len(part) > most {
			line, tooLong = nil, true
		}
		if !tooLong {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimRight(line, "\r\n"), tooLong, err
		}
	}
}

// add adds a line to the batch and sends the batch when it is full.
func (im *importer) add(ctx context.Context, line []byte, tooLong bool) error {
	im.bar.Advance(len(line) + 1)
	if tooLong {
		im.fail(im.line, missions.TooLarge("line", "is longer than %d KiB", maxLine>>10))
		return nil
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	spec, err := parseMission(line)
	if err != nil {
		im.fail(im.line, err)
		return nil
	}
	im.belongs(&spec)
	size := len(line) + replyOverhead
	if len(im.specs) == missions.MaxBatch || len(im.specs) > 0 && im.bytes+size > im.room {
		if err := im.send(ctx); err != nil {
			return err
		}
	}
	im.specs, im.lines, im.bytes = append(im.specs, spec), append(im.lines, im.line), im.bytes+size
	return nil
}

func parseMission(line []byte) (api.MissionSpec, error) {
	spec, err := api.Decode[api.MissionSpec](line)
	spec.Priority = missions.ParsePriority(string(spec.Priority))
	if err == nil {
		err = mintID(&spec)
	}
	if err == nil {
		err = checkSpec(&spec)
	}
	return spec, err
}

// send creates the batch. It returns errors that concern the whole file; errors of single
// missions are counted and reported.
func (im *importer) send(ctx context.Context) error {
	if len(im.specs) == 0 {
		return nil
	}
	request := struct {
		Missions []api.MissionSpec `json:"missions"`
	}{im.specs}
	reply, _, unknown, err := sendCreate(ctx, im.session, request)
	if err != nil {
		if where := im.place(err); where != nil {
			err = where
		}
		err = remote.BadRequest(err)
		return notCreated(fmt.Sprintf("the missions of lines %d to %d were", im.lines[0], im.lines[len(im.lines)-1]), unknown, err)
	}
	if len(reply.Results) != len(im.specs) {
		return errors.New("the supervisor's reply does not match the request")
	}
	for i := range reply.Results {
		im.count(im.lines[i], &reply.Results[i])
	}
	im.specs, im.lines, im.bytes = im.specs[:0], im.lines[:0], 0
	return nil
}

// place returns an error with the line of the mission that the supervisor names as the reason
// for refusing all of a request; nil if it names none.
func (im *importer) place(err error) error {
	var refusal *api.Error
	if !errors.As(err, &refusal) {
		return nil
	}
	var i int
	if n, _ := fmt.Sscanf(refusal.Field, "missions[%d].", &i); n != 1 || i < 0 || i >= len(im.lines) {
		return nil
	}
	return ui.Usagef("%s:%d: %s; the missions of lines %d to %d were not created", im.name, im.lines[i],
		strings.TrimPrefix(refusal.Message, fmt.Sprintf("missions[%d].", i)), im.lines[0], im.lines[len(im.lines)-1])
}

func (im *importer) count(line int, result *api.Created) {
	switch {
	case result.Error != nil:
		im.fail(line, result.Error)
		return
	case result.Created != nil && *result.Created:
		im.created++
	default:
		im.existed++
	}
	im.print(line, result)
}

// print writes a result as received, with its line number.
func (im *importer) print(line int, result *api.Created) {
	if !im.json {
		return
	}
	raw, err := json.Marshal(struct {
		Line int `json:"line"`
		*api.Created
	}{line, result})
	if err == nil {
		im.console.Out.JSONLine(raw)
	}
}

// fail counts a line that did not become a mission, and reports why.
func (im *importer) fail(line int, err error) {
	im.failed++
	im.print(line, &api.Created{Error: api.FromError(err)})
	if im.failed <= maxErrorsShown {
		im.bar.Say("%s:%d: %s", ui.Clean(im.name), line, ui.Clean(lineError(err)))
	}
}

func lineError(err error) string {
	var invalid *missions.Error
	if errors.As(err, &invalid) && invalid.Field != "" {
		return invalid.Field + " " + invalid.Message
	}
	return remote.ErrorText(err)
}
