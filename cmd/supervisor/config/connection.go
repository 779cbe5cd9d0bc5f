package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"missioncontrol/cmd/supervisor/ui"
)

// DefaultServer is the broker's address if none is set.
const DefaultServer = "nats://127.0.0.1:4222"

// Connection says which broker to use and how to sign in.
type Connection struct {
	server, context          value
	creds, nkey, user, token value // ways to sign in; only one is used
	password                 value // of user
	tlsCert, tlsKey, tlsCA   value
	inbox                    value // its prefix

	Exposed []Exposure
}

// connectionSettings returns the table of the connection's settings. They are named as in
// the nats CLI.
func connectionSettings(serverHelp, contextHelp, serverFallback string) []setting {
	keep := func(field func(*Connection) *value) func(*Settings, value) error {
		return func(s *Settings, g value) error { *field(&s.connection) = g; return nil }
	}
	return []setting{
		{key: "server", short: "s", placeholder: "URL", natsEnv: "NATS_URL", help: serverHelp, fallback: serverFallback,
			apply: func(s *Settings, g value) error { s.connection.server = g; return checkServer(g.text) }},
		{key: "context", placeholder: "NAME", natsEnv: "NATS_CONTEXT", help: contextHelp,
			apply: keep(func(c *Connection) *value { return &c.context })},
		{key: "creds", placeholder: "FILE", private: true, natsEnv: "NATS_CREDS", help: "FILE with a user's credentials",
			apply: keep(func(c *Connection) *value { return &c.creds })},
		{key: "nkey", placeholder: "FILE", private: true, natsEnv: "NATS_NKEY", help: "FILE with a user's nkey seed",
			apply: keep(func(c *Connection) *value { return &c.nkey })},
		{key: "user", placeholder: "NAME", natsEnv: "NATS_USER", help: "NAME of the user, or a token when there is no password",
			apply: keep(func(c *Connection) *value { return &c.user })},
		{key: "password", placeholder: "PASSWORD", natsEnv: "NATS_PASSWORD", help: "PASSWORD of the user", secret: true,
			apply: keep(func(c *Connection) *value { return &c.password })},
		{key: "password_file", placeholder: "FILE", private: true, natsEnv: "NATS_PASSWORD_FILE", help: "FILE that holds nothing but the password",
			apply: fromFile(func(s *Settings) *value { return &s.connection.password })},
		{key: "token", placeholder: "TOKEN", natsEnv: "NATS_TOKEN", help: "TOKEN to sign in with", secret: true,
			apply: keep(func(c *Connection) *value { return &c.token })},
		{key: "token_file", placeholder: "FILE", private: true, natsEnv: "NATS_TOKEN_FILE", help: "FILE that holds nothing but the token",
			apply: fromFile(func(s *Settings) *value { return &s.connection.token })},
		{key: "inbox_prefix", placeholder: "PREFIX", natsEnv: "NATS_INBOX_PREFIX", help: "PREFIX of the subjects on which replies are received",
			apply: func(s *Settings, g value) error { s.connection.inbox = g; return checkInbox(g.text) }},
		{key: "tlscert", placeholder: "FILE", natsEnv: "NATS_CERT", help: "FILE with the client's TLS certificate",
			apply: keep(func(c *Connection) *value { return &c.tlsCert })},
		{key: "tlskey", placeholder: "FILE", private: true, natsEnv: "NATS_KEY", help: "FILE with the certificate's private key",
			apply: keep(func(c *Connection) *value { return &c.tlsKey })},
		{key: "tlsca", placeholder: "FILE", natsEnv: "NATS_CA", help: "FILE with the authorities that the broker's certificate is checked against",
			apply: keep(func(c *Connection) *value { return &c.tlsCA })},
	}
}

// clientSettings returns the table for commands that talk to a supervisor.
func clientSettings() []setting {
	return connectionSettings("URL of the NATS broker, or several with commas",
		"NAME of the nats CLI's context to use; without a --server, the selected one", "")
}

func natsEnv(s *setting) string { return s.natsEnv }

// AddConnectionFlags adds the connection's flags to a command and its subcommands.
func AddConnectionFlags(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	addFlags(flags, clientSettings(), natsEnv)
	ui.CompleteFlag(cmd, "context", completeContexts)
}

// LoadConnection reads the connection's flags and the nats CLI's environment.
func LoadConnection(flags *pflag.FlagSet, lookup Lookup) (Connection, error) {
	var s Settings
	d := sources{flags: flags, lookup: lookup, env: natsEnv}
	if err := d.load(clientSettings(), &s); err != nil {
		return Connection{}, err
	}
	s.connection.Exposed = s.Exposed
	return s.connection, s.connection.check()
}

// check finds settings that exclude each other, and files that cannot be read.
func (c *Connection) check() error {
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
func (c *Connection) ways() (first, second value) {
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
func (c *Connection) credential() (value, bool) {
	for _, g := range []value{c.user, c.creds, c.nkey, c.token, c.tlsCert, c.tlsCA} {
		if g.text != "" {
			return g, true
		}
	}
	return value{}, false
}

// Broker is what is needed to connect.
type Broker struct {
	URLs    string
	Options []nats.Option
}

// Broker returns how to connect. It uses the nats CLI's selected context if selected is
// set and neither a server nor a context is named.
func (c *Connection) Broker(selected bool) (Broker, error) {
	b := Broker{URLs: c.server.text}
	if c.context.text != "" || selected && c.server.text == "" {
		base, err := contextOptions(c.context)
		if err != nil {
			return b, err
		}
		b.Options = append(b.Options, base.apply)
		if b.URLs == "" {
			b.URLs = base.urls()
		}
	}
	if b.URLs == "" {
		b.URLs = DefaultServer
	}
	way, err := c.signIn()
	if err != nil {
		return b, err
	}
	b.Options = append(b.Options, way...)
	if c.tlsCert.text != "" {
		b.Options = append(b.Options, nats.ClientCert(c.tlsCert.text, c.tlsKey.text))
	}
	if c.tlsCA.text != "" {
		b.Options = append(b.Options, nats.RootCAs(c.tlsCA.text))
	}
	if c.inbox.text != "" {
		b.Options = append(b.Options, nats.CustomInboxPrefix(c.inbox.text))
	}
	return b, nil
}

// signIn returns the options that sign in and replace those of a context.
func (c *Connection) signIn() ([]nats.Option, error) {
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

// RedactURLs returns a list of brokers without secrets.
func RedactURLs(list string) string {
	urls := strings.Split(list, ",")
	for i := range urls {
		urls[i] = RedactURL(strings.TrimSpace(urls[i]))
	}
	return strings.Join(urls, ",")
}

// RedactURL keeps the password in a URL, or in a list of URLs, out of messages. A scheme
// may be missing or broken: anything before an @ could be a password.
func RedactURL(raw string) string {
	at := strings.LastIndex(raw, "@")
	if at < 0 {
		return raw
	}
	scheme, _, ok := strings.Cut(raw[:at], "://")
	if !ok || strings.ContainsAny(scheme, ":@") {
		return "***" + raw[at:]
	}
	return scheme + "://***" + raw[at:]
}

// NotConnected says why there is no connection, and what to try.
func NotConnected(urls string, err error) error {
	shown := RedactURLs(urls)
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return fmt.Errorf("the broker at %s does not let us in (%w); check --creds, --user or --context", shown, err)
	case urls == DefaultServer && (errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout)):
		return fmt.Errorf("no broker can be reached at %s; start one with: supervisor, or name another with --server or --context", shown)
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout):
		return fmt.Errorf("no broker can be reached at %s; name another with --server or --context, "+
			"or ask the supervisor at its HTTP address, which answers without a broker: supervisor health --http ADDRESS", shown)
	case strings.Contains(err.Error(), "x509") || strings.Contains(err.Error(), "tls:") || strings.Contains(err.Error(), "tls error"), errors.Is(err, nats.ErrSecureConnRequired):
		return fmt.Errorf("no secure connection to the broker at %s: %w; check --tlsca, --tlscert and --tlskey", shown, err)
	}
	return fmt.Errorf("no connection to the broker at %s: %w", shown, err)
}
