package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
)

func (c *cli) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write a manual page for each command",
		Long: `Write a manual page (section 1) for each command into a directory, which is created if it
does not exist. The pages are dated today, or $SOURCE_DATE_EPOCH (Unix seconds).`,
		Example: `  supervisor man ~/.local/share/man/man1 && man supervisor-missions-create
  supervisor man /usr/local/share/man/man1`,
		Args: ui.Arguments(1, 1, "the DIR to write to"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error { return writeManual(cmd.Root(), args[0]) },
	}
}

// writeManual writes the pages of a command and its subcommands.
func writeManual(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot create the directory %s: %w", dir, fileperm.Cause(err))
	}
	root.DisableAutoGenTag = true
	root.InitDefaultVersionFlag()
	anyHome(root)
	tree := doc.GenManTreeOptions{
		Path:             dir,
		CommandSeparator: "-", // man finds "supervisor missions" as supervisor-missions
		Header:           &doc.GenManHeader{Section: "1", Source: "Mission Control " + version(), Manual: "Mission Control"},
	}
	if err := doc.GenManTreeFromOpts(root, tree); err != nil {
		return fmt.Errorf("the manual cannot be written to %s: %w", dir, fileperm.Cause(err))
	}
	return nil
}

// anyHome replaces the current user's home directory with ~ in defaults and help, so that
// the manual is the same for every user.
func anyHome(cmd *cobra.Command) {
	home, err := os.UserHomeDir()
	if err != nil || home == "/" {
		return // no default can be below it
	}
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if below, found := strings.CutPrefix(flag.DefValue, home+"/"); found {
			flag.DefValue = "~/" + below
		}
		flag.Usage = strings.ReplaceAll(flag.Usage, home+"/", "~/")
	})
	for _, sub := range cmd.Commands() {
		anyHome(sub)
	}
}
