package embedded

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// A broker with users admits only those, although it also has the system user.
func TestABrokerWithUsersIsNotOpen(t *testing.T) {
	user, err := newSystemUser()
	if err != nil {
		t.Fatal(err)
	}
	opts := &server.Options{
		Host: defaultHost, Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, StoreDir: t.TempDir(),
		Users: []*server.User{{Username: "u", Password: "p"}},
	}
	user.addTo(opts)
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer func() { s.Shutdown(); s.WaitForShutdown() }()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the broker does not start")
	}
	if _, err := nats.Connect(s.ClientURL()); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("nobody was answered with %v", err)
	}
	nc, err := nats.Connect(s.ClientURL(), nats.UserInfo("u", "p"))
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
}
