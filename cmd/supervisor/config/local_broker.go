package config

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/spf13/pflag"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
)

// LocalBroker is how a command of the same user reaches the embedded broker of a running
// supervisor. It is in a file in the data directory while the supervisor runs. Anyone
// who can read that directory can read the data itself.
type LocalBroker struct {
	URL string `json:"url"`

	// Seed signs in as an admin that exists until the supervisor stops; "" if nobody has
	// to sign in.
	Seed string `json:"nkey_seed,omitzero"`

	// Certificate is the broker's own, in DER; nil without TLS. Clients expect exactly
	// this certificate, whoever signed it and whatever names it has.
	Certificate []byte `json:"certificate,omitzero"`
}

// LocalBrokerName is the name of the file in the data directory.
const LocalBrokerName = "broker.json"

// Write writes the file, in place of an older one.
func (b *LocalBroker) Write(dataDir string) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	path := filepath.Join(dataDir, LocalBrokerName)
	partial := path + ".partial"
	if err := os.Remove(partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	const ownersAlone = 0o600
	if err := os.WriteFile(partial, text, ownersAlone); err != nil {
		return err
	}
	return os.Rename(partial, path)
}

// RemoveLocalBroker removes the file.
func RemoveLocalBroker(dataDir string) error {
	return os.Remove(filepath.Join(dataDir, LocalBrokerName))
}

// readLocalBroker reads the file; nil if there is none.
func readLocalBroker(dataDir string) (*LocalBroker, error) {
	path := filepath.Join(dataDir, LocalBrokerName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var b LocalBroker
	if err == nil {
		err = json.Unmarshal(text, &b)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, fileperm.Cause(err))
	}
	return &b, nil
}

// options returns how to connect. signIn replaces the broker's own way, if it is not nil.
func (b *LocalBroker) options(signIn []nats.Option) ([]nats.Option, error) {
	options := signIn
	if b.Seed != "" && signIn == nil {
		key, err := nkeys.FromSeed([]byte(b.Seed))
		if err != nil {
			return nil, errors.New("its key cannot be used")
		}
		public, err := key.PublicKey()
		if err != nil {
			return nil, err
		}
		options = append(options, nats.Nkey(public, key.Sign))
	}
	if b.Certificate != nil {
		options = append(options, nats.Secure(&tls.Config{
			MinVersion:         tls.VersionTLS12,
			InsecureSkipVerify: true, //nolint:gosec // VerifyConnection accepts one certificate only
			VerifyConnection: func(state tls.ConnectionState) error {
				if !bytes.Equal(state.PeerCertificates[0].Raw, b.Certificate) {
					return errors.New("tls: the broker has another certificate than the supervisor of this data directory")
				}
				return nil
			},
		}))
	}
	return options, nil
}

// LoadLocalBroker returns how to reach the broker of the supervisor that runs on this
// machine with these settings. In this order: a broker or context that the flags name;
// the external broker of the settings; what a running supervisor has left in its data
// directory; the --listen of the settings; and what other commands use.
func LoadLocalBroker(flags *pflag.FlagSet, lookup Lookup) (Broker, []Exposure, error) {
	client, err := LoadConnection(flags, lookup)
	if err != nil || client.at("server").source == sourceFlag && client.at("server").text != "" ||
		client.at("context").source == sourceFlag && client.at("context").text != "" {
		return client.brokerOf(err)
	}
	var s Settings
	table := s.table()
	if _, err := s.readServe(table, localPart(table), flags, lookup); err != nil {
		return Broker{}, s.Exposed, err
	}
	if s.external() {
		external := Connection{Exposed: s.Exposed, values: s.values}
		return external.brokerOf(external.check())
	}
	local, err := readLocalBroker(s.DataDir)
	if err != nil {
		return Broker{}, s.Exposed, err
	}
	if listen := s.values["listen"]; local == nil && listen.source != sourceDefault {
		local = &LocalBroker{URL: "nats://" + dialable(s.Listen)}
	}
	if local == nil {
		return client.brokerOf(nil)
	}
	b, err := client.through(local)
	return b, client.Exposed, err
}

// brokerOf is [Connection.Broker], unless there was an error before.
func (c *Connection) brokerOf(err error) (Broker, []Exposure, error) {
	if err != nil {
		return Broker{}, c.Exposed, err
	}
	b, err := c.Broker(true)
	return b, c.Exposed, err
}

// through returns how to reach a local broker with the credentials that flags give, if any.
func (c *Connection) through(local *LocalBroker) (Broker, error) {
	var signIn []nats.Option
	if way, _ := c.ways(); way.text != "" && (way.source == sourceFlag || local.Seed == "") {
		var err error
		if signIn, err = c.signIn(); err != nil {
			return Broker{}, err
		}
	}
	options, err := local.options(signIn)
	if err != nil {
		return Broker{}, ui.Usagef("%s in the data directory: %v", LocalBrokerName, err)
	}
	if cert := c.at("tlscert").text; cert != "" {
		options = append(options, nats.ClientCert(cert, c.at("tlskey").text))
	}
	if ca := c.at("tlsca").text; ca != "" && local.Certificate == nil {
		options = append(options, nats.RootCAs(ca))
	}
	return Broker{URLs: local.URL, Options: options}, nil
}

// localPart returns the settings that say where the data and the broker are.
func localPart(table []setting) []setting {
	return append(append(storePart(table), connectionSettings()...), *find(table, "listen"))
}

// dialable returns an address to listen on as one to connect to on this machine.
func dialable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = ""
	}
	return net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port)
}
