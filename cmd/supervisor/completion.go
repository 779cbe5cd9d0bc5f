package main

import (
	"io"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/ui"
)

// shell is a shell for which there is a completion script.
type shell struct {
	name, example string
	script        func(root *cobra.Command, out io.Writer) error
}

// shells are the shells that cobra supports.
var shells = []shell{
	{"bash", `  source <(supervisor completion bash)                                        in this shell
  supervisor completion bash > /etc/bash_completion.d/supervisor              in every new one`,
		func(root *cobra.Command, out io.Writer) error { return root.GenBashCompletionV2(out, true) }},
	{"zsh", `  source <(supervisor completion zsh)                                         in this shell
  supervisor completion zsh > "${fpath[1]}/_supervisor"                       in every new one`,
		(*cobra.Command).GenZshCompletion},
	{"fish", `  supervisor completion fish | source                                         in this shell
  supervisor completion fish > ~/.config/fish/completions/supervisor.fish     in every new one`,
		func(root *cobra.Command, out io.Writer) error { return root.GenFishCompletion(out, true) }},
	{"powershell", `  supervisor completion powershell | Out-String | Invoke-Expression           in this shell
  supervisor completion powershell >> $PROFILE                                in every new one`,
		(*cobra.Command).GenPowerShellCompletionWithDesc},
}

// completionCommand replaces cobra's own, which accepts any word as a shell and exits
// with success.
func (c *cli) completionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "completion",
		Short: "Print a completion script for a shell",
		Long: `Print a completion script for a shell. It completes commands, flags, mission and agent
IDs, and mission types; for IDs and types, it asks the supervisor. Bash needs the
package bash-completion.`,
		Example: `  source <(supervisor completion bash)
  supervisor completion zsh > "${fpath[1]}/_supervisor"
  supervisor completion fish | source`,
	}
	for _, s := range shells {
		cmd.AddCommand(&cobra.Command{
			Use:     s.name,
			Short:   "Print the script for " + s.name,
			Example: s.example,
			Args:    ui.NoArguments,
			RunE:    func(cmd *cobra.Command, _ []string) error { return s.script(cmd.Root(), c.Out) },
		})
	}
	ui.SubcommandOnly(cmd)
	return cmd
}
