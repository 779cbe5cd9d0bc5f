package client

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

func missionsInboxCommand(c *ui.Console, take func() (tcell.Screen, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inbox",
		Short: "Show what waits for a person, and answer it",
		Long: `Show the missions that wait for a signal, those that have waited longest first: approvals,
questions, and missions that ask for a higher maximum of their usage.

On a terminal, inbox takes the whole screen and keeps up to date. Pick a question with the
arrow keys or its number, answer it with the key of a choice or type your answer, and
confirm it; the next question is then selected. Press ? for all keys, and q to quit.

With --watch, --output or --json, and if input or output is no terminal, it prints a table.
Programs answer with: supervisor missions signal ID NAME DATA.`,
		Example: `  supervisor missions inbox
  supervisor missions inbox --watch
  supervisor missions inbox --json | jq -r '.missions[] | .id + ": " + .waiting_for[].prompt'`,
		Args: ui.NoArguments,
	}
	l := addListFlags(cmd)
	var filter api.ListRequest
	cmd.Flags().StringVar(&filter.Type, "type", "", "only missions of this `TYPE`")
	ui.CompleteFlag(cmd, "type", remote.MissionTypes(c))
	cmd.PreRunE = func(*cobra.Command, []string) error {
		_, err := filter.Filter()
		return remote.BadFlag(err)
	}
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, _ []string) error {
		filter.Waiting = missions.WaitSignal
		if c.Out.Terminal && c.InTerminal && !l.json && !l.watch && !cmd.Flags().Changed("output") {
			return runInbox(ctx, c, s, filter, take)
		}
		return show(ctx, c, s.Conn, l, func(ctx context.Context, out *ui.Screen) error {
			if l.json {
				return listJSON(ctx, s, out, &listFlags{missionFilter: missionFilter{request: filter}, all: true})
			}
			questions, more, err := readInbox(ctx, s.Client, filter)
			if err != nil {
				return remote.BadRequest(err)
			}
			if l.names {
				printNames(out, questions, func(q *inboxQuestion) string { return q.mission.ID })
			} else {
				inboxTable(out, questions, time.Now())
			}
			if more {
				out.Note("There are more than these.\n")
			}
			return nil
		})
	})
	return cmd
}

// inboxQuestion is a signal for which a mission waits.
type inboxQuestion struct {
	mission missions.Mission
	missions.Wait
}

// key identifies a question: a mission may ask again for the same signal.
func (q *inboxQuestion) key() string {
	return strings.Join([]string{q.mission.ID, q.Signal, q.mission.WaitingSince.Time().String()}, " ")
}

// inboxPages bounds the pages of the list that are read at once.
const inboxPages = 20

// readInbox returns the questions of the missions that match a filter, those that have waited
// longest first, and whether there are more.
func readInbox(ctx context.Context, nc *client.Client, filter api.ListRequest) (questions []inboxQuestion, more bool, err error) {
	filter.Limit = api.MaxPage
	for range inboxPages {
		page, err := nc.List(ctx, filter)
		if err != nil {
			return nil, false, err
		}
		for i := range page.Missions {
			m := &page.Missions[i]
			for _, w := range ui.Unmet(m) {
				if w.Signal != "" {
					questions = append(questions, inboxQuestion{*m, *w})
				}
			}
		}
		if filter.Cursor = page.NextCursor; filter.Cursor == 0 {
			break
		}
	}
	slices.SortStableFunc(questions, func(a, b inboxQuestion) int {
		return cmp.Or(cmp.Compare(a.mission.WaitingSince, b.mission.WaitingSince), cmp.Compare(a.mission.ID, b.mission.ID))
	})
	return questions, filter.Cursor != 0, nil
}

func inboxTable(out *ui.Screen, questions []inboxQuestion, now time.Time) {
	if len(questions) == 0 {
		out.Note("Nothing waits for a person.\n")
		return
	}
	g := out.Table("Waiting for a person", "Since#", "Mission", "Name", "Signal", "Choices", "Question")
	g.Drop("Name", "Choices", "Signal")
	g.Cut("Question", 16)
	g.Last("Question")
	for i := range questions {
		q := &questions[i]
		g.Row(ui.WaitedFor(q.mission.WaitingSince, now), q.mission.ID, out.Shorten(ui.Clean(q.mission.Name), 30), q.Signal,
			out.Shorten(ui.Clean(strings.Join(q.Choices, ", ")), 40), out.Shorten(ui.Clean(q.Prompt), 100))
	}
	g.Print()
}
