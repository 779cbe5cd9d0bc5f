package embedded_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream/embedded"
	"missioncontrol/test/output"
	"missioncontrol/test/tlstest"
)

// handClock is a clock that moves only when set.
type handClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *handClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *handClock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// narrow returns a user that may publish to a and receive replies, and nothing
// else.
func narrow(t *testing.T, name string) embedded.User {
	t.Helper()
	return embedded.User{Name: name, PasswordHash: hash(t, name),
		Permissions: embedded.Permissions{Publish: []string{"a"}, Subscribe: []string{"_INBOX.>"}}}
}

func quiet(*nats.Conn, *nats.Subscription, error) {}

// connectAs signs in as a user whose password is its name.
func connectAs(t *testing.T, s *embedded.Server, name string, options ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(s.ClientURL(), append(options, nats.UserInfo(name, name), nats.ErrorHandler(quiet), nats.NoReconnect())...)
	must(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// Tens of thousands of refused publishes, by several users and on as many subjects,
// log one line, and the next minute another that says how many more there were.
func TestAFloodOfRefusalsIsALine(t *testing.T) {
	t.Parallel()
	var book output.Buffer
	clock := &handClock{at: time.Unix(1_000_000, 0)}
	s := start(t, embedded.Config{StoreDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&book, nil)), Now: clock.now,
		Access: &embedded.Access{Users: []embedded.User{narrow(t, "ann"), narrow(t, "bob")}}})
	book.Take()

	const publishes, subscriptions = 25_000, 1_000
	for _, name := range []string{"ann", "bob"} {
		nc := connectAs(t, s, name, nats.Name("critical write error %900000s"))
		for i := range publishes {
			must(t, nc.Publish(fmt.Sprintf("not.yours.%d", i), nil))
		}
		for i := range subscriptions {
			_, err := nc.SubscribeSync(fmt.Sprintf("not.yours.%%900000s.%d", i))
			must(t, err)
		}
		must(t, nc.FlushTimeout(time.Minute))
	}
	text := book.Take()
	if len(text) > 4<<10 || strings.Count(text, "\n") != 2 || strings.Contains(text, "level=ERROR") {
		t.Errorf("%d bytes were logged: %.2000s", len(text), text)
	}
	for _, part := range []string{"level=WARN", `kind=publish reason="Publish Violation - Subject \"not.yours.0\""`, "kind=subscribe reason=", "ann"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not logged: %s", part, text)
		}
	}
	want := map[string]uint64{"publish": 2 * publishes, "subscribe": 2 * subscriptions,
		"sign_in": 0, "handshake": 0, "protocol": 0, "jetstream": 0, "slow_consumer": 0}
	if got := s.Refused(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", got, want)
	}

	clock.forward(time.Minute)
	nc := connectAs(t, s, "ann")
	must(t, nc.Publish("not.yours", nil))
	must(t, nc.Publish("not.yours", nil))
	must(t, nc.Flush())
	if text := book.Take(); strings.Count(text, "\n") != 1 || !strings.Contains(text, fmt.Sprintf("more=%d", 2*publishes-1)) {
		t.Errorf("a minute later: %s", text)
	}
	stop(t, s)
	if text := book.Take(); !strings.Contains(text, "kind=publish more=1\n") || !strings.Contains(text, fmt.Sprintf("kind=subscribe more=%d\n", 2*subscriptions-1)) {
		t.Errorf("at the end: %s", text)
	}
}

// Refused sign-ins, handshakes and invalid data are counted by kind.
func TestRefusalsAreOfAFewKinds(t *testing.T) {
	t.Parallel()
	authority := tlstest.New(t)
	cert, err := tls.LoadX509KeyPair(authority.Server().Cert, authority.Server().Key)
	must(t, err)
	var book output.Buffer
	open := start(t, embedded.Config{StoreDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&book, nil)),
		Access: &embedded.Access{Users: []embedded.User{narrow(t, "ann")}}})
	encrypted := start(t, embedded.Config{StoreDir: t.TempDir(), Logger: slog.New(slog.NewTextHandler(&book, nil)), TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	book.Take()

	const n = 20
	for i := range n {
		if _, err := nats.Connect(open.ClientURL(), nats.UserInfo(fmt.Sprintf("nobody-%d", i), "x")); !errors.Is(err, nats.ErrAuthorization) {
			t.Fatalf("somebody unknown was answered with %v", err)
		}
		if _, err := nats.Connect(encrypted.ClientURL(), nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12})); err == nil {
			t.Fatal("a certificate was believed that nobody has vouched for")
		}
		sendRaw(t, open, "critical write error\r\n", "c critical write error\r\n")
	}
	stop(t, open)
	stop(t, encrypted) // their handshakes have then ended
	if got := open.Refused(); got["sign_in"] != n || got["protocol"] != 2*n {
		t.Errorf("counted %v", got)
	}
	if got := encrypted.Refused(); got["handshake"] != n {
		t.Errorf("counted %v with TLS", got)
	}
	// One line of each kind at first, and one that says how many more there were.
	if text := book.Take(); strings.Count(text, "\n") != 6 || strings.Contains(text, "level=ERROR") {
		t.Errorf("logged %s", text)
	}
}

// sendRaw sends each text over its own connection, and waits until that is closed.
func sendRaw(t *testing.T, s *embedded.Server, texts ...string) {
	t.Helper()
	for _, text := range texts {
		c, err := net.Dial("tcp", s.Addr())
		must(t, err)
		_, err = fmt.Fprint(c, text)
		must(t, err)
		for r := bufio.NewReader(c); err == nil; {
			_, err = r.ReadString('\n')
		}
		must(t, c.Close())
	}
}
