package embedded

import (
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// guestAccount is the account of guests.
const guestAccount = "CLIENTS"

// Access says who may sign in to the broker, and with which permissions. Clients
// that are not named are rejected.
//
// Users are in the account that holds the streams. Guests are in an account of
// their own and reach the other one only through [Share]. This matters for clients
// that may send requests to JetStream: JetStream sends its responses to any subject
// the requester names, regardless of permissions, and on some subjects a response
// acts as a command (an empty message deletes a stream). A guest's reply subject
// cannot leave the guests' account.
type Access struct {
	Users  []User
	Guests []User
	Shares []Share

	// Own is what this process itself may do, on connections with the options of
	// [Server.SignIn]; nil means everything. A client that sends a request to the
	// process chooses the reply subject, and that should not be able to reach every
	// subject.
	Own *Permissions
}

// Permissions are the subjects, with wildcards, on which a client may publish and
// subscribe. An empty list permits nothing.
type Permissions struct{ Publish, Subscribe []string }

// User may sign in, by name and password or with an nkey.
type User struct {
	Name         string // with PasswordHash
	PasswordHash string // bcrypt
	NKey         string // the public key, instead of a name and a password

	Permissions
}

// Share is a subject of the other account that guests can reach, if their
// permissions allow it.
type Share struct {
	Subject string
	// Events means that guests may subscribe. Otherwise they may send requests.
	Events bool
	// Many means that a request may have several responses.
	Many bool
}

// addTo adds the users to the options. Users without an account of their own are in
// the global one. It returns the guests' account.
func (a *Access) addTo(opts *server.Options) *server.Account {
	guests := server.NewAccount(guestAccount)
	opts.Accounts = append(opts.Accounts, guests)
	for _, u := range a.Users {
		u.addTo(opts, nil)
	}
	for _, u := range a.Guests {
		u.addTo(opts, guests)
	}
	return guests
}

func (u *User) addTo(opts *server.Options, account *server.Account) {
	permissions := u.broker()
	if u.NKey != "" {
		opts.Nkeys = append(opts.Nkeys, &server.NkeyUser{Nkey: u.NKey, Account: account, Permissions: permissions})
		return
	}
	opts.Users = append(opts.Users, &server.User{
		Username: u.Name, Password: u.PasswordHash, Account: account, Permissions: permissions})
}

// broker converts the permissions for nats-server.
func (p *Permissions) broker() *server.Permissions {
	return &server.Permissions{Publish: allow(p.Publish), Subscribe: allow(p.Subscribe)}
}

// allow permits subjects. For nats-server an empty list means everything.
func allow(subjects []string) *server.SubjectPermission {
	if len(subjects) == 0 {
		return &server.SubjectPermission{Deny: []string{">"}}
	}
	return &server.SubjectPermission{Allow: subjects}
}

// openShares opens the shares between the accounts, before the broker starts.
func (a *Access) openShares(main, guests *server.Account) error {
	for _, s := range a.shares() {
		if err := s.open(main, guests); err != nil {
			return fmt.Errorf("%s cannot be shared with guests: %w", s.Subject, err)
		}
	}
	return nil
}

// shares returns what is shared.
func (a *Access) shares() []Share {
	// Without this share nats-server would let the guests' account answer JetStream
	// requests itself, saying that it has no JetStream.
	info := Share{Subject: server.JSApiAccountInfo}
	if slices.Contains(a.Shares, info) {
		return a.Shares
	}
	return append(slices.Clip(a.Shares), info)
}

// ErrNoAccess is the error of [Server.SetAccess] on a broker that was started without
// users.
var ErrNoAccess = errors.New("the broker was started without users, and gets them at the next start only")

// SetAccess replaces the users while the broker runs. Connections of users that are no
// longer there, or that may do something else now, are closed. The shares stay those of the
// start. After an error, the old users stay. It may be called concurrently.
func (s *Server) SetAccess(access *Access) error {
	if s.own == nil || access == nil {
		return ErrNoAccess
	}
	s.reloading.Lock()
	defer s.reloading.Unlock()
	cfg := s.cfg
	cfg.Access = access
	opts, guests := s.options(cfg)
	// nats-server replaces what the account imports by what this one has. The exports of
	// the other account stay.
	shares := Access{Shares: s.cfg.Access.Shares}
	for _, share := range shares.shares() {
		if err := share.join(s.broker.GlobalAccount(), guests); err != nil {
			return fmt.Errorf("%s cannot be shared with guests: %w", share.Subject, err)
		}
	}
	if err := s.broker.ReloadOptions(opts); err != nil {
		return fmt.Errorf("the broker does not take the users: %w", err)
	}
	return nil
}

func (s *Share) open(main, guests *server.Account) error {
	to := []*server.Account{guests}
	if s.Events {
		if err := main.AddStreamExport(s.Subject, to); err != nil {
			return err
		}
		return s.join(main, guests)
	}
	answers := server.Singleton
	if s.Many {
		answers = server.Streamed
	}
	if err := main.AddServiceExportWithResponse(s.Subject, answers, to); err != nil {
		return err
	}
	return s.join(main, guests)
}

// join imports the share into the guests' account.
func (s *Share) join(main, guests *server.Account) error {
	if s.Events {
		return guests.AddStreamImport(main, s.Subject, "")
	}
	return guests.AddServiceImport(main, s.Subject, s.Subject)
}

// ownUser is this process's own user, in the account that holds the streams. Like
// the system user, it exists only as long as the process, and only the process
// knows its key.
type ownUser struct {
	key    nkeys.KeyPair
	public string
}

func newOwnUser() (*ownUser, error) {
	key, public, err := newKey()
	return &ownUser{key: key, public: public}, err
}

func (u *ownUser) addTo(opts *server.Options, own *Permissions) {
	user := &server.NkeyUser{Nkey: u.public}
	if own != nil {
		user.Permissions = own.broker()
	}
	opts.Nkeys = append(opts.Nkeys, user)
}

// SignIn returns the options with which this process connects to
// [Server.ClientURL]. If clients must sign in, it uses its own key, with the
// permissions of [Access].Own. If clients need TLS, it uses neither the network nor
// TLS.
func (s *Server) SignIn() (options []nats.Option) {
	if s.own != nil {
		options = append(options, nats.Nkey(s.own.public, s.own.key.Sign))
	}
	if s.tls {
		options = append(options, nats.InProcessServer(s.broker))
	}
	return options
}
