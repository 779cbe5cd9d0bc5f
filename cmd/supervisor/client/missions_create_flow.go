package client

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// flowFlags are the flags for what a mission waits for, and what it may use.
type flowFlags struct {
	conditions   conditionFlags
	afterTimeout string
	maxUsage     []string
	retry        string
	unique       uniqueFlags
	closeBatch   bool
}

// flowFlagNames are those that describe one mission, and exclude --file.
var flowFlagNames = []string{"after", "prompt", "choice", "after-timeout", "on-unmet", "max-usage", "on-exceeded", "retry", "parent", "detached", "unique", "on-conflict", "unique-for"}

func (f *flowFlags) add(c *ui.Console, cmd *cobra.Command, spec *api.MissionSpec) {
	flags := cmd.Flags()
	flags.Var(afterFlag{&f.conditions}, "after", "do not start before this `CONDITION` is met: ID, batch:ID or signal:NAME; may be repeated")
	flags.Var(questionFlag{&f.conditions, "prompt", "TEXT"}, "prompt", "the `TEXT` that people are asked when the mission waits for a signal")
	flags.Var(questionFlag{&f.conditions, "choice", "ANSWER"}, "choice", "an `ANSWER` that people may give; may be repeated; default: any answer")
	flags.StringVar(&f.afterTimeout, "after-timeout", "", "wait for the conditions at most for this `DURATION`; default: no limit")
	flags.StringVar((*string)(&spec.OnUnmet), "on-unmet", "", "`WHAT` to do if a condition can no longer be met, or in time: cancel (the default), fail or run")
	flags.StringSliceVar(&f.maxUsage, "max-usage", nil, "the most that the mission may use: `UNIT=AMOUNT`, such as usd=5; may be repeated")
	flags.StringVar((*string)(&spec.OnExceeded), "on-exceeded", "", "`WHAT` to do if it uses more: fail (the default), or ask a person for a new maximum")
	flags.StringVar(&f.retry, "retry", "", "how long to wait before each new attempt: `POLICY`, any of first=1s,factor=2,max=5m,jitter=0.2")
	f.unique.add(cmd)
	flags.StringVar(&spec.ParentID, "parent", "", "the `ID` of the mission with whose cancellation or failure this one is cancelled")
	flags.BoolVar(&spec.Detached, "detached", false, "with --parent: live on when the parent is cancelled or fails")
	flags.StringVar(&spec.Batch, "batch", "", "the `ID` of the batch that the mission belongs to; with --file: those that name none")
	flags.BoolVar(&f.closeBatch, "close-batch", false, "add no more missions to the batch; with --file: to the batches of the file")
	ui.CompleteFlag(cmd, "after", completeConditions(c))
	ui.CompleteFlag(cmd, "on-unmet", ui.CompleteWords("cancel", "fail", "run"))
	ui.CompleteFlag(cmd, "on-exceeded", ui.CompleteWords("fail", "ask"))
	ui.CompleteFlag(cmd, "parent", remote.MissionIDs(c, -1, missions.Pending, missions.Running))
	ui.CompleteFlag(cmd, "batch", remote.BatchIDs(c, -1))
	for _, name := range []string{"prompt", "choice", "max-usage", "retry"} {
		ui.CompleteFlag(cmd, name, ui.CompleteNothing)
	}
}

// completeConditions completes the IDs of missions, batch:ID and signal:.
func completeConditions(c *ui.Console) ui.Completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		find, kind, id := remote.MissionIDs(c, -1), "", begun
		if before, after, found := strings.Cut(begun, ":"); found {
			kind, id = before+":", after
			if missions.WaitKind(before) == missions.WaitBatch {
				find = remote.BatchIDs(c, -1)
			}
		}
		if kind == "signal:" {
			return ui.CompleteNothing(cmd, args, begun)
		}
		found, directive := find(cmd, nil, id)
		for i := range found {
			found[i] = kind + found[i]
		}
		if kind == "" {
			kinds, _ := ui.CompleteWords("batch:", "signal:")(cmd, args, begun)
			found = append(found, kinds...)
		}
		return found, directive | cobra.ShellCompDirectiveNoSpace
	}
}

// complete turns the flags into what the mission waits for and may use.
func (f *flowFlags) complete(spec *api.MissionSpec) (err error) {
	if spec.After, err = f.conditions.complete(); err != nil {
		return err
	}
	switch {
	case f.closeBatch && spec.Batch == "":
		return ui.Usagef("--close-batch needs --batch")
	case len(spec.After) == 0 && spec.OnUnmet != "":
		return ui.Usagef("--on-unmet needs --after")
	case len(spec.After) == 0 && f.afterTimeout != "":
		return ui.Usagef("--after-timeout needs --after")
	case len(f.maxUsage) == 0 && spec.OnExceeded != "":
		return ui.Usagef("--on-exceeded needs --max-usage")
	case spec.Detached && spec.ParentID == "":
		return ui.Usagef("--detached needs --parent")
	}
	if f.afterTimeout != "" {
		d, err := ui.DurationWithin(f.afterTimeout, time.Microsecond, 10*maxTimeout)
		if err != nil {
			return ui.Usagef("--after-timeout: %v", err)
		}
		spec.AfterTimeoutSeconds = d.Seconds()
	}
	if len(f.maxUsage) > 0 {
		if spec.MaxUsage, err = parseUsage(f.maxUsage); err != nil {
			return ui.Usagef("--max-usage: %v", err)
		}
	}
	if f.retry != "" {
		if spec.RetryPolicy, err = parseRetry(f.retry); err != nil {
			return err
		}
	}
	spec.Unique, err = f.unique.complete()
	return err
}

// parseUsage parses amounts such as usd=5.
func parseUsage(amounts []string) (missions.Usage, error) {
	usage := missions.Usage{}
	for _, text := range amounts {
		unit, number, found := strings.Cut(text, "=")
		amount, err := strconv.ParseFloat(number, 64)
		if !found || unit == "" || err != nil {
			return nil, ui.Usagef("%q is not UNIT=AMOUNT, such as usd=5", text)
		}
		if _, twice := usage[unit]; twice {
			return nil, ui.Usagef("%s is given twice", unit)
		}
		usage[unit] = amount
	}
	return usage, nil
}

// parseRetry parses a retry policy such as first=1s,factor=2,max=5m,jitter=0.2.
func parseRetry(text string) (*missions.RetryOptions, error) {
	var o missions.RetryOptions
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		into, known := map[string]**float64{"first": &o.FirstSeconds, "factor": &o.Factor, "max": &o.MaxSeconds, "jitter": &o.Jitter}[name]
		switch {
		case !known || value == "":
			return nil, ui.Usagef("--retry: %q is not one of first=DURATION, factor=NUMBER, max=DURATION, jitter=NUMBER", part)
		case *into != nil:
			return nil, ui.Usagef("--retry: %s is given twice", name)
		}
		if name == "first" || name == "max" {
			d, err := ui.DurationWithin(value, 0, maxTimeout)
			if err != nil {
				return nil, ui.Usagef("--retry: %s: %v", name, err)
			}
			seconds := d.Seconds()
			*into = &seconds
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, ui.Usagef("--retry: %s: %q is not a number", name, value)
		}
		*into = &number
	}
	return &o, nil
}
