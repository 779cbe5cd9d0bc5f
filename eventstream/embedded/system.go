package embedded

import (
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// systemAccount is nats-server's name for its system account.
const systemAccount = "$SYS"

// systemUser is the only user of the broker's system account. Its key is created
// when the broker starts and exists only in this process, so no other client can
// sign in there.
type systemUser struct {
	key    nkeys.KeyPair
	public string

	// anybody is the public half of a key that no client has to present: it
	// represents clients without credentials, on a broker that admits them.
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

// addTo adds the user to the system account. A broker without users of its own
// still admits every client without credentials, into the global account.
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
	// With only the system account, nats-server would admit every client without
	// credentials. An empty account tells it that these are all the users.
	opts.Accounts = append(opts.Accounts, server.NewAccount("none"))
}

// SystemConn opens a connection to the broker's system account, inside the process,
// for connection events. The caller closes it.
func (s *Server) SystemConn(options ...nats.Option) (*nats.Conn, error) {
	options = append(options, nats.InProcessServer(s.broker), nats.Nkey(s.system.public, s.system.key.Sign))
	nc, err := nats.Connect("", options...)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: cannot sign in to the system account: %w", err)
	}
	return nc, nil
}
