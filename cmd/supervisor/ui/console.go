// Package ui is the terminal side of the commands: outputs with tables, colours and
// progress, formats for people, how arguments are refused, and completion words.
package ui

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// A Console is what a command has of the process that runs it: input, outputs and
// environment.
type Console struct {
	In        io.Reader
	Out       *Screen                     // results
	Err       *Screen                     // errors, questions and progress
	LookupEnv func(string) (string, bool) // as [os.LookupEnv]

	// InTerminal is whether somebody can press keys: the input is a terminal.
	InTerminal bool

	Version string // the program's, SemVer without a leading v

	// Interval is the interval of --watch and --follow.
	Interval time.Duration

	// RefreshTimeout bounds one refresh of --watch.
	RefreshTimeout time.Duration

	// Completing is whether a shell asks for completions, and reads what is printed.
	Completing bool
}

// NewConsole returns the console of this process's environment.
func NewConsole(stdin io.Reader, stdout, stderr io.Writer, version string) *Console {
	c := &Console{
		In: stdin, Out: NewScreen(stdout, os.LookupEnv), Err: NewScreen(stderr, os.LookupEnv), LookupEnv: os.LookupEnv,
		Version: version, Interval: time.Second, RefreshTimeout: 2 * time.Second,
	}
	c.Out.notes = c.Err
	if file, ok := stdin.(*os.File); ok {
		c.InTerminal = term.IsTerminal(int(file.Fd()))
	}
	return c
}
