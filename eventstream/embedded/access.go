package embedded

import (
	"fmt"
	"slices"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// guestAccount is the account of guests.
const guestAccount = "CLIENTS"

// Access says who may sign in to the broker, and what they may do there. Whoever is
// not named is not let in.
//
// Users are in the account that the streams are in. Guests are in an account of
// their own and reach the other one through [Share] alone. The difference matters
// for whoever may ask JetStream anything: JetStream sends what it has to say wherever
// the asker wishes, permissions or not, and some of that is a command where it
// arrives (an empty message deletes a stream). A guest's wishes end at the border
// of the guests' account.
type Access struct {
	Users  []User
	Guests []User
	Shares []Share

	// Own is what this process itself may do, over connections with the options of
	// [Server.SignIn]; nil for everything. Somebody who asks the process for something
	// chooses where its reply goes, and it should not have to go everywhere.
	Own *Permissions
}

// Permissions are the subjects, wildcards included, on which somebody may publish and
// listen; none means nothing.
type Permissions struct{ Publish, Subscribe []string }

// User is somebody who may sign in: by name and password, or with an nkey.
type User struct {
	Name         string // with PasswordHash
	PasswordHash string // bcrypt
	NKey         string // the public key, in place of a name and a password

	Permissions
}

// Share is what guests reach of the other account, if their permissions let them.
type Share struct {
	Subject string
	// Events says that guests may listen there. Otherwise they may send requests.
	Events bool
	// Many says that a request may have several answers.
	Many bool
}

// addTo makes the users of the options. Those without an account of their own are in
// the global one.
func (a *Access) addTo(opts *server.Options) {
	guests := server.NewAccount(guestAccount)
	opts.Accounts = append(opts.Accounts, guests)
	for _, u := range a.Users {
		u.addTo(opts, nil)
	}
	for _, u := range a.Guests {
		u.addTo(opts, guests)
	}
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

// broker are the permissions as nats-server takes them.
func (p *Permissions) broker() *server.Permissions {
	return &server.Permissions{Publish: allow(p.Publish), Subscribe: allow(p.Subscribe)}
}

// allow allows subjects. To nats-server an empty list means everything.
func allow(subjects []string) *server.SubjectPermission {
	if len(subjects) == 0 {
		return &server.SubjectPermission{Deny: []string{">"}}
	}
	return &server.SubjectPermission{Allow: subjects}
}

// share opens the border between the accounts, before the broker starts.
func (a *Access) openShares(broker *server.Server) error {
	guests, err := broker.LookupAccount(guestAccount)
	if err != nil {
		return fmt.Errorf("the guests' account is not there: %w", err)
	}
	main, shares := broker.GlobalAccount(), a.Shares
	// Without this one nats-server would have the guests' account answer requests to
	// JetStream itself: that it has none.
	info := Share{Subject: server.JSApiAccountInfo}
	if !slices.Contains(shares, info) {
		shares = append(slices.Clip(shares), info)
	}
	for _, s := range shares {
		if err := s.open(main, guests); err != nil {
			return fmt.Errorf("%s cannot be shared with guests: %w", s.Subject, err)
		}
	}
	return nil
}

func (s *Share) open(main, guests *server.Account) error {
	to := []*server.Account{guests}
	if s.Events {
		if err := main.AddStreamExport(s.Subject, to); err != nil {
			return err
		}
		return guests.AddStreamImport(main, s.Subject, "")
	}
	answers := server.Singleton
	if s.Many {
		answers = server.Streamed
	}
	if err := main.AddServiceExportWithResponse(s.Subject, answers, to); err != nil {
		return err
	}
	return guests.AddServiceImport(main, s.Subject, s.Subject)
}

// ownUser is this process' own user, in the account that the streams are in. Like
// the system's it dies with the process, and nobody else knows its key.
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

// SignIn returns the options by which this process connects to [Server.ClientURL]:
// a key of its own, which may do what [Access].Own says, where not everybody is let in,
// and neither the network nor TLS where clients need TLS.
func (s *Server) SignIn() (options []nats.Option) {
	if s.own != nil {
		options = append(options, nats.Nkey(s.own.public, s.own.key.Sign))
	}
	if s.tls {
		options = append(options, nats.InProcessServer(s.broker))
	}
	return options
}
