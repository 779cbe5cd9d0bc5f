package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// createFlags are the flags that describe a mission.
type createFlags struct {
	spec                api.MissionSpec
	flow                flowFlags
	data, priority      string
	maxAttempts         int
	timeout, stall      string
	notBefore, deadline string
	file                string
	wait, json          bool
	waitTimeout         string
	atMost              time.Duration // how long to wait; 0: forever
}

const missionsCreateLong = `Create a mission, or a file of missions.

A file has one mission per line, as a JSON object with the fields of the protocol:
{"name": "resize", "type": "resize", "data": {"width": 640}}. If you may have to send the
file again, give its missions your own IDs: a mission that already exists is not created
twice. Once it is deleted, which happens when the retention time is over, it would be
created and run again. Write a mission behind those that it waits for.

--after names what the mission waits for. Repeat it, or separate conditions by commas, to
wait for all of them:

  build                 the mission with this ID has completed; also mission:build
  build:ended           it has ended in any way
  batch:tests-7         the batch is closed, and all its missions have completed
  batch:tests-7:ended   the batch is closed, and all its missions have ended
  signal:approved       somebody has sent this signal; see missions signal and inbox

--prompt and --choice say what people are asked. With several signals, put them behind the
--after that they belong to.

With --unique, no two missions with the same key run at the same time. If
another mission holds the key, --on-conflict says what to do:

  keep             create none; the command names the mission that there is (the default)
  replace_pending  cancel that mission if it is pending, or else start when it has ended
  replace          cancel that mission, and start

Where one waits already to start next, the new one takes its place.

With --wait, the command prints the mission's ID at once on standard error, then its log
and progress as they arrive, and the outcome on standard output. If you stop waiting, the
mission continues.`

func missionsCreateCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create NAME | create --file FILE",
		Short: "Create a mission, or a file of missions",
		Long:  missionsCreateLong,
		Example: `  supervisor missions create "hello"
  supervisor missions create "resize" --type resize --data '{"width": 640}' --priority HIGH --wait
  supervisor missions create "build" --type build --wait --wait-timeout 10m && echo built
  supervisor missions create "report" --data @report.json --not-before 10m --timeout 5m --tag nightly
  supervisor missions create "deploy" --after build --after batch:tests-7 --after signal:approved \
    --prompt "Deploy to production?" --choice yes --choice no --after-timeout 24h
  supervisor missions create "write the report" --max-usage usd=5 --on-exceeded ask --retry first=10s,max=10m
  supervisor missions create "sync" --type sync --unique sync:42 --on-conflict replace_pending
  supervisor missions create "warm the cache" --unique warm --unique-for 5m
  supervisor missions create "tell me" --after batch:tests-7:ended --parent build-42
  supervisor missions create --file missions.jsonl
  supervisor missions create --file tests.jsonl --batch tests-7 --close-batch
  generate | supervisor missions create --file -`,
		Args:              ui.Arguments(0, 1, "the NAME of a mission"),
		ValidArgsFunction: ui.CompleteNothing,
	}
	var f createFlags
	f.add(c, cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if f.file != "" {
			if err := f.fileAlone(cmd, args); err != nil {
				return err
			}
			return remote.Connect(c, cmd, remote.ConnectTimeout, func(ctx context.Context, s *remote.Session) error { return createFile(ctx, c, s, &f) })
		}
		if len(args) == 0 {
			return ui.Usagef("%s needs the NAME of a mission, or --file FILE; see %s --help", ui.ShortPath(cmd), cmd.CommandPath())
		}
		f.spec.Name = args[0]
		if err := f.complete(c, cmd); err != nil {
			return err
		}
		return remote.Connect(c, cmd, remote.ConnectTimeout, func(ctx context.Context, s *remote.Session) error { return createOne(ctx, c, s, &f) })
	}
	return cmd
}

func (f *createFlags) add(c *ui.Console, cmd *cobra.Command) {
	flags := cmd.Flags()
	f.addWork(c, cmd)
	flags.StringVar(&f.spec.ID, "id", "", "your own `ID`, which makes it safe to repeat the command until the mission is deleted")
	flags.StringVar(&f.notBefore, "not-before", "", "do not start before this `TIME`: 10m for ten minutes from now, or 2026-01-31T15:04:05Z")
	flags.StringVar(&f.deadline, "deadline", "", "fail if the mission is still pending at this `TIME`")
	flags.StringVar(&f.file, "file", "", "create the missions in this `FILE`, one JSON object per line; - for standard input")
	f.flow.add(c, cmd, &f.spec)
	flags.BoolVar(&f.wait, "wait", false, "show the mission's log and progress until it ends")
	flags.StringVar(&f.waitTimeout, "wait-timeout", "", "with --wait: stop waiting after this `DURATION`; default: never")
	flags.BoolVar(&f.json, "json", false, "print JSON")
}

// addWork adds the flags that say what is to be done.
func (f *createFlags) addWork(c *ui.Console, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.spec.Type, "type", "", "`TYPE` of the mission; agents work on missions of their types")
	flags.StringVar(&f.data, "data", "", "data for the agent: `JSON`, @FILE, or - for standard input")
	flags.StringVar(&f.priority, "priority", "", "`PRIORITY`: CRITICAL, HIGH, NORMAL or LOW")
	flags.StringSliceVar(&f.spec.Tags, "tag", nil, "a `TAG`; may be repeated")
	flags.StringVar(&f.spec.Description, "description", "", "a `TEXT` for people")
	flags.StringVar(&f.spec.CorrelationID, "correlation-id", "", "an `ID` that you share among related missions")
	flags.IntVar(&f.maxAttempts, "max-attempts", missions.DefaultMaxAttempts, "try at most `N` times")
	flags.StringVar(&f.timeout, "timeout", "", "maximum `DURATION` of one attempt")
	flags.StringVar(&f.stall, "stall", "", "maximum `DURATION` of an attempt without progress")
	flags.StringVar(&f.spec.Key, "key", "", "the `KEY` of a tenant, user or account: keys take turns, and limits count them")
	flags.StringSliceVar(&f.spec.Limits, "limits", nil, "the name of a `LIMIT` beside those of the type; may be repeated")
	flags.StringToStringVar(&f.spec.Requires, "requires", nil, "a label that an agent must have: `LABEL=VALUE`; may be repeated")
	flags.StringVar(&f.spec.PreferAgent, "prefer-agent", "", "the `AGENT` that others leave the mission to, while it is online")
	flags.Float64Var(&f.spec.PreferSeconds, "prefer-seconds", 0, fmt.Sprintf("with --prefer-agent: for how many `SECONDS`; default: %d", missions.DefaultPreferSeconds))
	ui.CompleteFlag(cmd, "prefer-agent", remote.AgentIDs(c))
	ui.CompleteFlag(cmd, "prefer-seconds", ui.CompleteNothing)
	ui.CompleteFlag(cmd, "key", ui.CompleteNothing)
	ui.CompleteFlag(cmd, "limits", remote.LimitNames(c))
	ui.CompleteFlag(cmd, "requires", ui.CompleteNothing)
	ui.CompleteFlag(cmd, "type", remote.MissionTypes(c))
	ui.CompleteFlag(cmd, "priority", ui.CompleteWords(ui.PriorityNames()...))
}

// fileAlone rejects flags and arguments that exclude --file.
func (f *createFlags) fileAlone(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return ui.Usagef("--file contains the names of its missions; omit the name %q", args[0])
	}
	for _, name := range append([]string{"type", "data", "priority", "tag", "id", "description", "correlation-id",
		"max-attempts", "timeout", "stall", "key", "limits", "requires", "not-before", "deadline", "wait", "wait-timeout"}, flowFlagNames...) {
		if cmd.Flags().Changed(name) {
			return ui.Usagef("--%s cannot be combined with --file", name)
		}
	}
	return nil
}

// complete turns the flags into a mission and gives it an id.
func (f *createFlags) complete(c *ui.Console, cmd *cobra.Command) error {
	err := f.completeWork(c, cmd)
	if err != nil {
		return err
	}
	if err := f.flow.complete(&f.spec); err != nil {
		return err
	}
	if err := parseMoments(c, 1, momentFlag{"not-before", f.notBefore, &f.spec.NotBefore}, momentFlag{"deadline", f.deadline, &f.spec.Deadline}); err != nil {
		return err
	}
	if err := mintID(&f.spec); err != nil {
		return err
	}
	return remote.BadFlag(checkSpec(&f.spec))
}

// completeWork turns the flags of addWork into a part of a mission.
func (f *createFlags) completeWork(c *ui.Console, cmd *cobra.Command) (err error) {
	f.spec.Priority = missions.ParsePriority(f.priority)
	if cmd.Flags().Changed("max-attempts") {
		f.spec.MaxAttempts = &f.maxAttempts
	}
	if cmd.Flags().Changed("data") {
		if f.spec.Data, err = readData(c, f.data); err != nil {
			return err
		}
	}
	return f.durations()
}

// durations parses --timeout, --stall and --wait-timeout.
func (f *createFlags) durations() error {
	if f.timeout != "" {
		d, err := ui.DurationWithin(f.timeout, time.Microsecond, maxTimeout)
		if err != nil {
			return ui.Usagef("--timeout: %v", err)
		}
		timeout := d.Seconds()
		f.spec.TimeoutSeconds = &timeout
	}
	if f.stall != "" {
		d, err := ui.DurationWithin(f.stall, time.Microsecond, maxTimeout)
		if err != nil {
			return ui.Usagef("--stall: %v", err)
		}
		f.spec.StallSeconds = d.Seconds()
	}
	if f.waitTimeout == "" {
		return nil
	}
	if !f.wait {
		return ui.Usagef("--wait-timeout needs --wait")
	}
	var err error
	if f.atMost, err = ui.DurationWithin(f.waitTimeout, time.Millisecond, 365*ui.Day); err != nil {
		return ui.Usagef("--wait-timeout: %v", err)
	}
	return nil
}

// maxTimeout is the longest attempt timeout that the supervisor accepts.
const maxTimeout = 366 * ui.Day

// readData returns the JSON in text, in the file @FILE, or on the standard input (-).
func readData(c *ui.Console, text string) ([]byte, error) {
	data, err := rawData(c, text)
	if err != nil {
		return nil, err
	}
	return data, checkJSON("--data", data)
}

// checkJSON says what is wrong with a flag's JSON, and where.
func checkJSON(flag string, text []byte) error {
	err := json.Unmarshal(text, new(jsontext.Value))
	var syntax *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &syntax):
		return ui.Usagef("%s is not valid JSON", flag)
	case errors.Is(err, jsontext.ErrDuplicateName):
		return ui.Usagef("%s is not valid JSON: %q is given twice", flag, syntax.JSONPointer.LastToken())
	case errors.Is(err, io.ErrUnexpectedEOF):
		return ui.Usagef("%s is not valid JSON: it ends too early", flag)
	}
	return ui.Usagef("%s is not valid JSON: %v at byte %d", flag, syntax.Err, syntax.ByteOffset+1)
}

func rawData(c *ui.Console, text string) ([]byte, error) {
	switch {
	case text == "":
		return nil, ui.Usagef("--data is empty; give JSON, @FILE, or - for standard input, or omit it")
	case text == "-":
		return limitedData("the standard input", c.In)
	case text[0] != '@':
		return []byte(text), nil
	}
	file, err := os.Open(text[1:])
	if err != nil {
		return nil, ui.Usagef("--data: cannot read %s: %v", text[1:], fileperm.Cause(err))
	}
	defer func() { _ = file.Close() }() // nothing was written
	return limitedData(text[1:], file)
}

// limitedData reads up to just over the limit, enough to see that the data is too long.
func limitedData(name string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, api.MaxBody+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("--data: cannot read %s: %w", name, fileperm.Cause(err))
	case len(data) == 0:
		return nil, ui.Usagef("--data: %s is empty", name)
	case len(data) > api.MaxBody:
		return nil, ui.Usagef("--data is larger than %d KiB", missions.MaxDataBytes>>10)
	}
	return data, nil
}

// mintID gives a mission an id before it is sent, so that a retry cannot create it twice.
func mintID(spec *api.MissionSpec) error {
	if spec.ID != "" {
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("cannot generate an ID: %w", err)
	}
	spec.ID = id.String()
	return nil
}

// checkSpec finds what the supervisor would reject.
func checkSpec(spec *api.MissionSpec) error {
	_, err := spec.Mission()
	return err
}

// sendCreate sends a create request, and repeats it when its outcome is unknown. The
// repeated request finds the missions that the first one created. unknown is whether the
// missions may have been created although there is an error.
func sendCreate(ctx context.Context, s *remote.Session, request any) (reply api.CreateReply, raw []byte, unknown bool, err error) {
	return askAgain(ctx, func() (api.CreateReply, []byte, error) {
		return remote.AskAs[api.CreateReply](ctx, s, api.OpCreate.Subject, request)
	})
}

// mostTries is how often a request with an unknown outcome is sent.
const mostTries = 4

// askAgain sends a request that has an id, and repeats it when its outcome is unknown. unknown is whether
// it may have been executed although there is an error.
func askAgain[T any](ctx context.Context, ask func() (T, []byte, error)) (reply T, raw []byte, unknown bool, err error) {
	for try := 1; ; try++ {
		reply, raw, err = ask()
		unknown = err != nil && (unknown || !remote.NothingDone(err))
		if err == nil || try == mostTries || ctx.Err() != nil || !remote.Unsure(err) || try == 1 && remote.Unavailable(err) {
			return reply, raw, unknown, err
		}
		pause(ctx, time.Duration(try)*300*time.Millisecond)
	}
}

// notCreated adds to an error what became of the missions: whatWas is their subject and
// verb.
func notCreated(whatWas string, unknown bool, err error) error {
	switch {
	case unknown:
		return remote.ErrorAbout("it is not known whether "+whatWas+" created", err)
	case remote.Unavailable(err) && !errors.Is(err, client.ErrNoSupervisor):
		return remote.ErrorAbout(whatWas+" not created", err)
	}
	return err
}

func createOne(ctx context.Context, c *ui.Console, s *remote.Session, f *createFlags) error {
	reply, raw, unknown, err := sendCreate(ctx, s, api.CreateRequest{MissionSpec: f.spec, CloseBatch: f.flow.closeBatch})
	if err != nil {
		return notCreated("mission "+f.spec.ID+" was", unknown, remote.BadRequest(remote.BadSource(err)))
	}
	if reply.Created == nil || reply.Mission == nil {
		return errors.New("the supervisor's reply contains no mission")
	}
	switch {
	case f.wait:
		c.Err.Printf("%s; waiting for it to end\n", createdLine(&reply, f.spec.ID))
		return waitAll(ctx, c, s, waiting{ids: []string{reply.Mission.ID}, json: f.json, atMost: f.atMost, flag: "--wait-timeout", live: true})
	case f.json:
		c.Out.JSON(raw)
	default:
		c.Out.Printf("%s\n", createdLine(&reply, f.spec.ID))
	}
	return nil
}

// createdLine says whether the mission was created, already existed, or another one holds its unique key.
func createdLine(reply *api.CreateReply, id string) string {
	m := reply.Mission
	if created := reply.Created.Created; created != nil && !*created {
		if m.ID != id {
			return fmt.Sprintf("No mission is created: mission %s holds the unique key (%s)", ui.Clean(m.ID), ui.Clean(string(m.Status)))
		}
		return fmt.Sprintf("Mission %s already exists (%s)", ui.Clean(m.ID), ui.Clean(string(m.Status)))
	}
	return "Created mission " + ui.Clean(m.ID)
}
