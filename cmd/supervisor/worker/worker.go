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
	"missioncontrol/supervisor/tracing"
)

// agentFlags describe the agent to run.
type agentFlags struct {
	types       []string
	id          string
	name        string
	role        string
	concurrency int
	drain       string
	logStdout   bool
	directives  bool
	workdir     string
	workdirKeep string

	drainTimeout time.Duration
	keepUnused   time.Duration // working directories
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

	// Shared says that this process has children of others, too: it inherits no processes,
	// and reaps none.
	Shared bool
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
	flags.BoolVar(&f.logStdout, "log-stdout", false, "standard output is logged line by line, and is not the result")
	flags.BoolVar(&f.directives, "directives", false, "lines that are logged may be directives, such as ::progress 50")
	flags.StringVar(&f.workdir, "workdir", "", "run programs in a directory per mission under `DIR`, which must be empty, new, or made by this flag")
	flags.StringVar(&f.workdirKeep, "workdir-keep", "7d", "remove a mission's directory that was not used for this `DURATION`")
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
	if f.keepUnused, err = ui.DurationWithin(f.workdirKeep, time.Second, 365*ui.Day); err != nil {
		return ui.Usagef("--workdir-keep: %v", err)
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
	dirs, command, err := f.openWorkdirs(c, command)
	if err != nil {
		return err
	}
	defer dirs.close()
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
	defer flush(cmd.Context(), c, tracer)
	level := &slog.LevelVar{}
	level.Set(slog.LevelWarn)
	w := &worker{
		console: c, flags: f, command: command, stopNow: stopNow, quiet: level,
		requests: client.New(nc).Agent(f.id), grace: o.Grace, env: programEnvironment(), workdirs: dirs,
		mark: runMark + "=" + uuid.NewString() + ".", inherits: !o.Shared,
	}
	defer w.watchPrograms()()
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

// watchPrograms finds what programs leave behind, also when this process is killed, until stop is
// called.
func (w *worker) watchPrograms() (stop func()) {
	var err error
	if w.guard, err = newGuard(w.mark); err != nil {
		w.console.Err.Printf("If this agent is killed, processes that its programs started keep running: %s\n", ui.Clean(err.Error()))
	}
	stopReaping := func() {}
	if w.inherits {
		inheritOrphans()
		stopReaping = reapOrphans()
	}
	return func() {
		stopReaping()
		w.guard.stop()
	}
}

// openWorkdirs opens the directory of --workdir, nil without it. It returns the command for
// programs that run there: a relative path means what it means here.
func (f *agentFlags) openWorkdirs(c *ui.Console, command []string) (*workdirs, []string, error) {
	if f.workdir == "" {
		return nil, command, nil
	}
	path, err := exec.LookPath(command[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return nil, nil, ui.Usagef("cannot run the command %s: %v", command[0], fileperm.Cause(errors.Unwrap(err)))
	}
	dirs, err := openWorkdirs(f.workdir, f.keepUnused, c.Err.Printf)
	return dirs, slices.Concat([]string{path}, command[1:]), err
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

// runMark is the variable by which a program's processes are known, whatever process group they
// are in. Its value has an ID of the agent's process, and a number of the program's run.
const runMark = "MISSION_RUN"

// programEnvironment returns this process's environment without what it reads to sign in:
// programs are not the agent.
func programEnvironment() []string {
	ours := append(config.ConnectionVariables(), timedOutVariable, runMark)
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(ours, name)
	})
}

// traceFlushTimeout bounds the flush of the last traces when an agent ends.
const traceFlushTimeout = 5 * time.Second

// flush sends the last traces, though ctx may have ended.
func flush(ctx context.Context, c *ui.Console, tracer *tracing.Tracer) {
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), traceFlushTimeout)
	defer cancel()
	if err := tracer.Stop(sending); err != nil {
		c.Err.Printf("Unsent traces are lost: %v\n", err)
	}
}
