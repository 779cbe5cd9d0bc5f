package credentials

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
	"github.com/nats-io/nkeys"

	"missioncontrol/fileperm"
	"missioncontrol/supervisor/roles"
)

// Kind is how the users of a directory sign in.
type Kind int

// The kinds of directories. The first two have the same files. They differ in what the
// initial users sign in with.
const (
	Passwords Kind = iota
	NKeys
	JWTs
)

// Dir is a directory with the files for an external broker:
//
//	nats.conf       an initial configuration, which includes the next file
//	accounts.conf   made from users.yaml             operator.conf   with JWTs
//	users.yaml      who may sign in                  accounts.yaml   public keys, with JWTs
//	secrets/        what they sign in with           keys/           signing keys, with JWTs
type Dir string

const (
	usersFile      = "users.yaml"
	accountsConf   = "accounts.conf"
	operatorConf   = "operator.conf"
	publicKeysFile = "accounts.yaml"
	natsConf       = "nats.conf"
	secretsDir     = "secrets"
	keysDir        = "keys"
)

// natsConfText is all that a broker needs besides the accounts.
const natsConfText = `# A broker for Mission Control: nats-server --config nats.conf
# To accept connections from other machines, change listen and add tls {}; see docs/OPERATIONS.md.
listen: 127.0.0.1:4222
max_payload: 8MB # the largest request of the protocol; the default is 1MB
jetstream { store_dir: jetstream }
include %s
`

// DefaultUsers are the users of a new directory, each named after its role.
func DefaultUsers() []roles.Role {
	return []roles.Role{roles.Supervisor, roles.System, roles.Admin, roles.Operator, roles.Viewer}
}

func (d Dir) file(name string) string { return filepath.Join(string(d), name) }

// Secrets returns the directory of the secrets.
func (d Dir) Secrets() string { return d.file(secretsDir) }

// has reports whether a file exists.
func (d Dir) has(name string) bool {
	_, err := os.Stat(d.file(name))
	return err == nil
}

// Init creates the files of a directory, which must be empty or missing.
func (d Dir) Init(kind Kind) error {
	entries, err := os.ReadDir(string(d))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s cannot be used: %w", d, fileperm.Cause(err))
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty, and nothing is overwritten; choose another directory with --dir", d)
	}
	if err := os.MkdirAll(d.Secrets(), 0o700); err != nil {
		return fmt.Errorf("cannot create %s: %w", d.Secrets(), fileperm.Cause(err))
	}
	included := accountsConf
	if kind == JWTs {
		included = operatorConf
		err = d.initOperator()
	} else {
		err = writeNew(d.file(usersFile), []byte(userList.head+userList.key+":\n"))
		if err == nil {
			_, err = d.Render()
		}
	}
	if err == nil {
		err = writeNew(d.file(natsConf), fmt.Appendf(nil, natsConfText, included))
	}
	for _, role := range DefaultUsers() {
		if err != nil {
			return err
		}
		_, _, err = d.Add(role, string(role), kind == NKeys)
	}
	return err
}

// initOperator creates an operator, and stores its keys.
func (d Dir) initOperator() error {
	operator, err := NewOperator()
	if err != nil {
		return err
	}
	config, err := operator.Config()
	if err != nil {
		return err
	}
	if err := os.Mkdir(d.file(keysDir), 0o700); err != nil {
		return fmt.Errorf("cannot create %s: %w", d.file(keysDir), fileperm.Cause(err))
	}
	for name, key := range operator.keys() {
		seed, err := key.Seed()
		if err == nil {
			err = writeNew(d.key(name), append(seed, '\n'))
		}
		if err != nil {
			return err
		}
	}
	public := map[string]string{}
	for _, a := range []roles.Account{roles.Missions, roles.Clients, roles.SystemAccount} {
		if public[accountName(a)], err = operator.account(a).PublicKey(); err != nil {
			return err
		}
	}
	text, err := yaml.Marshal(public)
	if err == nil {
		err = writeNew(d.file(publicKeysFile), text)
	}
	if err == nil {
		err = writeNew(d.file(operatorConf), config)
	}
	return err
}

func (d Dir) key(name string) string { return filepath.Join(d.file(keysDir), name+".nk") }

// Add adds a user, and returns the secret and the path of its file. The error is an
// [ErrExists] if the name is taken. With JWTs nkey is ignored.
func (d Dir) Add(role roles.Role, name string, nkey bool) (Secret, string, error) {
	if d.has(operatorConf) {
		secret, err := d.sign(role, name)
		if err != nil {
			return secret, "", err
		}
		path, err := secret.Keep(d.Secrets(), name, func() error { return nil })
		return secret, path, err
	}
	if !d.has(usersFile) {
		return Secret{}, "", fmt.Errorf("%s has no %s; start with: supervisor auth init --dir %s", d, usersFile, d)
	}
	user, secret, err := NewUser(role, name, nkey)
	if err != nil {
		return secret, "", err
	}
	var path string
	err = exclusively(string(d), func() (err error) {
		if err = d.unchanged(); err != nil {
			return err
		}
		path, err = secret.Keep(d.Secrets(), name, func() error { return userList.add(d.file(usersFile), user) })
		if err != nil {
			return err
		}
		return d.render()
	})
	return secret, path, err
}

// sign creates credentials with the signing key of a role.
func (d Dir) sign(role roles.Role, name string) (Secret, error) {
	signer, err := d.readKey(roleKey(role))
	if err != nil {
		return Secret{}, err
	}
	text, err := readSmall(d.file(publicKeysFile))
	if err != nil {
		return Secret{}, err
	}
	var public map[string]string
	if err := strict(text, &public); err != nil {
		return Secret{}, fmt.Errorf("%s: %w", d.file(publicKeysFile), err)
	}
	account := public[accountName(role.Account())]
	if !nkeys.IsValidPublicAccountKey(account) {
		return Secret{}, fmt.Errorf("%s does not name the account %s", d.file(publicKeysFile), accountName(role.Account()))
	}
	return NewCreds(role, name, account, signer)
}

// readKey reads a key that initOperator has stored.
func (d Dir) readKey(name string) (nkeys.KeyPair, error) {
	seed, err := readSmall(d.key(name))
	if err != nil {
		return nil, err
	}
	key, err := nkeys.FromSeed(bytes.TrimSpace(seed))
	if err != nil {
		return nil, fmt.Errorf("%s does not contain a key", d.key(name))
	}
	return key, nil
}

// Render writes accounts.conf from users.yaml, over an existing file. With JWTs it
// writes operator.conf, and needs all keys. It returns the file's path.
func (d Dir) Render() (path string, err error) {
	path = d.file(accountsConf)
	if d.has(operatorConf) {
		path = d.file(operatorConf)
	}
	return path, exclusively(string(d), d.render)
}

func (d Dir) render() error {
	if d.has(operatorConf) {
		return d.renderOperator()
	}
	users, err := ReadUsers(d.file(usersFile))
	if err != nil {
		return err
	}
	text, err := Accounts(users)
	if err != nil {
		return err
	}
	return replace(d.file(accountsConf), text)
}

func (d Dir) renderOperator() error {
	operator, err := readOperator(d.readKey)
	if err != nil {
		return err
	}
	config, err := operator.Config()
	if err != nil {
		return err
	}
	return replace(d.file(operatorConf), config)
}

// unchanged returns an error if accounts.conf is not what users.yaml generates.
func (d Dir) unchanged() error {
	users, err := ReadUsers(d.file(usersFile))
	if err != nil {
		return err
	}
	want, err := Accounts(users)
	if err != nil {
		return err
	}
	have, err := readSmall(d.file(accountsConf))
	if err == nil && !bytes.Equal(have, want) {
		err = fmt.Errorf("%s does not match %s; nothing was changed. To rewrite it: supervisor auth render --dir %s",
			d.file(accountsConf), usersFile, d)
	}
	return err
}
