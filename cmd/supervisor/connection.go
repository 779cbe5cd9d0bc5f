package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/ui"
)

// defaultServer is the broker's address if none is set.
const defaultServer = "nats://127.0.0.1:4222"

// connection says which broker to use and how to sign in.
type connection struct {
	server, context          value
	creds, nkey, user, token value // ways to sign in; only one is used
	password                 value // of user
	tlsCert, tlsKey, tlsCA   value
	inbox                    value // its prefix

	exposed []exposure
}

// connectionSettings returns the table of the connection's settings. They are named as in
// the nats CLI.
func connectionSettings(serverHelp, contextHelp, serverFallback string) []setting {
	keep := func(field func(*connection) *value) func(*settings, value) error {
		return func(s *settings, g value) error { *field(&s.connection) = g; return nil }
	}
	return []setting{
		{key: "server", short: "s", placeholder: "URL", natsEnv: "NATS_URL", help: serverHelp, fallback: serverFallback,
			apply: func(s *settings, g value) error { s.connection.server = g; return checkServer(g.text) }},
		{key: "context", placeholder: "NAME", natsEnv: "NATS_CONTEXT", help: contextHelp,
			apply: keep(func(c *connection) *value { return &c.context })},
		{key: "creds", placeholder: "FILE", private: true, natsEnv: "NATS_CREDS", help: "FILE with a user's credentials",
			apply: keep(func(c *connection) *value { return &c.creds })},
		{key: "nkey", placeholder: "FILE", private: true, natsEnv: "NATS_NKEY", help: "FILE with a user's nkey seed",
			apply: keep(func(c *connection) *value { return &c.nkey })},
		{key: "user", placeholder: "NAME", natsEnv: "NATS_USER", help: "NAME of the user, or a token when there is no password",
			apply: keep(func(c *connection) *value { return &c.user })},
		{key: "password", placeholder: "PASSWORD", natsEnv: "NATS_PASSWORD", help: "PASSWORD of the user", secret: true,
			apply: keep(func(c *connection) *value { return &c.password })},
		{key: "password_file", placeholder: "FILE", private: true, natsEnv: "NATS_PASSWORD_FILE", help: "FILE that holds nothing but the password",
			apply: fromFile(func(s *settings) *value { return &s.connection.password })},
		{key: "token", placeholder: "TOKEN", natsEnv: "NATS_TOKEN", help: "TOKEN to sign in with", secret: true,
			apply: keep(func(c *connection) *value { return &c.token })},
		{key: "token_file", placeholder: "FILE", private: true, natsEnv: "NATS_TOKEN_FILE", help: "FILE that holds nothing but the token",
			apply: fromFile(func(s *settings) *value { return &s.connection.token })},
		{key: "inbox_prefix", placeholder: "PREFIX", natsEnv: "NATS_INBOX_PREFIX", help: "PREFIX of the subjects on which replies are received",
			apply: func(s *settings, g value) error { s.connection.inbox = g; return checkInbox(g.text) }},
		{key: "tlscert", placeholder: "FILE", natsEnv: "NATS_CERT", help: "FILE with the client's TLS certificate",
			apply: keep(func(c *connection) *value { return &c.tlsCert })},
		{key: "tlskey", placeholder: "FILE", private: true, natsEnv: "NATS_KEY", help: "FILE with the certificate's private key",
			apply: keep(func(c *connection) *value { return &c.tlsKey })},
		{key: "tlsca", placeholder: "FILE", natsEnv: "NATS_CA", help: "FILE with the authorities that the broker's certificate is checked against",
			apply: keep(func(c *connection) *value { return &c.tlsCA })},
	}
}

// clientSettings returns the table for commands that talk to a supervisor.
func clientSettings() []setting {
	return connectionSettings("URL of the NATS broker, or several with commas",
		"NAME of the nats CLI's context to use; without a --server, the selected one", "")
}

func natsEnv(s *setting) string { return s.natsEnv }

// addConnectionFlags adds the connection's flags to a command and its subcommands.
func addConnectionFlags(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	addFlags(flags, clientSettings(), natsEnv)
	ui.CompleteFlag(cmd, "context", contextNames)
}

// loadConnection reads the connection's flags and the nats CLI's environment.
func (c *cli) loadConnection(cmd *cobra.Command) (connection, error) {
	var s settings
	d := sources{flags: cmd.Flags(), lookup: c.LookupEnv, env: natsEnv}
	if err := d.load(clientSettings(), &s); err != nil {
		return connection{}, err
	}
	s.connection.exposed = s.exposed
	return s.connection, s.connection.check()
}

// check finds settings that exclude each other, and files that cannot be read.
func (c *connection) check() error {
	if c.password.text != "" && c.user.text == "" {
		return ui.Usagef("%s: a password needs a user; add --user NAME", c.password.where)
	}
	if (c.tlsCert.text == "") != (c.tlsKey.text == "") {
		return ui.Usagef("--tlscert and --tlskey are needed together")
	}
	if first, second := c.ways(); second.text != "" && first.source == second.source {
		return ui.Usagef("%s and %s are two ways to sign in; give one", first.where, second.where)
	}
	for _, file := range []value{c.creds, c.nkey, c.tlsCert, c.tlsKey, c.tlsCA} {
		if file.text == "" {
			continue
		}
		f, err := os.Open(file.text)
		if err != nil {
			return ui.Usagef("%s: %s cannot be read: %v", file.where, file.text, ui.RootCause(err))
		}
		info, err := f.Stat()
		_ = f.Close() // nothing was written
		if err == nil && info.IsDir() {
			return ui.Usagef("%s: %s is a directory", file.where, file.text)
		}
	}
	return nil
}

// checkInbox rejects a prefix that cannot begin a reply subject.
func checkInbox(prefix string) error {
	if nats.CustomInboxPrefix(prefix)(&nats.Options{}) != nil || strings.ContainsAny(prefix, " \t\r\n") {
		return fmt.Errorf("%q cannot begin a subject; write it like _INBOX.me", prefix)
	}
	return nil
}

// ways returns the sign-in to use, which is from the setting source with the highest
// precedence, and the next one.
func (c *connection) ways() (first, second value) {
	for _, way := range []value{c.user, c.creds, c.nkey, c.token} {
		switch {
		case way.text == "":
		case first.text == "" || way.source < first.source:
			first, second = way, first
		case second.text == "" || way.source < second.source:
			second = way
		}
	}
	return first, second
}

// credential returns a setting that only makes sense for a connection to a broker.
func (c *connection) credential() (value, bool) {
	for _, g := range []value{c.user, c.creds, c.nkey, c.token, c.tlsCert, c.tlsCA} {
		if g.text != "" {
			return g, true
		}
	}
	return value{}, false
}

// broker is what is needed to connect.
type broker struct {
	urls    string
	options []nats.Option
}

// broker returns how to connect. It uses the nats CLI's selected context if selected is
// set and neither a server nor a context is named.
func (c *connection) broker(selected bool) (broker, error) {
	b := broker{urls: c.server.text}
	if c.context.text != "" || selected && c.server.text == "" {
		base, err := contextOptions(c.context)
		if err != nil {
			return b, err
		}
		b.options = append(b.options, base.apply)
		if b.urls == "" {
			b.urls = base.urls()
		}
	}
	if b.urls == "" {
		b.urls = defaultServer
	}
	way, err := c.signIn()
	if err != nil {
		return b, err
	}
	b.options = append(b.options, way...)
	if c.tlsCert.text != "" {
		b.options = append(b.options, nats.ClientCert(c.tlsCert.text, c.tlsKey.text))
	}
	if c.tlsCA.text != "" {
		b.options = append(b.options, nats.RootCAs(c.tlsCA.text))
	}
	if c.inbox.text != "" {
		b.options = append(b.options, nats.CustomInboxPrefix(c.inbox.text))
	}
	return b, nil
}

// signIn returns the options that sign in and replace those of a context.
func (c *connection) signIn() ([]nats.Option, error) {
	way, _ := c.ways()
	switch {
	case way.text == "":
		return nil, nil
	case way == c.user && c.password.text == "":
		return []nats.Option{withoutCredentials, nats.Token(c.user.text)}, nil // as in the nats CLI
	case way == c.user:
		return []nats.Option{withoutCredentials, nats.UserInfo(c.user.text, c.password.text)}, nil
	case way == c.creds:
		return []nats.Option{withoutCredentials, nats.UserCredentials(c.creds.text)}, nil
	case way == c.token:
		return []nats.Option{withoutCredentials, nats.Token(c.token.text)}, nil
	}
	nkey, err := nats.NkeyOptionFromSeed(c.nkey.text)
	if err != nil {
		return nil, ui.Usagef("%s: %s does not hold an nkey seed", c.nkey.where, c.nkey.text)
	}
	return []nats.Option{withoutCredentials, nkey}, nil
}

// withoutCredentials removes a context's credentials.
func withoutCredentials(o *nats.Options) error {
	o.User, o.Password, o.Token, o.Nkey = "", "", "", ""
	o.UserJWT, o.SignatureCB, o.TokenHandler, o.UserInfo = nil, nil, nil, nil
	return nil
}

// redactURLs returns a list of brokers without secrets.
func redactURLs(list string) string {
	urls := strings.Split(list, ",")
	for i := range urls {
		urls[i] = redactURL(strings.TrimSpace(urls[i]))
	}
	return strings.Join(urls, ",")
}

// notConnected says why there is no connection, and what to try.
func notConnected(urls string, err error) error {
	shown := redactURLs(urls)
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return fmt.Errorf("the broker at %s does not let us in (%w); check --creds, --user or --context", shown, err)
	case urls == defaultServer && (errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout)):
		return fmt.Errorf("no broker can be reached at %s; start one with: supervisor, or name another with --server or --context", shown)
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout):
		return fmt.Errorf("no broker can be reached at %s; name another with --server or --context, "+
			"or ask the supervisor at its HTTP address, which answers without a broker: supervisor health --http ADDRESS", shown)
	case strings.Contains(err.Error(), "x509") || strings.Contains(err.Error(), "tls:") || strings.Contains(err.Error(), "tls error"), errors.Is(err, nats.ErrSecureConnRequired):
		return fmt.Errorf("no secure connection to the broker at %s: %w; check --tlsca, --tlscert and --tlskey", shown, err)
	}
	return fmt.Errorf("no connection to the broker at %s: %w", shown, err)
}
