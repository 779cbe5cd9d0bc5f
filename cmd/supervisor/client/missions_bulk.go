package client

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// manyHelp is the part of a help text that says how to change many missions.
const manyHelp = `In place of IDs, flags can say which missions: those that match all of them, or --all of
them. The command first counts, and asks. What is created or changed after the count is
left alone, and counts as skipped.`

// manyWords are the words for an action on many missions.
type manyWords struct{ verb, past, doing, warning string }

var wordsOfMany = map[missions.BulkAction]manyWords{
	missions.BulkCancel: {"Cancel", "Cancelled", "Cancelling", ""},
	missions.BulkRetry:  {"Retry", "Requeued", "Requeueing", ""},
	missions.BulkDelete: {"Delete", "Deleted", "Deleting", " This cannot be undone."},
	missions.BulkSignal: {"Signal", "Signalled", "Signalling", ""},
}

// changeFlags are the flags of a command that changes missions: those with some IDs, or all that
// match.
type changeFlags struct {
	console *ui.Console
	action  missions.BulkAction
	words   manyWords
	filter  missionFilter

	all, yes, dryRun, json bool
}

func addChangeFlags(c *ui.Console, cmd *cobra.Command, action missions.BulkAction) *changeFlags {
	f := &changeFlags{console: c, action: action, words: wordsOfMany[action]}
	f.filter.add(c, cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.all, "all", false, "all missions to which this applies")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only count the missions that match")
	flags.BoolVar(&f.json, "json", false, "print JSON: with IDs, the replies, one per line; else the sum of all replies")
	return f
}

// run has a command change the missions that its arguments name, or those that match.
func (f *changeFlags) run(cmd *cobra.Command, each func(*cobra.Command, []string) error, complete func(*api.BulkRequest)) {
	request := f.request()
	cmd.Args = f.arguments
	cmd.PreRunE = func(_ *cobra.Command, ids []string) error {
		if len(ids) > 0 {
			return nil
		}
		complete(&request)
		return f.check(&request)
	}
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		if len(ids) > 0 {
			return each(cmd, ids)
		}
		return f.connect(cmd, request)
	}
}

// request returns the request that the flags stand for.
func (f *changeFlags) request() api.BulkRequest {
	return api.BulkRequest{Action: f.action, Filter: &f.filter.request}
}

// matching reports whether flags say which missions.
func (f *changeFlags) matching(cmd *cobra.Command) bool { return f.all || f.filter.given(cmd) }

// connect changes the missions that match.
func (f *changeFlags) connect(cmd *cobra.Command, request api.BulkRequest) error {
	return remote.Connect(f.console, cmd, remote.ConnectTimeout, func(ctx context.Context, s *remote.Session) error {
		return f.changeMany(ctx, s, request)
	})
}

// arguments accepts IDs, or flags that say which missions.
func (f *changeFlags) arguments(cmd *cobra.Command, ids []string) error {
	switch matching := f.matching(cmd); {
	case len(ids) > 0 && matching:
		return ui.Usagef("%s takes IDs, or flags that say which missions, but not both; see %s --help", ui.ShortPath(cmd), cmd.CommandPath())
	case len(ids) > 0 && f.dryRun:
		return ui.Usagef("--dry-run cannot be combined with IDs")
	case len(ids) > 0:
		return checkIDs(ids)
	case !matching:
		return ui.Usagef("%s needs the ID of at least one mission, or flags that say which, such as --type or --status; see %s --help", ui.ShortPath(cmd), cmd.CommandPath())
	}
	return nil
}

// check finds mistakes before any request is sent.
func (f *changeFlags) check(request *api.BulkRequest) error {
	if err := f.filter.check(f.console); err != nil {
		return err
	}
	_, err := request.Page(missions.At(time.Now()))
	if f.action == missions.BulkSignal {
		err = badSignal(err)
	}
	if invalid := (*missions.Error)(nil); errors.As(err, &invalid) {
		of := *invalid
		of.Field = strings.TrimPrefix(of.Field, "filter.")
		return remote.BadFlag(&of)
	}
	if err == nil && !f.yes && !f.dryRun && !f.console.Err.Terminal {
		return ui.Usagef("there is no terminal to ask for confirmation; add --yes, or --dry-run to count")
	}
	return err
}

// changeMany counts the missions that match, asks, and changes them.
func (f *changeFlags) changeMany(ctx context.Context, s *remote.Session, request api.BulkRequest) error {
	c := f.console
	request.DryRun = true
	counting := &pages{session: s, request: request, bar: ui.NewProgressBar(c.Err, "Counting missions", 0, progress.UnitsDefault)}
	err := counting.run(ctx)
	counting.bar.Stop()
	if err != nil {
		return remote.BadRequest(err)
	}
	counted := &counting.sum
	which := ui.Plural(counted.Matched, "mission", "missions")
	switch {
	case f.json && (f.dryRun || counted.Matched == 0):
		return f.print(counted)
	case counted.Matched == 0:
		c.Err.Printf("No matching missions.\n")
		return nil
	case f.dryRun:
		c.Out.Printf("Would %s %s\n", strings.ToLower(f.words.verb), which)
		return nil
	case !f.yes && !confirm(c, f.words.verb+" "+which+"?"+f.words.warning):
		c.Err.Printf("Nothing was %s.\n", strings.ToLower(f.words.past))
		return ui.ErrSilent
	}
	request.DryRun, request.AsOf = false, counted.AsOf
	return f.change(ctx, &pages{session: s, request: request}, counted.Matched)
}

// change changes so many missions that were counted.
func (f *changeFlags) change(ctx context.Context, p *pages, counted int) error {
	c, begun := f.console, time.Now()
	p.bar = ui.NewProgressBar(c.Err, f.words.doing+" missions", int64(counted), progress.UnitsDefault)
	err := p.run(ctx)
	p.bar.Stop()
	if more := len(p.sum.Errors) - maxErrorsShown; more > 0 {
		c.Err.Printf("and %s more\n", ui.Plural(more, "mission that failed", "missions that failed"))
	}
	if !f.json || err != nil {
		skipped := ""
		if err == nil {
			skipped = ui.Count(max(0, counted-p.sum.Changed-len(p.sum.Errors))) + " skipped, "
		}
		c.Err.Printf("%s %s, %s%s failed, in %s\n", f.words.past, ui.Plural(p.sum.Changed, "mission", "missions"), skipped,
			ui.Count(len(p.sum.Errors)), ui.FormatDuration(time.Since(begun)))
	}
	if p.repeated > 0 {
		c.Err.Printf("%s repeated because there was no answer; what the first one had changed counts as skipped\n",
			ui.Plural(p.repeated, "request was", "requests were"))
	}
	switch {
	case err != nil && p.unknown:
		return remote.ErrorAbout("it is not known whether more missions were "+strings.ToLower(f.words.past), remote.BadRequest(err))
	case err != nil:
		return remote.ErrorAbout("the other missions were not "+strings.ToLower(f.words.past), remote.BadRequest(err))
	case f.json:
		if p.sum.Matched = counted; f.print(&p.sum) != nil {
			return ui.ErrSilent
		}
	}
	if len(p.sum.Errors) > 0 {
		return ui.ErrSilent
	}
	return nil
}

func (f *changeFlags) print(sum *api.BulkReply) error {
	raw, err := api.Encode(sum)
	if err == nil {
		f.console.Out.JSON(raw)
	}
	return err
}

// pages sends a request again and again until no missions are left.
type pages struct {
	session  *remote.Session
	request  api.BulkRequest
	bar      *ui.ProgressBar
	sum      api.BulkReply
	repeated int  // requests whose outcome was unknown
	unknown  bool // the outcome of the last request is
}

func (p *pages) run(ctx context.Context) error {
	p.sum.Errors = []api.BulkError{}
	for {
		tries := 0
		reply, _, unknown, err := askAgain(ctx, func() (api.BulkReply, []byte, error) {
			tries++
			return remote.Ask(ctx, p.session, api.OpBulk, p.request)
		})
		if tries > 1 && !p.request.DryRun {
			p.repeated++
		}
		if p.unknown = unknown; err != nil {
			return err
		}
		p.add(&reply)
		if p.request.Cursor = reply.NextCursor; p.request.Cursor == "" {
			return nil
		}
	}
}

// add adds the reply to a page to the sum.
func (p *pages) add(reply *api.BulkReply) {
	p.bar.Advance(reply.Matched)
	p.sum.AsOf = reply.AsOf
	p.sum.Matched += reply.Matched
	p.sum.Changed += reply.Changed
	for _, failed := range reply.Errors {
		if p.sum.Errors = append(p.sum.Errors, failed); len(p.sum.Errors) <= maxErrorsShown {
			p.bar.Say("mission %s: %s", ui.Clean(failed.ID), ui.Clean(remote.ErrorText(failed.Error)))
		}
	}
}
