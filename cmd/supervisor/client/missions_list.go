package client

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// defaultList is how many missions a list shows by default.
const defaultList = 50

// listFlags say which missions a list shows, and how many.
type listFlags struct {
	missionFilter
	limit int
	all   bool
}

func missionsListCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List missions, newest first",
		Example: `  supervisor missions list
  supervisor missions list --status RUNNING --type resize --watch
  supervisor missions list --waiting signal
  supervisor missions list --batch tests-7 --status FAILED
  supervisor missions list --text invoice --after 24h --limit 200
  supervisor missions list --status FAILED -o name | xargs supervisor missions retry
  supervisor missions list --status FAILED --all --json | jq -r '.missions[].error'`,
		Args: ui.NoArguments,
	}
	l := addListFlags(cmd)
	var f listFlags
	flags := cmd.Flags()
	f.add(c, cmd)
	flags.IntVar(&f.limit, "limit", defaultList, "at most `N` missions")
	flags.BoolVar(&f.all, "all", false, "show all missions")
	cmd.PreRunE = func(*cobra.Command, []string) error { return f.check(c) }
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, _ []string) error {
		return show(ctx, c, s.Conn, l, func(ctx context.Context, out *ui.Screen) error {
			switch {
			case l.json:
				return listJSON(ctx, s, out, &f)
			case l.names:
				return listNames(ctx, s, out, &f)
			}
			return listTable(ctx, s, out, &f)
		})
	})
	return cmd
}

// check turns the flags into a request.
func (f *listFlags) check(c *ui.Console) error {
	if f.limit < 1 {
		return ui.Usagef("--limit must be at least 1; to show all missions, use --all")
	}
	return f.missionFilter.check(c)
}

// missionPage is a page of a list that keeps each mission's raw JSON.
type missionPage struct {
	Missions   []jsontext.Value `json:"missions"`
	NextCursor api.Cursor       `json:"next_cursor"`
}

// eachPage requests pages until there are enough missions, or no more. It reports whether
// more are left.
func (f *listFlags) eachPage(ctx context.Context, s *remote.Session, use func(page *missionPage, raw jsontext.Value, last bool) error) (more bool, err error) {
	request, left := f.request, f.limit
	for {
		request.Limit = api.MaxPage
		if !f.all {
			request.Limit = min(left, api.MaxPage)
		}
		page, raw, err := remote.AskAs[missionPage](ctx, s, api.OpList.Subject, request)
		if err != nil {
			return false, remote.BadRequest(err)
		}
		left -= len(page.Missions)
		more = page.NextCursor != 0
		last := !more || left <= 0 && !f.all
		if err := use(&page, raw, last); err != nil || last {
			return more, err
		}
		request.Cursor = page.NextCursor
	}
}

// listJSON prints one document: the reply as received if one page is enough, otherwise a
// document of the same form with the missions of all pages.
func listJSON(ctx context.Context, s *remote.Session, out *ui.Screen, f *listFlags) error {
	first := true
	printed := 0
	_, err := f.eachPage(ctx, s, func(page *missionPage, raw jsontext.Value, last bool) error {
		if first && last {
			out.JSON(raw)
			return nil
		}
		if first {
			out.Printf(`{"missions":[`)
		}
		first = false
		for _, m := range page.Missions {
			if printed++; printed > 1 {
				out.Printf(",")
			}
			out.Printf("\n%s", ui.EscapeJSON(string(m)))
		}
		if last {
			out.Printf("\n]}\n")
		}
		return out.Failure()
	})
	return err
}

func listTable(ctx context.Context, s *remote.Session, out *ui.Screen, f *listFlags) error {
	g := listGrid(out)
	shown := 0
	more, err := f.eachPage(ctx, s, func(page *missionPage, _ jsontext.Value, _ bool) error {
		for _, raw := range page.Missions {
			var m missions.Mission
			if err := api.DecodeReply(raw, &m); err != nil {
				return err
			}
			shown++
			listRow(g, out, &m)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if shown == 0 {
		out.Note("No matching missions.\n")
		return nil
	}
	g.Print()
	noteMore(out, more, shown)
	return nil
}

// listNames prints only the ids.
func listNames(ctx context.Context, s *remote.Session, out *ui.Screen, f *listFlags) error {
	shown := 0
	more, err := f.eachPage(ctx, s, func(page *missionPage, _ jsontext.Value, _ bool) error {
		for _, raw := range page.Missions {
			var m missions.Mission
			if err := api.DecodeReply(raw, &m); err != nil {
				return err
			}
			shown++
			out.Printf("%s\n", ui.Clean(m.ID))
		}
		return out.Failure()
	})
	if err == nil {
		noteMore(out, more, shown)
	}
	return err
}

// noteMore says that a list may have more than what was shown.
func noteMore(out *ui.Screen, more bool, shown int) {
	if more {
		out.Note("Showing the newest %s; there may be more. Use --limit N or --all.\n", ui.Count(shown))
	}
}

// listGrid returns an empty list. On a narrow terminal it keeps status, attempt and
// agent.
func listGrid(out *ui.Screen) *ui.Table {
	g := out.Table("Missions", "ID", "Name", "Type", "Status", "Priority", "Attempt#", "Agent", "Progress", "Took#", "Created")
	g.Drop("Created", "Took", "Progress", "Priority", "Type", "Agent", "Attempt", "Name", "Status")
	g.Cut("Name", 12)
	g.Last("Name")
	return g
}

func listRow(g *ui.Table, out *ui.Screen, m *missions.Mission) {
	g.Row(m.ID, out.Shorten(ui.Clean(m.Name), 48), m.Type, out.Paint(ui.StatusColour(m.Status), string(m.Status)), m.Priority,
		ui.Attempts(m), string(m.AgentID), outcome(out, m), took(m), out.Moment(m.CreatedAt.Time()))
}

// outcome is how far a running mission has come, what a pending one waits for, or why the
// last attempt failed: the first line of the error.
func outcome(out *ui.Screen, m *missions.Mission) string {
	switch {
	case ui.Waiting(m):
		return out.Shorten(ui.Clean(ui.WaitSummary(out, m)), 60)
	case m.Progress != nil && m.Status == missions.Running:
		return ui.ProgressPercent(m.Progress.Percent)
	case m.Error != "" && m.Status != missions.Completed && m.Status != missions.Running:
		return out.Shorten(ui.Clean(ui.FirstLine(string(m.Error))), 60)
	}
	return ""
}

// took is how long a mission's last attempt took; "" if it has not ended.
func took(m *missions.Mission) string {
	if m.FinishedAt == 0 || m.StartedAt == 0 {
		return ""
	}
	return ui.FormatDuration(m.FinishedAt.Sub(m.StartedAt))
}
