package client

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/ui"
)

// look is how a command shows its result.
type look struct {
	json, watch bool
	wide, names bool // only lists
}

// addLookFlags adds --json, --output and --watch to a command.
func addLookFlags(cmd *cobra.Command) *look {
	return addFormats(cmd, "the `FORMAT`: text or json", "text", "json")
}

// addListFlags is [addLookFlags] for a list.
func addListFlags(cmd *cobra.Command) *look {
	return addFormats(cmd, "the `FORMAT`: table, wide (nothing is cut or left out), json, or name (only the IDs, one per line)",
		"table", "wide", "json", "name")
}

func addFormats(cmd *cobra.Command, usage string, formats ...string) *look {
	l := &look{}
	cmd.Flags().BoolVar(&l.json, "json", false, "print the reply as JSON")
	cmd.Flags().VarP(&outputFlag{l, formats}, "output", "o", usage)
	cmd.Flags().BoolVarP(&l.watch, "watch", "w", false, "refresh every second, until Ctrl-C")
	ui.CompleteFlag(cmd, "output", ui.CompleteWords(formats...))
	return l
}

// outputFlag sets how a result is shown. Of several --output and --json, the last one
// counts.
type outputFlag struct {
	look    *look
	formats []string
}

func (f *outputFlag) String() string { return "" }

func (f *outputFlag) Type() string { return "FORMAT" }

func (f *outputFlag) Set(format string) error {
	if !slices.Contains(f.formats, format) {
		return fmt.Errorf("not %s", f.Wanted())
	}
	f.look.json, f.look.wide, f.look.names = format == "json", format == "wide", format == "name"
	return nil
}

// Wanted says what the flag accepts.
func (f *outputFlag) Wanted() string {
	last := len(f.formats) - 1
	return strings.Join(f.formats[:last], ", ") + " or " + f.formats[last]
}

// printNames prints only the names of what a list holds.
func printNames[T any](out *ui.Screen, list []T, name func(*T) string) {
	for i := range list {
		out.Printf("%s\n", ui.Clean(name(&list[i])))
	}
}
