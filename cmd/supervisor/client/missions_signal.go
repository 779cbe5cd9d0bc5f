package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

const signalHelp = `Send a signal to a mission. DATA is JSON, or a text, which is sent as a JSON string. For the
signal budget, which a mission waits for that has used too much, DATA can also be
written as usd=10.

A mission that waits for the signal has it at once. The agent of a running mission is
told of it. Otherwise, it is stored until the mission asks for it. The command says which
of these it was. missions get shows which agent has seen it, and when.

With --id, a signal that was sent before is not stored again, so that you can repeat the
command.

In place of the ID, flags can say which missions: those that match all of them, or --all
that have not ended. The command first counts, and asks.`

func missionsSignalCommand(c *ui.Console) *cobra.Command {
	var many *changeFlags
	cmd := &cobra.Command{
		Use:   "signal {ID | --status … | --all} NAME [DATA]",
		Short: "Send a signal to a mission: an answer, an approval, an instruction",
		Long:  signalHelp,
		Example: `  supervisor missions signal deploy-42 approved yes
  supervisor missions signal deploy-42 steer '{"focus": "the tests first"}' --id steer-1
  supervisor missions signal report-7 budget usd=10
  supervisor missions signal --type code --status running steer "commit what you have"`,
		Args:              func(cmd *cobra.Command, args []string) error { return signalArguments(cmd, args, many.matching(cmd)) },
		ValidArgsFunction: completeSignal(c),
	}
	many = addChangeFlags(c, cmd, missions.BulkSignal)
	var request api.SignalRequest
	bulk := many.request()
	cmd.Flags().StringVar(&request.SignalID, "id", "", "your own `ID` for the signal, which makes it safe to repeat the command")
	ui.CompleteFlag(cmd, "id", ui.CompleteNothing)
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if many.matching(cmd) {
			bulk.Name, bulk.SignalID = args[0], request.SignalID
			if len(args) == 2 {
				bulk.Data = signalData(bulk.Name, args[1])
			}
			return many.check(&bulk)
		}
		if many.dryRun {
			return ui.Usagef("--dry-run cannot be combined with an ID")
		}
		request.ID, request.Name = args[0], args[1]
		if len(args) == 3 {
			request.Data = signalData(request.Name, args[2])
		}
		_, err := request.Signal()
		return badSignal(err)
	}
	one := remote.WithSession(c, func(ctx context.Context, s *remote.Session, _ []string) error {
		reply, raw, err := sendSignal(ctx, s, request)
		switch {
		case err != nil:
			return remote.BadRequest(err)
		case many.json:
			c.Out.JSON(raw)
		default:
			c.Out.Printf("%s\n", ui.Clean(signalledLine(&request, &reply)))
		}
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if many.matching(cmd) {
			return many.connect(cmd, bulk)
		}
		return one(cmd, args)
	}
	return cmd
}

// signalArguments checks what comes before the flags; matching says that flags say which missions.
func signalArguments(cmd *cobra.Command, args []string, matching bool) error {
	if matching {
		return ui.Arguments(1, 2, "the NAME of a signal, and maybe DATA")(cmd, args)
	}
	if err := ui.Arguments(2, 3, "the ID of a mission, the NAME of a signal, and maybe DATA")(cmd, args); err != nil {
		return err
	}
	return checkIDs(args[:1])
}

// badSignal turns a domain error into a usage error about an argument.
func badSignal(err error) error {
	var invalid *missions.Error
	if !errors.As(err, &invalid) {
		return err
	}
	what, known := map[string]string{"name": "the NAME of the signal", "data": "the DATA", "signal_id": "--id"}[invalid.Field]
	if !known {
		return err
	}
	return ui.Usagef("%s %s", what, invalid.Message)
}

// signalData returns the JSON that a text stands for: itself, amounts by unit for a budget,
// or a string. No text is no data.
func signalData(name, text string) []byte {
	if text == "" {
		return nil
	}
	if jsontext.Value(text).IsValid() {
		return []byte(text)
	}
	if name == missions.BudgetSignal {
		if usage, err := parseUsage(strings.Split(text, ",")); err == nil && missions.CheckUsage("data", usage) == nil {
			return signalJSON(usage)
		}
	}
	return signalJSON(text)
}

// signalJSON encodes a text or amounts by unit.
func signalJSON(value any) []byte {
	data, err := json.Marshal(value, jsontext.AllowInvalidUTF8(true), json.Deterministic(true))
	if err != nil {
		panic(err) // neither fails
	}
	return data
}

// sendSignal sends a signal, and repeats it when its outcome is unknown. It gives it an id,
// so that it is stored once.
func sendSignal(ctx context.Context, s *remote.Session, request api.SignalRequest) (reply api.Signalled, raw []byte, err error) {
	if request.SignalID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return reply, nil, fmt.Errorf("cannot generate an ID: %w", err)
		}
		request.SignalID = id.String()
	}
	reply, raw, unknown, err := askAgain(ctx, func() (api.Signalled, []byte, error) { return remote.Ask(ctx, s, api.OpSignal, request) })
	if unknown {
		err = remote.ErrorAbout("it is not known whether the signal was stored", err)
	}
	return reply, raw, err
}

// signalledLine says what became of a signal.
func signalledLine(request *api.SignalRequest, reply *api.Signalled) string {
	switch reply.Delivered {
	case missions.DeliveredWaiting:
		return fmt.Sprintf("Mission %s waited for the signal %s and has it now (signal %d)", request.ID, request.Name, reply.Seq)
	case missions.DeliveredRunning:
		return fmt.Sprintf("Mission %s is running; its agent is told of the signal %s (signal %d)", request.ID, request.Name, reply.Seq)
	}
	return fmt.Sprintf("Mission %s does not wait for the signal %s yet; it is stored (signal %d)", request.ID, request.Name, reply.Seq)
}

// completeSignal completes missions that have not ended, the names of these signals,
// and their choices.
func completeSignal(c *ui.Console) ui.Completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return remote.MissionIDs(c, 1, missions.Pending, missions.Running)(cmd, args, begun)
		}
		return remote.Signals(c)(cmd, args, begun)
	}
}
