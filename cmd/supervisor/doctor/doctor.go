// Package doctor checks the broker, the stream of events, the supervisor and what a user
// may do, and says what to do about what is wrong. It changes nothing.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/roles"
)

// doctorTimeout bounds one of the doctor's questions.
const doctorTimeout = 3 * time.Second

// Command returns the command doctor.
func Command(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "doctor",
		GroupID: ui.GroupLook,
		Short:   "Check the whole setup, and tell you what to fix",
		Long: `Check the whole setup: the broker, JetStream and the settings of the stream EVENTS,
streams that conflict with it, the supervisor with its store and event stream, the clocks,
this user's permissions, whether agents serve all pending missions, and schedules: it counts
them, and names those that are behind, that missed their latest time or will never be due
again. For each problem, doctor tells you what to do.

doctor changes nothing. To find out whether a request is allowed, it sends one that must
be refused. The broker logs what it denies.

The exit code is 1 if there is an error, and otherwise 0, even with warnings.`,
		Example: `  supervisor doctor
  supervisor doctor --context production --role operator
  supervisor doctor --agent resizer-1 --creds resizer-1.creds --inbox-prefix _INBOX.resizer-1
  supervisor doctor --json | jq '.findings[] | select(.status == "error")'`,
		Args: ui.NoArguments,
	}
	config.AddConnectionFlags(cmd)
	d := &doctor{console: c, denied: remote.NewDenials()}
	flags := cmd.Flags()
	flags.StringVar((*string)(&d.role), "role", "", "check that this user has the `ROLE` viewer or operator; default: show what this user may do")
	flags.StringVar(&d.agent, "agent", "", "check that this user may work as the agent with this `ID`")
	asJSON := flags.Bool("json", false, "print the findings as JSON")
	ui.CompleteFlag(cmd, "role", ui.CompleteWords(string(roles.Viewer), string(roles.Operator)))
	ui.CompleteFlag(cmd, "agent", remote.AgentIDs(c))
	cmd.PreRunE = func(*cobra.Command, []string) error { return d.check() }
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := d.examine(cmd); err != nil {
			return err
		}
		return d.report(*asJSON)
	}
	return cmd
}

// verdict is the doctor's rating of a check.
type verdict string

// The verdicts. A check is unknown if this user does not have permission to request it, or if there is no answer.
const (
	fine    verdict = "ok"
	unknown verdict = "unknown"
	warned  verdict = "warning"
	wrong   verdict = "error"
)

// finding is the result of one check.
type finding struct {
	Check   string  `json:"check"`
	Status  verdict `json:"status"`
	Message string  `json:"message"`
	Advice  string  `json:"advice,omitzero"` // what to do about it
}

// doctor is one examination.
type doctor struct {
	console *ui.Console
	role    roles.Role // that the user should have; "" for any
	agent   string     // that the user should be able to be; "" for none
	session *remote.Session
	denied  *remote.Denials

	findings []finding
}

// check validates the flags.
func (d *doctor) check() error {
	if d.role != "" && d.role != roles.Viewer && d.role != roles.Operator {
		return ui.Usagef("--role must be viewer or operator; for an agent, use --agent ID")
	}
	if d.agent == "" {
		return nil
	}
	if d.role != "" {
		return ui.Usagef("--role and --agent are alternatives: an agent's role is always agent")
	}
	var invalid *missions.Error
	if err := missions.CheckToken("agent", d.agent); errors.As(err, &invalid) {
		return ui.Usagef("--agent %s", invalid.Message)
	}
	return nil
}

func (d *doctor) add(check string, status verdict, message, advice string) {
	d.findings = append(d.findings, finding{Check: check, Status: status, Message: message, Advice: advice})
}

func (d *doctor) well(check, format string, args ...any) {
	d.add(check, fine, fmt.Sprintf(format, args...), "")
}

// failed records a question without a proper answer.
func (d *doctor) failed(check string, err error) {
	status := wrong
	if errors.Is(err, remote.ErrDenied) {
		status = unknown
	}
	d.add(check, status, remote.ErrorText(err), "")
}

// ask runs one question with its own timeout.
func (d *doctor) ask(ctx context.Context, question func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	question(ctx)
}

// examine runs all checks, from the bottom up. It returns an error for a mistake in the
// command line, or if the examination was interrupted.
func (d *doctor) examine(cmd *cobra.Command) error {
	s, err := remote.Dial(d.console, cmd, remote.ConnectTimeout, d.denied.Note)
	var usage *ui.UsageError
	switch {
	case errors.As(err, &usage):
		return err
	case err != nil:
		d.add("broker", wrong, remote.ErrorText(err), "")
		return nil
	}
	defer s.Conn.Close()
	d.session = s
	ctx := cmd.Context()
	d.ask(ctx, d.askBroker)
	d.ask(ctx, d.askPermissions)
	if d.agent != "" || d.noReplies() {
		return ctx.Err() // nothing more to ask
	}
	for _, question := range []func(context.Context){
		d.askJetStream, d.askForeignStreams, d.askEventStream, d.askSupervisor, d.askClocks, d.askAlerts,
	} {
		d.ask(ctx, question)
	}
	d.askAgents(ctx)
	d.askLimits(ctx)
	d.askSchedules(ctx)
	return ctx.Err()
}

// doctorReport is the examination as JSON.
type doctorReport struct {
	Status    verdict       `json:"status"`
	Timestamp missions.Time `json:"timestamp"`
	Findings  []finding     `json:"findings"`
}

// worst returns the worst verdict of all findings.
func (d *doctor) worst() verdict {
	order := []verdict{fine, unknown, warned, wrong}
	worst := fine
	for _, f := range d.findings {
		if slices.Index(order, f.Status) > slices.Index(order, worst) {
			worst = f.Status
		}
	}
	return worst
}

// report prints the findings. It returns ui.ErrSilent if something is wrong.
func (d *doctor) report(asJSON bool) error {
	if asJSON {
		raw, err := json.Marshal(doctorReport{d.worst(), missions.At(time.Now()), d.findings})
		if err != nil {
			return err
		}
		d.console.Out.JSON(raw)
	} else {
		d.print(d.console.Out)
	}
	if d.worst() == wrong {
		return ui.ErrSilent
	}
	return nil
}

// marks are the signs and colours of the verdicts.
var marks = map[verdict]struct{ sign, colour string }{fine: {"✔", ui.Green}, unknown: {"?", ui.Faint}, warned: {"!", ui.Yellow}, wrong: {"✘", ui.Red}}

func (d *doctor) print(out *ui.Screen) {
	tally, width := map[verdict]int{}, 0
	for _, f := range d.findings {
		tally[f.Status]++
		width = max(width, len(f.Check))
	}
	for _, f := range d.findings {
		marker := marks[f.Status]
		out.Printf("%s %s  %s\n", out.Paint(marker.colour, marker.sign), ui.PadRight(f.Check, width), ui.Clean(f.Message))
		if f.Advice != "" {
			out.Printf("  %s  → %s\n", ui.PadRight("", width), ui.Clean(f.Advice))
		}
	}
	out.Printf("\n%s, %s, %d unknown, %d fine.\n", ui.Plural(tally[wrong], "error", "errors"), ui.Plural(tally[warned], "warning", "warnings"), tally[unknown], tally[fine])
}
