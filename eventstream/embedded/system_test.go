package embedded_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"missioncontrol/eventstream/embedded"
)

// The system account sees clients connect and disconnect, including those without
// credentials.
func TestTheSystemAccountSeesConnections(t *testing.T) {
	s := start(t, embedded.Config{StoreDir: t.TempDir()})
	system, err := s.SystemConn()
	if err != nil {
		t.Fatal(err)
	}
	defer system.Close()
	sub, err := system.SubscribeSync("$SYS.ACCOUNT.$G.*")
	if err != nil {
		t.Fatal(err)
	}
	if err := system.Flush(); err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(s.ClientURL(), nats.Name("agent:a"))
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	for _, want := range []string{"$SYS.ACCOUNT.$G.CONNECT", "$SYS.ACCOUNT.$G.DISCONNECT"} {
		for {
			msg, err := sub.NextMsg(10 * time.Second)
			if err != nil {
				t.Fatalf("waiting for %s: %v", want, err)
			}
			var advisory struct {
				Client struct {
					Name string `json:"name"`
				} `json:"client"`
			}
			if err := json.Unmarshal(msg.Data, &advisory); err != nil {
				t.Fatal(err)
			}
			if msg.Subject == want && advisory.Client.Name == "agent:a" {
				break
			}
		}
	}
}

// No outside client can sign in to the system account: not without credentials, and
// not with a key other than the process's own.
func TestTheSystemAccountIsOurs(t *testing.T) {
	s := start(t, embedded.Config{StoreDir: t.TempDir()})
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Request("$SYS.REQ.SERVER.PING.VARZ", nil, time.Second); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("a request of everybody's to the system account ended with %v", err)
	}
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nats.Connect(s.ClientURL(), nats.Nkey(public, key.Sign)); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a foreign key was answered with %v", err)
	}
	if _, err := nats.Connect(s.ClientURL(), nats.UserInfo("sys", "sys")); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a foreign user was answered with %v", err)
	}
}
