package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
	"github.com/synadia-io/orbit.go/natscontext"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
)

// contextBase holds the connection options of a nats CLI context.
type contextBase struct{ options nats.Options }

// errSeen ends a connection attempt that only reads the options.
var errSeen = errors.New("options seen")

// contextOptions reads a context; without a name, the selected one, if any. The library
// can only connect, so contextOptions starts a connection and stops it with the last
// option, before anything is sent.
func contextOptions(name value) (contextBase, error) {
	var base contextBase
	_, _, err := natscontext.Connect(name.text, func(o *nats.Options) error {
		base.options = *o
		return errSeen
	})
	switch {
	case errors.Is(err, errSeen):
		return base, nil
	case name.text == "":
		return base, ui.Usagef("cannot use the selected context of the nats CLI: %v; select another with: nats context select, or give --server", fileperm.Cause(err))
	}
	return base, ui.Usagef("%s: cannot use the context %s: %v; see: nats context ls", name.where, name.text, fileperm.Cause(err))
}

// urls returns the context's brokers, "" if it names none. The error quotes no password.
func (b *contextBase) urls() (string, error) {
	var urls []string
	for _, url := range b.options.Servers {
		if url != "" {
			urls = append(urls, url)
		}
	}
	list := strings.Join(urls, ",")
	if list == "" {
		return "", nil
	}
	return list, checkServer(list)
}

// apply is a connection option: it sets everything from the context except the brokers.
func (b contextBase) apply(o *nats.Options) error {
	url, servers := o.Url, o.Servers
	*o = b.options
	o.Url, o.Servers = url, servers
	return nil
}

// knownContexts lists the nats CLI's contexts, for completion.
func knownContexts() []string {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil
		}
		dir = filepath.Join(home, ".config")
	}
	files, _ := filepath.Glob(filepath.Join(dir, "nats", "context", "*.json")) // fails only for bad patterns
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(filepath.Base(file), ".json")
	}
	return names
}

// completeContexts suggests contexts, and no files.
func completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return knownContexts(), cobra.ShellCompDirectiveNoFileComp
}
