package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream"
	"missioncontrol/fileperm"
)

// DefaultServer is the broker's address if none is set.
const DefaultServer = "nats://127.0.0.1:4222"

// Connection says which broker to use and how to sign in. One of the ways to sign in is
// used.
type Connection struct {
	Exposed []Exposure

	values values
	prefix string // of the keys
}

// at returns the value of a setting; the zero value if it is not set.
func (c *Connection) at(key string) value { return c.values[c.prefix+key] }

// AddConnectionFlags adds the connection's flags to a command and its subcommands.
func AddConnectionFlags(cmd *cobra.Command) {
	addFlags(cmd.PersistentFlags(), clientTable(), (*setting).clientEnv)
	ui.CompleteFlag(cmd, "context", completeContexts)
}

// ConnectionVariables returns the variables of the environment that [LoadConnection] reads.
// Some of them hold secrets.
func ConnectionVariables() []string {
	var names []string
	for _, s := range clientTable() {
		if s.natsEnv != "" {
			names = append(names, s.natsEnv)
		}
	}
	return names
}

// LoadConnection reads the connection's flags and the nats CLI's environment.
func LoadConnection(flags *pflag.FlagSet, lookup Lookup) (Connection, error) {
	var s Settings
	err := s.read(clientTable(), sources{flags: flags, lookup: lookup, env: (*setting).clientEnv})
	c := Connection{Exposed: s.Exposed, values: s.values}
	if err == nil {
		err = c.check()
	}
	return c, err
}

// check finds settings that exclude each other, and files that cannot be read.
func (c *Connection) check() error {
	password, user := c.at("password"), c.at("user")
	if password.text != "" && user.text == "" {
		return ui.Usagef("%s: a password needs a user; add --user NAME", password.where)
	}
	if (c.at("tlscert").text == "") != (c.at("tlskey").text == "") {
		return ui.Usagef("--tlscert and --tlskey are needed together")
	}
	if first, second := c.ways(); second.text != "" && first.source == second.source {
		return ui.Usagef("%s and %s are alternative ways to sign in; give only one", first.where, second.where)
	}
	for _, key := range []string{"creds", "nkey", "tlscert", "tlskey", "tlsca"} {
		if err := checkReadable(c.at(key)); err != nil {
			return err
		}
	}
	return nil
}

// checkReadable finds a file that is named and cannot be read.
func checkReadable(file value) error {
	if file.text == "" {
		return nil
	}
	f, err := os.Open(file.text)
	if err != nil {
		return ui.Usagef("%s: %s cannot be read: %v", file.where, file.text, fileperm.Cause(err))
	}
	info, err := f.Stat()
	_ = f.Close() // nothing was written
	if err == nil && info.IsDir() {
		return ui.Usagef("%s: %s is a directory", file.where, file.text)
	}
	return nil
}

// checkInbox rejects a prefix that cannot begin a reply subject.
func checkInbox(prefix string) error {
	if nats.CustomInboxPrefix(prefix)(&nats.Options{}) != nil || strings.ContainsAny(prefix, " \t\r\n") {
		return fmt.Errorf("%q cannot be the beginning of a subject; write it like _INBOX.me", prefix)
	}
	return nil
}

// ways returns the sign-in to use, which is from the setting source with the highest
// precedence, and the next one.
func (c *Connection) ways() (first, second value) {
	for _, key := range []string{"user", "creds", "nkey", "token"} {
		way := c.at(key)
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
	for _, key := range []string{"user", "creds", "nkey", "token", "tlscert", "tlsca"} {
		if v := c.at(key); v.text != "" {
			return v, true
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
	server, context := c.at("server").text, c.at("context")
	b := Broker{URLs: server}
	if context.text != "" || selected && server == "" {
		base, err := contextOptions(context)
		if err != nil {
			return b, err
		}
		b.Options = append(b.Options, base.apply)
		if b.URLs = server; server == "" {
			if b.URLs, err = base.urls(); err != nil {
				return b, ui.Usagef("the context %s of the nats CLI: %v", cmp.Or(context.text, "that is selected"), err)
			}
		}
	}
	b.URLs = cmp.Or(b.URLs, DefaultServer)
	way, err := c.signIn()
	if err != nil {
		return b, err
	}
	b.Options = append(b.Options, way...)
	if cert := c.at("tlscert").text; cert != "" {
		b.Options = append(b.Options, nats.ClientCert(cert, c.at("tlskey").text))
	}
	if ca := c.at("tlsca").text; ca != "" {
		b.Options = append(b.Options, nats.RootCAs(ca))
	}
	if prefix := c.at("inbox_prefix").text; prefix != "" {
		b.Options = append(b.Options, nats.CustomInboxPrefix(prefix))
	}
	return b, nil
}

// signIn returns the options that sign in and replace those of a context; nil if nothing is
// set.
func (c *Connection) signIn() ([]nats.Option, error) {
	way, _ := c.ways()
	var option nats.Option
	switch password := c.at("password").text; way {
	case value{}:
		return nil, nil
	case c.at("user"):
		option = nats.UserInfo(way.text, password)
		if password == "" {
			option = nats.Token(way.text) // as in the nats CLI
		}
	case c.at("creds"):
		option = nats.UserCredentials(way.text)
	case c.at("token"):
		option = nats.Token(way.text)
	default:
		nkey, err := nats.NkeyOptionFromSeed(way.text)
		if err != nil {
			return nil, ui.Usagef("%s: %s does not contain an nkey seed", way.where, way.text)
		}
		option = nkey
	}
	return []nats.Option{withoutCredentials, option}, nil
}

// withoutCredentials removes a context's credentials.
func withoutCredentials(o *nats.Options) error {
	o.User, o.Password, o.Token, o.Nkey = "", "", "", ""
	o.UserJWT, o.SignatureCB, o.TokenHandler, o.UserInfo = nil, nil, nil, nil
	return nil
}

// NotConnected says why there is no connection, and what to try.
func NotConnected(urls string, err error) error {
	shown := eventstream.RedactURLs(urls)
	switch {
	case errors.Is(err, eventstream.ErrHTTPAddress):
		return ui.Usagef("cannot connect to a broker at %s: %v, such as %s", shown, err, DefaultServer)
	case errors.Is(err, nats.ErrNoInfoReceived):
		return fmt.Errorf("cannot connect to a broker at %s: what answers there does not speak NATS", shown)
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return fmt.Errorf("the broker at %s rejects the sign-in (%w); check --creds, --user or --context", shown, err)
	case urls == DefaultServer && (errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout)):
		return fmt.Errorf("cannot reach a broker at %s; start one with: supervisor, or choose another with --server or --context", shown)
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout):
		return fmt.Errorf("cannot reach a broker at %s; choose another with --server or --context, "+
			"or ask the supervisor over HTTP, which works without a broker: supervisor health --http ADDRESS", shown)
	case strings.Contains(err.Error(), "x509") || strings.Contains(err.Error(), "tls:") || strings.Contains(err.Error(), "tls error"), errors.Is(err, nats.ErrSecureConnRequired):
		return fmt.Errorf("cannot make a TLS connection to the broker at %s: %w; check --tlsca, --tlscert and --tlskey", shown, err)
	}
	return fmt.Errorf("cannot connect to the broker at %s: %w", shown, err)
}
