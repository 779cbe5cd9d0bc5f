package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// limitFlags are the flags that describe a limit.
type limitFlags struct {
	spec                      missions.LimitSpec
	total, perKey, maxPending int64
	rate, budget              string
	keys                      []string
	json                      bool
}

func limitsSetCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Add a limit, or change it",
		Long: `Add a limit, or change it: what the command does not say is without bound. It holds for the
next mission that starts, waiting ones included; missions that run go on. Setting a limit to
what it already says changes nothing.

--key gives a key settings of its own, such as --key tenant-7:per-key=10,weight=4 or --key
tenant-9:paused.`,
		Example: `  supervisor limits set anthropic --total 25 --per-key 3 --rate 60/1m --budget usd=50/1d
  supervisor limits set code --type code --per-key 2 --key tenant-7:per-key=10,weight=4
  supervisor limits set queue --type '*' --max-pending-per-key 10000
  supervisor limits set stop --type '*' --paused --note "incident 42"`,
		Args:              oneLimit,
		ValidArgsFunction: remote.LimitNames(c),
	}
	var f limitFlags
	f.add(c, cmd)
	cmd.PreRunE = func(cmd *cobra.Command, names []string) error { return f.complete(cmd, names[0]) }
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, _ []string) error {
		reply, raw, err := sendLimit(ctx, s, api.SetLimitRequest{LimitSpec: f.spec})
		switch {
		case err != nil:
			return err
		case f.json:
			c.Out.JSON(raw)
		default:
			c.Out.Printf("Limit %s is set; %s, %s waiting\n", ui.Clean(reply.Name), ui.Plural(reply.Running, "mission runs", "missions run"), ui.Count(reply.Waiting))
		}
		return nil
	})
	return cmd
}

func (f *limitFlags) add(c *ui.Console, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.spec.Type, "type", "", "apply to all missions of this `TYPE`, '*' for every type; default: to those that name the limit")
	flags.Int64Var(&f.total, "total", 0, "at most `N` missions run at once")
	flags.Int64Var(&f.perKey, "per-key", 0, "at most `N` missions of each key run at once")
	flags.StringVar(&f.rate, "rate", "", "at most this many missions start: `N/DURATION`, such as 60/1m")
	flags.StringVar(&f.budget, "budget", "", "none starts once they have used this much: `UNIT=AMOUNT/DURATION`, such as usd=50/1d")
	flags.Int64Var(&f.maxPending, "max-pending-per-key", 0, "create none while `N` missions of its key are pending")
	flags.StringArrayVar(&f.keys, "key", nil, "settings of one key: `KEY:SETTINGS`, any of per-key=N,weight=W,paused; may be repeated")
	flags.BoolVar(&f.spec.Paused, "paused", false, "no mission starts until the limit is resumed")
	flags.StringVar(&f.spec.Note, "note", "", "a `TEXT` for people")
	flags.BoolVar(&f.json, "json", false, "print the reply as JSON")
	ui.CompleteFlag(cmd, "type", remote.MissionTypes(c))
	for _, name := range []string{"rate", "budget", "key", "note"} {
		ui.CompleteFlag(cmd, name, ui.CompleteNothing)
	}
}

// complete turns the flags into a limit.
func (f *limitFlags) complete(cmd *cobra.Command, name string) (err error) {
	f.spec.Name = name
	for _, of := range []struct {
		flag  string
		value *int64
		into  **int64
	}{{"total", &f.total, &f.spec.Total}, {"per-key", &f.perKey, &f.spec.PerKey}, {"max-pending-per-key", &f.maxPending, &f.spec.MaxPendingPerKey}} {
		if cmd.Flags().Changed(of.flag) {
			*of.into = of.value
		}
	}
	if f.spec.Rate, err = parseRate(f.rate); err != nil {
		return ui.Usagef("--rate: %v", err)
	}
	if f.spec.Budget, err = parseBudget(f.budget); err != nil {
		return ui.Usagef("--budget: %v", err)
	}
	if f.spec.Keys, err = parseKeys(f.keys); err != nil {
		return ui.Usagef("--key: %v", err)
	}
	request := api.SetLimitRequest{LimitSpec: f.spec}
	_, err = request.Spec()
	return badLimitFlag(err)
}

// badLimitFlag turns a domain error about a field of a limit into a usage error about its flag.
func badLimitFlag(err error) error {
	var invalid *missions.Error
	if !errors.As(err, &invalid) {
		return err
	}
	field, _, _ := strings.Cut(invalid.Field, ".")
	if field == "keys" {
		return ui.Usagef("--key: %s %s", strings.TrimPrefix(invalid.Field, "keys."), invalid.Message)
	}
	return ui.Usagef("--%s %s", strings.ReplaceAll(field, "_", "-"), invalid.Message)
}

var errRate = errors.New("must be N/DURATION, such as 60/1m")

// parseRate reads N/DURATION; an empty text is none.
func parseRate(text string) (*missions.Rate, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // none is no error
	}
	count, span, found := strings.Cut(text, "/")
	n, err := strconv.ParseInt(count, 10, 64)
	if !found || err != nil {
		return nil, errRate
	}
	per, err := wholeSeconds(span)
	return &missions.Rate{Count: n, PerSeconds: per}, err
}

// parseBudget reads UNIT=AMOUNT/DURATION; an empty text is none.
func parseBudget(text string) (*missions.Budget, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // none is no error
	}
	given, span, found := strings.Cut(text, "/")
	unit, amount, named := strings.Cut(given, "=")
	n, err := strconv.ParseFloat(amount, 64)
	if !found || !named || err != nil {
		return nil, errors.New("must be UNIT=AMOUNT/DURATION, such as usd=50/1d")
	}
	per, err := wholeSeconds(span)
	return &missions.Budget{Unit: unit, Amount: n, PerSeconds: per}, err
}

func wholeSeconds(text string) (int64, error) {
	d, err := ui.DurationWithin(text, time.Second, maxTimeout)
	if err == nil && d%time.Second != 0 {
		err = fmt.Errorf("%s is not a number of whole seconds", text)
	}
	return int64(d / time.Second), err
}

// parseKeys reads KEY:SETTINGS.
func parseKeys(texts []string) (map[string]missions.KeyLimit, error) {
	keys := map[string]missions.KeyLimit{}
	for _, text := range texts {
		at := strings.LastIndexByte(text, ':')
		if at < 0 {
			return nil, fmt.Errorf("%q must be KEY:SETTINGS, such as tenant-7:per-key=10,weight=4", text)
		}
		var k missions.KeyLimit
		for setting := range strings.SplitSeq(text[at+1:], ",") {
			if err := parseKeySetting(setting, &k); err != nil {
				return nil, err
			}
		}
		keys[text[:at]] = k
	}
	return keys, nil
}

func parseKeySetting(setting string, k *missions.KeyLimit) (err error) {
	name, value, _ := strings.Cut(setting, "=")
	switch name {
	case "paused":
		k.Paused = true
		if value != "" {
			err = errors.New("paused has no value")
		}
	case "per-key":
		n := int64(0)
		n, err = strconv.ParseInt(value, 10, 64)
		k.PerKey = &n
	case "weight":
		k.Weight, err = strconv.ParseFloat(value, 64)
	default:
		return fmt.Errorf("%q is none of per-key=N, weight=W, paused", setting)
	}
	if err != nil {
		return fmt.Errorf("%q is none of per-key=N, weight=W, paused", setting)
	}
	return nil
}
