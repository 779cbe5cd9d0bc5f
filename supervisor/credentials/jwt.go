package credentials

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"missioncontrol/supervisor/roles"
)

// nameInTemplate is what a broker replaces with the name in a user's JWT.
const nameInTemplate = "{{name()}}"

// noWildcards is denied to agents. The holder of their signing key chooses the name,
// and the broker does not check it: the permissions of an agent named * would contain
// wildcards, as in _INBOX.*.>. For that name these subjects cover all that it is
// allowed. For a proper name, such as w1, they are w1.w1 and below, which nothing uses.
var noWildcards = jwt.StringList{nameInTemplate + "." + nameInTemplate, nameInTemplate + "." + nameInTemplate + ".>"}

// inboxName is the only proper name whose own inbox noWildcards denies.
const inboxName = "_INBOX"

// Operator is a broker's operator in the sense of NATS JWTs, with the accounts of
// Mission Control. Each role has a signing key whose template holds its permissions:
// the holder of that key can create users of this role, and nothing else.
type Operator struct {
	key, system, missions, clients nkeys.KeyPair
	roles                          map[roles.Role]nkeys.KeyPair
}

// NewOperator creates an operator with new keys.
func NewOperator() (*Operator, error) {
	o := &Operator{roles: map[roles.Role]nkeys.KeyPair{}}
	var err error
	if o.key, err = nkeys.CreateOperator(); err != nil {
		return nil, err
	}
	for _, account := range []*nkeys.KeyPair{&o.system, &o.missions, &o.clients} {
		if *account, err = nkeys.CreateAccount(); err != nil {
			return nil, err
		}
	}
	for _, role := range roles.All() {
		if o.roles[role], err = nkeys.CreateAccount(); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// readOperator reads an operator's keys. seed returns the key in a file with the given
// name.
func readOperator(seed func(name string) (nkeys.KeyPair, error)) (*Operator, error) {
	o := &Operator{roles: map[roles.Role]nkeys.KeyPair{}}
	var errs []error
	read := func(name string) nkeys.KeyPair {
		key, err := seed(name)
		errs = append(errs, err)
		return key
	}
	o.key, o.system, o.missions, o.clients = read(operatorKey), read(systemAccount), read(missionsAccount), read(clientsAccount)
	for _, role := range roles.All() {
		o.roles[role] = read(roleKey(role))
	}
	return o, errors.Join(errs...)
}

// The names of the key files.
const operatorKey = "operator"

func roleKey(role roles.Role) string { return "role-" + string(role) }

func (o *Operator) account(a roles.Account) nkeys.KeyPair {
	return map[roles.Account]nkeys.KeyPair{roles.Missions: o.missions, roles.Clients: o.clients, roles.SystemAccount: o.system}[a]
}

// keys returns every key by the name of its file.
func (o *Operator) keys() map[string]nkeys.KeyPair {
	keys := map[string]nkeys.KeyPair{operatorKey: o.key, systemAccount: o.system, missionsAccount: o.missions, clientsAccount: o.clients}
	for role, key := range o.roles {
		keys[roleKey(role)] = key
	}
	return keys
}

// claims returns the account claims of an account, with the signing keys of its roles.
func (o *Operator) claims(a roles.Account) (*jwt.AccountClaims, error) {
	public, err := o.account(a).PublicKey()
	if err != nil {
		return nil, err
	}
	c := jwt.NewAccountClaims(public)
	c.Name = accountName(a)
	for _, role := range roles.All() {
		if role.Account() != a {
			continue
		}
		signer, err := o.roles[role].PublicKey()
		if err != nil {
			return nil, err
		}
		scope := jwt.NewUserScope()
		scope.Key, scope.Role = signer, string(role)
		permissions := role.Permissions(nameInTemplate)
		scope.Template.Pub.Allow = append(jwt.StringList(nil), permissions.Publish...)
		scope.Template.Sub.Allow = append(jwt.StringList(nil), permissions.Subscribe...)
		if role == roles.Agent {
			scope.Template.Pub.Deny, scope.Template.Sub.Deny = slices.Clone(noWildcards), slices.Clone(noWildcards)
		}
		c.SigningKeys.AddScopedSigner(scope)
	}
	return c, o.addExports(a, c)
}

// addExports adds the exports and imports between the accounts to the claims of one of
// them.
func (o *Operator) addExports(a roles.Account, c *jwt.AccountClaims) error {
	missions, err := o.missions.PublicKey()
	if err != nil {
		return err
	}
	for _, s := range roles.Shares() {
		subject, kind, answers := jwt.Subject(s.Subject), jwt.Service, jwt.ResponseType(jwt.ResponseTypeSingleton)
		if s.Many {
			answers = jwt.ResponseTypeStream
		}
		if s.Events {
			kind, answers = jwt.Stream, ""
		}
		switch a {
		case roles.Missions:
			c.Exports.Add(&jwt.Export{Name: s.Subject, Subject: subject, Type: kind, ResponseType: answers})
		case roles.Clients:
			imported := &jwt.Import{Name: s.Subject, Account: missions, Subject: subject, Type: kind}
			c.Imports.Add(imported)
		case roles.SystemAccount:
			return nil
		}
	}
	if a == roles.Missions {
		c.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit,
			Streams: jwt.NoLimit, Consumer: jwt.NoLimit, MemoryMaxStreamBytes: jwt.NoLimit, DiskMaxStreamBytes: jwt.NoLimit}
	}
	return nil
}

// Config returns the part of nats-server's configuration that defines this operator and
// its accounts.
func (o *Operator) Config() ([]byte, error) {
	public, err := o.key.PublicKey()
	if err != nil {
		return nil, err
	}
	operator := jwt.NewOperatorClaims(public)
	operator.Name = "missioncontrol"
	if operator.SystemAccount, err = o.system.PublicKey(); err != nil {
		return nil, err
	}
	signed, err := operator.Encode(o.key)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Mission Control's accounts, as JWTs. Users are not listed: the broker accepts all\n"+
		"# credentials that the key of a role has signed.\noperator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload {\n",
		signed, operator.SystemAccount)
	for _, a := range []roles.Account{roles.SystemAccount, roles.Missions, roles.Clients} {
		claims, err := o.claims(a)
		if err != nil {
			return nil, err
		}
		signed, err := claims.Encode(o.key)
		if err != nil {
			return nil, fmt.Errorf("the account %s: %w", claims.Name, err)
		}
		fmt.Fprintf(&out, "  # %s\n  %s: %s\n", claims.Name, claims.Subject, signed)
	}
	out.WriteString("}\n")
	return out.Bytes(), nil
}

// NewCreds creates a user whose JWT is signed with a role's signing key. account is the
// public key of the account that the role belongs to.
func NewCreds(role roles.Role, name, account string, signer nkeys.KeyPair) (Secret, error) {
	if err := roles.CheckName(name); err != nil {
		return Secret{}, err
	}
	if role == roles.Agent && name == inboxName {
		return Secret{}, fmt.Errorf("with JWTs, an agent cannot be called %s; choose another name", inboxName)
	}
	pair, err := nkeys.CreateUser()
	if err != nil {
		return Secret{}, err
	}
	public, errPublic := pair.PublicKey()
	seed, errSeed := pair.Seed()
	if err := errors.Join(errPublic, errSeed); err != nil {
		return Secret{}, err
	}
	claims := jwt.NewUserClaims(public)
	claims.Name, claims.IssuerAccount = name, account
	claims.Tags.Add(string(role))
	claims.SetScoped(true) // the signing key's template has the permissions
	token, err := claims.Encode(signer)
	if err != nil {
		return Secret{}, err
	}
	text, err := jwt.FormatUserConfig(token, seed)
	return Secret{strings.TrimSpace(string(text)) + "\n", "creds"}, err
}
