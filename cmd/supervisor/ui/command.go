package ui

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The groups of commands in help.
const (
	GroupRun    = "run"
	GroupLook   = "look"
	GroupAction = "action"
)

// ShortPath returns a command's name for errors, which already begin with the program's
// name.
func ShortPath(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), "supervisor ")
}

// FlagError says in plain words what is wrong with a flag.
func FlagError(cmd *cobra.Command, err error) error {
	var bad *pflag.InvalidValueError
	if errors.As(err, &bad) && bad.GetFlag() != nil {
		return Usagef("--%s: %q is not %s", bad.GetFlag().Name, bad.GetValue(), wantedOf(bad.GetFlag()))
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		var names []string
		for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.InheritedFlags()} {
			flags.VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
		}
		if near := Nearest(unknown.GetSpecifiedName(), names); near != "" {
			return Usagef("unknown flag: --%s; did you mean --%s?", unknown.GetSpecifiedName(), near)
		}
	}
	return Usagef("%v; see %s --help", err, cmd.CommandPath())
}

// wantedOf says what a flag accepts, if it does not accept everything.
func wantedOf(flag *pflag.Flag) string {
	if choice, ok := flag.Value.(interface{ Wanted() string }); ok {
		return choice.Wanted()
	}
	switch flag.Value.Type() {
	case "bool":
		return "true or false"
	case "int":
		return "a whole number"
	}
	return "a list of words" // an unclosed quote
}

// WrapHelp wraps the flags in the help of a command and of its subcommands to the width
// of the terminal, and names the group of flags that say where to connect. A width of 0
// is no limit.
func WrapHelp(cmd *cobra.Command, width int) {
	cmd.SetUsageTemplate(strings.NewReplacer(
		"Flags.FlagUsages", fmt.Sprintf("Flags.FlagUsagesWrapped %d", width),
		"Global Flags:", "Connection flags:",
	).Replace(cmd.UsageTemplate()))
}

// PlainHelp removes the quotes from the flags' descriptions. They mark the value's name
// for help; a shell's completions would show them literally.
func PlainHelp(cmd *cobra.Command) {
	for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
		flags.VisitAll(func(flag *pflag.Flag) { flag.Usage = strings.ReplaceAll(flag.Usage, "`", "") })
	}
	for _, sub := range cmd.Commands() {
		PlainHelp(sub)
	}
}

// NoArguments accepts no arguments.
func NoArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return Usagef("%s takes no arguments, but was given %q; see %s --help", ShortPath(cmd), args[0], cmd.CommandPath())
}

// Arguments accepts at least least arguments and at most most (-1: any number). what
// describes them.
func Arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return Usagef("%s needs %s; see %s --help", ShortPath(cmd), what, cmd.CommandPath())
		case most >= 0 && len(args) > most:
			return Usagef("%s takes %s, but not also %q; see %s --help", ShortPath(cmd), what, args[most], cmd.CommandPath())
		}
		return nil
	}
}

// SubcommandOnly makes cmd list its commands if it gets none, or one it does not know.
func SubcommandOnly(cmd *cobra.Command) {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return UnknownCommand(cmd, args[0])
		}
		var names []string
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				names = append(names, sub.Name())
			}
		}
		return Usagef("%s needs a command: %s", ShortPath(cmd), strings.Join(names, ", "))
	}
	cmd.RunE = func(*cobra.Command, []string) error { return nil } // never reached: Args refuses
}

// UnknownCommand returns the error for a name that is no command of cmd.
func UnknownCommand(cmd *cobra.Command, name string) error {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if near := Nearest(name, names); near != "" {
		return Usagef("there is no command %q; did you mean %s?", name, near)
	}
	return Usagef("there is no command %q; see %s --help", name, cmd.CommandPath())
}
