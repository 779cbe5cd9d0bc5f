package embedded

import (
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// systemAccount is the name that nats-server gives its system account.
const systemAccount = "$SYS"

// systemUser is the one user of the broker's system account. Its key is made when
// the broker starts, is known to this process alone, and dies with it, so that
// nobody else can sign in there.
type systemUser struct {
	key    nkeys.KeyPair
	public string

	// anybody is the public half of a key that nobody has to show: it stands for
	// those without credentials, on a broker that lets them in.
	anybody string
}

func newSystemUser() (*systemUser, error) {
	key, public, err := newKey()
	if err != nil {
		return nil, err
	}
	_, anybody, err := newKey()
	return &systemUser{key: key, public: public, anybody: anybody}, err
}

func newKey() (key nkeys.KeyPair, public string, err error) {
	if key, err = nkeys.CreateUser(); err == nil {
		public, err = key.PublicKey()
	}
	return key, public, err
}

// addTo lets the user into the system account. A broker that has no users of its own
// goes on letting in everybody who shows no credentials, into the global account.
func (u *systemUser) addTo(opts *server.Options) {
	open := len(opts.Users) == 0 && len(opts.Nkeys) == 0 && opts.Username == "" && opts.Authorization == ""
	account := server.NewAccount(systemAccount)
	opts.Accounts = append(opts.Accounts, account)
	opts.SystemAccount = systemAccount
	opts.Nkeys = append(opts.Nkeys, &server.NkeyUser{Nkey: u.public, Account: account})
	if open {
		opts.Nkeys = append(opts.Nkeys, &server.NkeyUser{Nkey: u.anybody})
		opts.NoAuthUser = u.anybody
		return
	}
	// With the system account and no other, nats-server would let in everybody who
	// shows no credentials. An empty account says that these users are all.
	opts.Accounts = append(opts.Accounts, server.NewAccount("none"))
}

// SystemConn opens a connection to the broker's system account, within the process,
// for what the broker tells of connections. It is the caller's to close.
func (s *Server) SystemConn(options ...nats.Option) (*nats.Conn, error) {
	options = append(options, nats.InProcessServer(s.broker), nats.Nkey(s.system.public, s.system.key.Sign))
	nc, err := nats.Connect("", options...)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: the system account does not let us in: %w", err)
	}
	return nc, nil
}
