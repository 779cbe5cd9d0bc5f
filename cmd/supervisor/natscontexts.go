package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/natscontext"
)

// contextBase is what a context of the nats CLI says about a connection.
type contextBase struct{ options nats.Options }

// errSeen ends a connection attempt that was only to show its options.
var errSeen = errors.New("options seen")

// contextOptions reads a context; without a name, the selected one, if any. The
// library offers nothing but to connect, so it is let do so, and stopped by the
// last option before anything is sent.
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
		return base, usagef("the selected context of the nats CLI cannot be used: %v; select another with: nats context select, or give --server", rootCause(err))
	}
	return base, usagef("%s: the context %s cannot be used: %v; see: nats context ls", name.where, name.text, rootCause(err))
}

// urls are the context's brokers, "" when it names none.
func (b *contextBase) urls() string {
	var urls []string
	for _, url := range b.options.Servers {
		if url != "" {
			urls = append(urls, url)
		}
	}
	return strings.Join(urls, ",")
}

// apply is a connection option: everything as in the context, but for the brokers.
func (b contextBase) apply(o *nats.Options) error {
	url, servers := o.Url, o.Servers
	*o = b.options
	o.Url, o.Servers = url, servers
	return nil
}

// knownContexts lists the contexts of the nats CLI, for completion.
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
