// Package worker makes an agent of any program: it runs the program once for each mission.
package worker

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream"
	"missioncontrol/fileperm"
	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// agentFlags describe the agent to run.
type agentFlags struct {
	types       []string
	id          string
	name        string
	role        string
	concurrency int
	drain       string

	drainTimeout time.Duration
}

// Options are what tests replace.
type Options struct {
	// Grace is the time a program has between SIGTERM and SIGKILL; 0: terminationGrace.
	Grace time.Duration

	// SecondInterrupt listens for the second Ctrl-C; nil: that of this process. The
	// function that it returns stops listening.
	SecondInterrupt func() (<-chan struct{}, func())

	// Hangup calls a function when the terminal is closed; nil: that of this process. The
	// function that it returns stops listening.
	Hangup func(func()) func()
}

func (o Options) withDefaults() Options {
	if o.Grace == 0 {
		o.Grace = terminationGrace
	}
	if o.SecondInterrupt == nil {
		o.SecondInterrupt = secondInterrupt
	}
	if o.Hangup == nil {
		o.Hangup = onHangup
	}
	return o
}

// Command returns the command agent, which has the command run.
func Command(c *ui.Console, o Options) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "agent",
		GroupID: ui.GroupRun,
		Short:   "Work on missions",
		Example: `  supervisor agent run --type resize -- ./resize.sh`,
	}
	config.AddConnectionFlags(cmd)
	cmd.AddCommand(agentRunCommand(c, o.withDefaults()))
	ui.SubcommandOnly(cmd)
	return cmd
}

const runHelp = `Run any program as an agent. The program is started once for each mission.

The program gets the mission's data as JSON on standard input, and in its environment:

    MISSION_ID, MISSION_NAME, MISSION_TYPE, MISSION_ATTEMPT, AGENT_ID
    MISSION_TURN        how often the mission was claimed, this time included
    MISSION_CHECKPOINT  a file with the latest checkpoint; there is none if nothing was stored
    MISSION_INPUTS      a file with the outcomes of what the mission has waited for, by ID, as
                        a JSON object: {"build":{"status":"COMPLETED","result":7}}
    MISSION_SIGNALS     a file with the signals that no agent has seen yet, one JSON object per
                        line; those that arrive meanwhile are appended. What was written to it
                        while the program runs counts as seen
    MISSION_TIMED_OUT   1 if the mission's latest wait ended because its time was up, else unset
    MISSION_REPORT      a named pipe for lines to the supervisor; MISSION_FD is a descriptor of
                        it that is already open
    TRACEPARENT         if the mission belongs to a trace

It does not get the variables that the agent itself reads to connect (NATS_URL, NATS_PASSWORD,
...), nor a terminal.

Its standard output is the result, at most 512 KiB: JSON as it is, other text as a string, no
output as null. Each line on standard error becomes a log entry, until the mission's log is
full (100,000 entries). A line that the program redraws with carriage returns, or does not
end, is the mission's progress, with a percentage if it has one. All output counts as
progress for --stall. An exit code other than 0 is a failure; the last lines on standard error
are the reason. A failed mission is retried while attempts remain.

The program can write these lines to MISSION_REPORT or MISSION_FD (on Unix):

    progress 50 half of it            the mission's progress, in percent
    checkpoint {"step":4}             any JSON, at most 64 KiB: MISSION_CHECKPOINT of the next turn
    usage usd=0.42 input_tokens=1200  what was used since the last such line; the agent adds it up
    park {"after":[{"signal":"approved","prompt":"Deploy?"}],"after_timeout_seconds":3600}
                                      if the exit code is 0, the mission does not complete: it is
                                      handed back until all that has happened, or the time is up

Other lines are ignored, with a warning in the mission's log. The last park counts.

If the command cannot be started (it is missing, not executable, or the machine has no
processes left), the agent hands the mission back without using up an attempt, and waits
before it takes another: 1 s, then 2 s, up to 30 s. After 8 times in a row it goes offline and
exits.

When the mission is cancelled, its lease is lost or its time is over, the program and its
process group get SIGTERM, and SIGKILL after 5 seconds. When the program ends, or the agent is
killed, the rest of its process group is killed, too. A process that has left the group, such
as a daemon, is not.

The first Ctrl-C, or a closed terminal, gives running programs --drain to finish; the second
Ctrl-C stops them at once. Unfinished missions are handed back.

Run each agent with its own --id: the supervisor cannot tell two agents with the same ID
apart, and ends each one's leases in turn.`

func agentRunCommand(c *ui.Console, o Options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run --type TYPE... [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run any program as an agent",
		Long:  runHelp,
		Example: `  supervisor agent run --type default -- cat
  supervisor agent run --type resize --concurrency 4 --id resizer-1 -- ./resize.sh --quality 80
  supervisor agent run --type build -- sh -c 'jq -r .target | xargs make >&2 && echo done'
  supervisor agent run --type deploy -- docs/examples/deploy.sh`,
		Args:              ui.Arguments(1, -1, "a COMMAND to run, after --"),
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
	}
	var f agentFlags
	flags := cmd.Flags()
	flags.SetInterspersed(false) // flags after COMMAND belong to the command
	flags.StringSliceVar(&f.types, "type", nil, "work on missions of this `TYPE`; may be repeated")
	flags.StringVar(&f.id, "id", "", "the agent's `ID`, different for every process; default: the program's name and a random part")
	flags.StringVar(&f.name, "name", "", "the agent's `NAME`, for people")
	flags.StringVar(&f.role, "role", "", "the agent's `ROLE`, for people")
	flags.IntVar(&f.concurrency, "concurrency", 1, "work on `N` missions at once")
	flags.StringVar(&f.drain, "drain", "30s", "`DURATION` that running programs have to finish after the first Ctrl-C")
	ui.CompleteFlag(cmd, "type", remote.MissionTypes(c))
	ui.CompleteFlag(cmd, "id", ui.CompleteNothing)
	cmd.RunE = func(cmd *cobra.Command, command []string) error {
		if err := f.check(command); err != nil {
			return err
		}
		return runAgent(c, cmd, o, &f, command)
	}
	return cmd
}

// check validates the flags and gives the agent an id.
func (f *agentFlags) check(command []string) error {
	if len(f.types) == 0 {
		return ui.Usagef("--type is required: the type of missions to work on; missions created without a type have the type default")
	}
	var err error
	if f.drainTimeout, err = ui.DurationWithin(f.drain, time.Millisecond, 365*ui.Day); err != nil {
		return ui.Usagef("--drain: %v", err)
	}
	if f.concurrency < 1 || f.concurrency > missions.MaxBatch {
		return ui.Usagef("--concurrency must be between 1 and %d", missions.MaxBatch)
	}
	if _, err := exec.LookPath(command[0]); err != nil {
		return ui.Usagef("cannot run the command %s: %v", command[0], fileperm.Cause(errors.Unwrap(err)))
	}
	if f.id == "" {
		f.id = agentID(command[0])
	}
	if err := missions.CheckToken("id", f.id); err != nil {
		return remote.BadFlag(err)
	}
	if f.name == "" {
		f.name = f.id
	}
	registration := api.RegisterRequest{Name: f.name, Role: f.role, Types: f.types, Capacity: f.concurrency}
	_, err = registration.Agent(f.id)
	return remote.BadFlag(err)
}

var notInToken = regexp.MustCompile("[^" + missions.TokenClass + "]+")

// agentID derives an id from a program's name.
func agentID(program string) string {
	base := filepath.Base(program)
	base = notInToken.ReplaceAllString(strings.TrimSuffix(base, filepath.Ext(base)), "-")
	return base[:min(len(base), 48)] + "-" + uuid.NewString()[:8]
}

func runAgent(c *ui.Console, cmd *cobra.Command, o Options, f *agentFlags, command []string) error {
	settings, err := config.LoadConnection(cmd.Flags(), c.LookupEnv)
	if err != nil {
		return err
	}
	b, err := settings.Broker(true)
	if err != nil {
		return err
	}
	config.WarnOfExposed(c, settings.Exposed)
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	nc, err := remote.ConnectAgent(c, b, f.id, cancel)
	if err != nil {
		return err
	}
	defer nc.Close()
	stopNow, endListening := o.SecondInterrupt()
	defer endListening()

	tracer, err := config.Tracer(cmd.Context(), "agent", c.Version, c.LookupEnv)
	if err != nil {
		return err
	}
	defer func() {
		sending, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), traceFlushTimeout)
		defer cancel()
		if err := tracer.Stop(sending); err != nil {
			c.Err.Printf("Unsent traces are lost: %v\n", err)
		}
	}()
	guard, err := newGuard()
	if err != nil {
		c.Err.Printf("If this agent is killed, processes that its programs started keep running: %s\n", ui.Clean(err.Error()))
	}
	defer guard.stop()
	defer reapOrphans()()
	level := &slog.LevelVar{}
	level.Set(slog.LevelWarn)
	w := &worker{
		console: c, flags: f, command: command, stopNow: stopNow, quiet: level,
		requests: client.New(nc).Agent(f.id), grace: o.Grace, guard: guard, env: programEnvironment(),
	}
	c.Err.Printf("Agent %s works on missions of type %s, %s at once, at %s. Ctrl-C drains and stops.\n",
		f.id, strings.Join(f.types, ", "), ui.Count(f.concurrency), eventstream.RedactURLs(b.URLs))
	defer o.Hangup(func() { cancel(errHangup) })()
	defer context.AfterFunc(ctx, func() {
		if deniedIn(ctx) != nil {
			return
		}
		c.Err.Printf("Stopping: running programs have %s to finish. Press Ctrl-C again to stop them at once.\n", ui.DurationWords(f.drainTimeout))
	})()
	err = agent.Run(ctx, nc, agent.Config{
		ID: f.id, Name: f.name, Role: f.role, Types: f.types, Concurrency: f.concurrency, Version: c.Version,
		DrainTimeout: f.drainTimeout, Handler: w.handle, Tracer: tracer,
		Logger: slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: level})),
	})
	if denied := deniedIn(ctx); denied != nil {
		return denied
	}
	return err
}

// deniedIn returns the broker's refusal to let the user be the agent, if that is why ctx
// ended, and nil otherwise.
func deniedIn(ctx context.Context) error {
	var denied *remote.NotThisAgentError
	if errors.As(context.Cause(ctx), &denied) {
		return denied
	}
	return nil
}

// programEnvironment returns this process's environment without what it reads to sign in:
// programs are not the agent.
func programEnvironment() []string {
	ours := append(config.ConnectionVariables(), timedOutVariable)
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(ours, name)
	})
}

// traceFlushTimeout bounds the flush of the last traces when an agent ends.
const traceFlushTimeout = 5 * time.Second
