package ui

import (
	"strings"

	"github.com/spf13/cobra"
)

// Completer suggests completions.
type Completer = cobra.CompletionFunc

// CompleteFlag adds completions to a flag.
func CompleteFlag(cmd *cobra.Command, flag string, suggest Completer) {
	if err := cmd.RegisterFlagCompletionFunc(flag, suggest); err != nil {
		panic(err) // the flag does not exist, or was added twice: a bug
	}
}

// CompleteWords completes fixed words, ignoring case.
func CompleteWords(all ...string) Completer {
	return func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		var fit []string
		for _, word := range all {
			if len(word) >= len(begun) && strings.EqualFold(word[:len(begun)], begun) {
				fit = append(fit, word)
			}
		}
		return fit, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// CompleteNothing suggests nothing, not even files.
func CompleteNothing(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveNoFileComp
}
