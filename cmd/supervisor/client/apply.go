package client

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
)

// kind is a kind of things that a file can describe.
type kind struct {
	key    string // of its list in the file
	noun   string
	decode func(item []byte) (wanted, error) // of JSON; the error names the field
}

// kinds lists every kind, in the order in which they are set.
var kinds = []kind{limitKind, scheduleKind}

// wanted is a thing as a file describes it.
type wanted interface {
	ID() string

	// Content returns what the file says, with defaults; the fields of its JSON are compared.
	Content() any

	// Read returns the same of what the supervisor has, nil if there is nothing. Set then changes that, and nothing
	// that somebody else has set meanwhile.
	Read(ctx context.Context, s *remote.Session) (any, error)
	Set(ctx context.Context, s *remote.Session) error
}

// What becomes of a thing that a file describes.
const (
	applyAdd  = "add"
	applyEdit = "change"
	applyKeep = "unchanged"
)

// step is what is done about one thing.
type step struct {
	Kind    string        `json:"kind"`
	ID      string        `json:"id"`
	Action  string        `json:"action"`
	Changes []fieldChange `json:"changes"`
	wanted  wanted
}

// plan is what is done about all that some files describe.
type plan struct {
	DryRun bool   `json:"dry_run"`
	Steps  []step `json:"steps"`
}

func applyCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "apply -f FILE",
		GroupID: ui.GroupAction,
		Short:   "Set limits and schedules as files describe them, and show the difference",
		Long: `Set what YAML files describe, and show the difference, field by field. So you can keep
limits and schedules in a repository, and apply them after each change. A file has a list under
each of these keys:

  limits      each as for limits.set in the protocol
  schedules   each as for schedules.set in the protocol

The command first reads all files and compares them with the supervisor; if anything is wrong,
it sets nothing. What is already as described stays untouched, so that you can repeat the
command. It deletes nothing: what a file no longer describes stays until you delete it.

If somebody changes one that exists already meanwhile, the command stops, and keeps that
change.`,
		Example: `  supervisor apply -f schedules.yaml --dry-run
  supervisor apply -f schedules.yaml
  supervisor apply -f nightly.yaml -f hourly.yaml
  cat *.yaml | supervisor apply -f -
  supervisor apply -f schedules.yaml --dry-run --json | jq -r '.steps[] | select(.action != "unchanged") | .id'`,
		Args: ui.NoArguments,
	}
	config.AddConnectionFlags(cmd)
	files := cmd.Flags().StringArrayP("file", "f", nil, "this `FILE`, in YAML, with one or several documents; - for standard input; can be repeated")
	dryRun := cmd.Flags().Bool("dry-run", false, "show the difference, and set nothing")
	asJSON := cmd.Flags().Bool("json", false, "print the difference as JSON")
	var all []item
	cmd.PreRunE = func(*cobra.Command, []string) (err error) {
		if len(*files) == 0 {
			return ui.Usagef("-f is required: the file to apply, or - for standard input")
		}
		all, err = readItems(c, *files)
		return err
	}
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, _ []string) error {
		p, err := makePlan(ctx, s, all)
		if err != nil {
			return err
		}
		p.DryRun = *dryRun
		if *asJSON {
			raw, err := json.Marshal(p)
			if err != nil {
				return err
			}
			c.Out.JSON(raw)
		} else {
			p.print(c.Out)
		}
		if *dryRun {
			return nil
		}
		return p.carryOut(ctx, s)
	})
	return cmd
}

// makePlan compares what files describe with what the supervisor has.
func makePlan(ctx context.Context, s *remote.Session, all []item) (*plan, error) {
	p := &plan{Steps: make([]step, 0, len(all))}
	for _, it := range all {
		st := step{Kind: it.kind.noun, ID: it.wanted.ID(), Action: applyKeep, wanted: it.wanted, Changes: []fieldChange{}}
		was, err := it.wanted.Read(ctx, s)
		if err != nil {
			return nil, remote.ErrorAbout("cannot read the "+it.kind.noun+" "+st.ID, err)
		}
		if st.Changes, err = difference(was, it.wanted.Content()); err != nil {
			return nil, err
		}
		switch {
		case was == nil:
			st.Action = applyAdd
		case len(st.Changes) > 0:
			st.Action = applyEdit
		}
		p.Steps = append(p.Steps, st)
	}
	return p, nil
}

// carryOut sets what differs. It stops at the first that cannot be set: the command can be repeated.
func (p *plan) carryOut(ctx context.Context, s *remote.Session) error {
	done := 0
	for i := range p.Steps {
		st := &p.Steps[i]
		if st.Action == applyKeep {
			continue
		}
		if err := st.wanted.Set(ctx, s); err != nil {
			return remote.ErrorAbout(fmt.Sprintf("%s was set; the %s %s was not", ui.Count(done), st.Kind, st.ID), err)
		}
		done++
	}
	return nil
}

// signs mark in the output what becomes of a thing.
var signs = map[string]struct{ sign, colour string }{applyAdd: {"+", ui.Green}, applyEdit: {"~", ui.Yellow}, applyKeep: {"=", ui.Faint}}

// print prints the difference for people.
func (p *plan) print(out *ui.Screen) {
	tally := map[string]int{}
	for i := range p.Steps {
		st := &p.Steps[i]
		tally[st.Action]++
		sign := signs[st.Action]
		out.Printf("%s %s %s\n", out.Paint(sign.colour, sign.sign), ui.Clean(st.Kind), ui.Clean(st.ID))
		for _, change := range st.Changes {
			out.Printf("    %s\n", ui.Clean(change.words(st.Action == applyAdd)))
		}
	}
	var words []string
	for _, part := range []struct{ action, did, would string }{
		{applyAdd, "added", "to add"}, {applyEdit, "changed", "to change"}, {applyKeep, "unchanged", "unchanged"},
	} {
		word := part.did
		if p.DryRun {
			word = part.would
		}
		words = append(words, ui.Count(tally[part.action])+" "+word)
	}
	text := strings.Join(words, ", ") + "."
	if p.DryRun {
		text += " Nothing was set: this is a dry run."
	}
	out.Printf("%s\n", text)
}
