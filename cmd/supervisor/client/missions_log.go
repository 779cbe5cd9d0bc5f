package client

import (
	"context"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func missionsLogCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log ID",
		Short: "Show a mission's log, and follow it",
		Long: `Show a mission's log, and follow it. Text from an agent begins with "| "; everything else
is from the supervisor.`,
		Example: `  supervisor missions log 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a001
  supervisor missions log build-42 --follow
  supervisor missions log build-42 --json | jq -r .message`,
		Args:              oneMission,
		ValidArgsFunction: remote.MissionIDs(c, 1),
	}
	follow := cmd.Flags().BoolP("follow", "f", false, "show new entries until the mission ends")
	asJSON := cmd.Flags().Bool("json", false, "print the entries as JSON, one per line")
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, ids []string) error {
		r := &logPrinter{session: s, out: c.Out, id: ids[0], json: *asJSON}
		if !*follow {
			return remote.BadRequest(r.read(ctx))
		}
		return remote.EndOfWatch(ctx, remote.BadRequest(followLog(ctx, c, r)))
	})
	return cmd
}

// logPrinter prints a mission's log. Each read continues where the last one stopped.
type logPrinter struct {
	session *remote.Session
	out     *ui.Screen
	id      string
	json    bool

	after   api.Cursor
	printed int // entries after the cursor that are already printed
	total   int // entries printed
}

// logPage is a page of a log that keeps each entry's raw JSON.
type logPage struct {
	Log        []jsontext.Value `json:"log"`
	NextCursor api.Cursor       `json:"next_cursor"`
}

// read prints everything new. The last page of a log has no cursor, so read fetches it
// again from its beginning and skips the entries already printed.
func (r *logPrinter) read(ctx context.Context) error {
	for {
		page, _, err := remote.AskAs[logPage](ctx, r.session, api.OpLog.Subject,
			api.LogRequest{ID: r.id, After: r.after, Limit: api.MaxPage})
		if err != nil {
			return err
		}
		for _, raw := range page.Log[min(r.printed, len(page.Log)):] {
			if err := r.print(raw); err != nil {
				return err
			}
		}
		r.printed = len(page.Log)
		if err := r.out.Failure(); err != nil || page.NextCursor == 0 {
			return err
		}
		r.after, r.printed = page.NextCursor, 0
	}
}

// print prints an entry, and behind the last one that a log has room for from agents, that
// it is full.
func (r *logPrinter) print(raw jsontext.Value) error {
	if r.json {
		r.out.JSONLine(raw)
		return nil
	}
	if err := r.printText(raw); err != nil {
		return err
	}
	if r.total++; r.total == missions.MaxLogEntries {
		r.out.Note("The log is full: it keeps %s entries. What the agent writes from here on is lost; changes of status are still logged.\n", ui.Count(r.total))
	}
	return nil
}

func (r *logPrinter) printText(raw jsontext.Value) error {
	var entry missions.LogEntry
	if err := api.DecodeReply(raw, &entry); err != nil {
		return err
	}
	data := document(entry.Data)
	if data != "" {
		data = " " + ui.Clean(data)
	}
	begin := ""
	if entry.By == missions.ByAgent { // so that it cannot be taken for the supervisor's
		begin = "| "
	}
	indented := begin + strings.ReplaceAll(strings.TrimRight(ui.CleanBlock(entry.Message), "\n"), "\n", "\n"+strings.Repeat(" ", 28)+begin)
	r.out.Printf("%s  %s %s%s\n", r.out.Moment(entry.Timestamp.Time()),
		r.out.Paint(levelColour(entry.Level), ui.PadRight(ui.Clean(entry.Level), 5)), indented, r.out.Paint(ui.Faint, data))
	return nil
}

func levelColour(level string) string {
	switch level {
	case "error", "fatal":
		return ui.Red
	case "warn", "warning":
		return ui.Yellow
	case "debug", "trace":
		return ui.Faint
	}
	return ""
}

// followLog prints new entries until the mission has ended. It continues while the
// supervisor is briefly unavailable.
func followLog(ctx context.Context, c *ui.Console, r *logPrinter) error {
	ticker := time.NewTicker(c.Interval)
	defer ticker.Stop()
	for first := true; ; first = false {
		ended, err := r.follow(ctx)
		if err != nil && (first || !remote.Unsure(err) || ctx.Err() != nil) {
			return err
		}
		if ended || c.Out.Failure() != nil {
			break
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil // an output failure is reported at the end of the run
}

// follow prints new entries and reports whether the mission has ended. It requests the
// status before the log, so that when the status says ended, the log it then reads is
// complete.
func (r *logPrinter) follow(ctx context.Context) (ended bool, err error) {
	m, err := r.session.Client.Get(ctx, r.id)
	if err == nil {
		err = r.read(ctx)
	}
	return err == nil && m.Status.Terminal(), err
}
