package agentcheck

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
)

const help = `Check whether an agent, in any language, keeps to the protocol. agent check plays a supervisor
with a script, starts COMMAND for each check, and says what the agent does wrong. It needs
neither a broker nor a supervisor.

COMMAND is a program with your agent. It registers as the agent CHECK_AGENT_ID for missions of
type check, with capacity 2, and does what a mission's data say: it works for work_seconds,
unless it is told to stop; then it fails with the text in fail, permanently if permanent is
true, or, without fail, completes with the value in result. On SIGTERM, it drains and exits.
The environment has:

    CHECK_AGENT_ID   the agent's ID, a new one each time
    CHECK_NATS_URL   the broker's URL, without --http
    CHECK_HTTP_URL   the supervisor's URL, with --http: the agent uses /api/agents/ID/VERB
    CHECK_TOKEN      with --http, in the check token: what to send as Authorization: Bearer TOKEN

In the arguments, {agent}, {nats} and {http} stand for the first three.

Checks judge by the order of what happens. Where time counts, they allow for what this machine
is late by; --heartbeat gives a slow agent more of it. A warning is about what an agent may do
without. docs/AGENT-CHECK.md describes each check and what to do about it.

The exit code is 1 if a check fails, or, with --strict, if there is a warning, and else 0.`

// Command returns the command check, a subcommand of agent.
func Command(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [flags] -- COMMAND [ARGUMENT...]",
		Short: "Check whether an agent keeps to the protocol",
		Long:  help,
		Example: `  supervisor agent check -- node check-agent.mjs
  supervisor agent check --http -- python3 check_agent.py
  supervisor agent check --only drain --verbose -- ./my-agent --server {nats} --id {agent}
  supervisor agent check --json -- ./my-agent | jq -r '.checks[] | select(.status == "fail") | .seen'`,
		Args:              ui.Arguments(1, -1, "a COMMAND to check, after --"),
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
	}
	o := options{tries: 3}
	flags := cmd.Flags()
	flags.SetInterspersed(false) // flags after COMMAND belong to the command
	flags.BoolVar(&o.http, "http", false, "serve HTTP rather than NATS")
	flags.StringSliceVar(&o.only, "only", nil, "run only the check with this `NAME`; may be repeated")
	flags.IntVar(&o.parallel, "parallel", 4, "run `N` checks at once, each with an agent of its own")
	heartbeat := flags.String("heartbeat", "400ms", "`DURATION` between heartbeats that the agent is told; a lease lasts five times as long")
	patience := flags.String("patience", "30s", "`DURATION` to wait for what the protocol sets no time for, such as the agent's start")
	asJSON := flags.Bool("json", false, "print the results as JSON")
	strict := flags.Bool("strict", false, "exit with 1 if there are warnings, too")
	verbose := flags.Bool("verbose", false, "print each request and reply, and what COMMAND prints, to standard error")
	ui.CompleteFlag(cmd, "only", ui.CompleteWords(names()...))
	ui.CompleteFlag(cmd, "heartbeat", ui.CompleteNothing)
	ui.CompleteFlag(cmd, "patience", ui.CompleteNothing)
	ui.CompleteFlag(cmd, "parallel", ui.CompleteNothing)
	cmd.PreRunE = func(cmd *cobra.Command, command []string) error {
		o.command = command
		if err := o.check(cmd, *heartbeat, *patience); err != nil {
			return err
		}
		if *verbose {
			o.output, o.trace = c.Err, func(format string, args ...any) { c.Err.Printf("%s", ui.CleanBlock(fmt.Sprintf(format, args...))) }
		}
		return nil
	}
	cmd.SetUsageFunc(withoutInherited)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		line := &ui.LiveLine{Screen: c.Err}
		results, err := run(cmd.Context(), o, func(done, all int) {
			if !*verbose {
				line.Show(ui.Painted(fmt.Sprintf("%d of %d checks are done", done, all)))
			}
		})
		line.Hide()
		if err != nil {
			return err
		}
		if *asJSON {
			err = printJSON(c.Out, o.http, results)
		} else {
			printText(c.Out, results)
		}
		if of := worst(results); err == nil && (of == failed || *strict && of == warned) {
			return ui.ErrSilent
		}
		return err
	}
	return cmd
}

// names returns the names of all checks.
func names() (all []string) {
	for i := range checks {
		if !slices.Contains(all, checks[i].name) {
			all = append(all, checks[i].name)
		}
	}
	return all
}

// check validates what a user has said.
func (o *options) check(cmd *cobra.Command, heartbeat, patience string) error {
	var err error
	cmd.InheritedFlags().VisitAll(func(flag *pflag.Flag) {
		if flag.Changed && err == nil {
			err = ui.Usagef("--%s: agent check connects to no supervisor; it plays one", flag.Name)
		}
	})
	if err != nil {
		return err
	}
	for _, name := range o.only {
		if !slices.Contains(names(), name) {
			return ui.Usagef("--only: there is no check %q; the checks are %s", name, strings.Join(names(), ", "))
		}
		if !slices.ContainsFunc(checks, func(c check) bool { return c.name == name && c.over(o.http) }) {
			return ui.Usagef("--only: the check %s is not one over %s", name, map[bool]string{true: "HTTP", false: "NATS; add --http"}[o.http])
		}
	}
	if o.parallel < 1 || o.parallel > 64 {
		return ui.Usagef("--parallel must be between 1 and 64")
	}
	if o.heartbeat, err = ui.DurationWithin(heartbeat, 100*time.Millisecond, time.Minute); err != nil {
		return ui.Usagef("--heartbeat: %v", err)
	}
	if o.patience, err = ui.DurationWithin(patience, time.Second, time.Hour); err != nil {
		return ui.Usagef("--patience: %v", err)
	}
	for _, word := range o.command {
		if o.http && strings.Contains(word, "{nats}") {
			return ui.Usagef("{nats}: with --http there is no broker")
		}
		if !o.http && strings.Contains(word, "{http}") {
			return ui.Usagef("{http}: there is a URL for HTTP only with --http")
		}
	}
	if _, err := exec.LookPath(o.command[0]); err != nil {
		return ui.Usagef("cannot run the command %s: %v", o.command[0], fileperm.Cause(errors.Unwrap(err)))
	}
	return nil
}

// withoutInherited prints a command's usage without the flags of its parents, which say
// where to connect.
func withoutInherited(cmd *cobra.Command) error {
	hidden := func(hidden bool) {
		cmd.InheritedFlags().VisitAll(func(flag *pflag.Flag) { flag.Hidden = hidden })
	}
	hidden(true)
	defer hidden(false)
	return cmd.Parent().UsageFunc()(cmd)
}
