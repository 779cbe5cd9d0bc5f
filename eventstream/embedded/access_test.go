package embedded_test

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/crypto/bcrypt"

	"missioncontrol/eventstream/embedded"
	"missioncontrol/test/fatal"
	"missioncontrol/test/tlstest"
)

var must = fatal.If

func hash(t *testing.T, password string) string {
	t.Helper()
	text, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	must(t, err)
	return string(text)
}

var everything = embedded.Permissions{Publish: []string{">"}, Subscribe: []string{">"}}

// guestsReadS starts a broker where guests may read the stream S and nothing else,
// and mary may do everything.
func guestsReadS(t *testing.T) *embedded.Access {
	t.Helper()
	reading := []string{"$JS.API.STREAM.INFO.S", "$JS.API.DIRECT.GET.S", "$JS.API.CONSUMER.CREATE.S.>", "$JS.API.CONSUMER.MSG.NEXT.S.*"}
	access := &embedded.Access{
		Users:  []embedded.User{{Name: "mary", PasswordHash: hash(t, "m"), Permissions: everything}},
		Guests: []embedded.User{{Name: "guest", PasswordHash: hash(t, "g"), Permissions: embedded.Permissions{Publish: reading, Subscribe: []string{"_INBOX.>", "s.>"}}}},
		Shares: []embedded.Share{{Subject: "s.>", Events: true}},
	}
	for _, subject := range reading {
		access.Shares = append(access.Shares, embedded.Share{Subject: subject, Many: !strings.Contains(subject, "CREATE")})
	}
	return access
}

func signIn(t *testing.T, url, name, password string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url, nats.UserInfo(name, password))
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	return js
}

// Only named users can sign in, and they find what was stored while access was
// open.
func TestOnlyNamedUsersGetIn(t *testing.T) {
	t.Parallel()
	dir, ctx := t.TempDir(), testContext(t)
	open := start(t, embedded.Config{StoreDir: dir})
	js := connect(t, open.ClientURL())
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}, AllowDirect: true})
	must(t, err)
	_, err = js.Publish(ctx, "s.a", []byte("old"))
	must(t, err)
	stop(t, open)

	s := start(t, embedded.Config{StoreDir: dir, Access: guestsReadS(t)})
	for _, options := range [][]nats.Option{nil, {nats.UserInfo("mary", "x")}, {nats.UserInfo("nobody", "m")}, {nats.Token("m")}} {
		if nc, err := nats.Connect(s.ClientURL(), options...); !errors.Is(err, nats.ErrAuthorization) {
			nc.Close()
			t.Errorf("somebody unknown was answered with %v", err)
		}
	}
	for who, js := range map[string]jetstream.JetStream{
		"mary": signIn(t, s.ClientURL(), "mary", "m"), "a guest": signIn(t, s.ClientURL(), "guest", "g"), "the process": own(t, s)} {
		stream, err := js.Stream(ctx, "S")
		must(t, err)
		msg, err := stream.GetMsg(ctx, 1)
		if err != nil || string(msg.Data) != "old" {
			t.Errorf("%s does not get what was stored before: %v", who, err)
		}
		consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
		must(t, err)
		next, err := consumer.Next()
		if err != nil || string(next.Data()) != "old" {
			t.Errorf("%s cannot consume: %v", who, err)
		}
	}
}

// own connects as the process itself.
func own(t *testing.T, s *embedded.Server) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(s.ClientURL(), s.SignIn()...)
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	return js
}

// JetStream replies to any subject a request names. If a guest names a JetStream
// command, an empty status message acts as a request; it must not reach JetStream.
// This is what the guests' account is for.
func TestAGuestCannotMakeJetStreamItsMessenger(t *testing.T) {
	t.Parallel()
	s, ctx := start(t, embedded.Config{StoreDir: t.TempDir(), Access: guestsReadS(t)}), testContext(t)
	mary, guest := signIn(t, s.ClientURL(), "mary", "m"), signIn(t, s.ClientURL(), "guest", "g")
	_, err := mary.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}, AllowDirect: true})
	must(t, err)
	_, err = mary.CreateConsumer(ctx, "S", jetstream.ConsumerConfig{Durable: "c"})
	must(t, err)
	const command = "$JS.API.STREAM.DELETE.S"
	attack := func(nc *nats.Conn) {
		must(t, nc.PublishRequest("$JS.API.DIRECT.GET.S", command, []byte(`{"seq":99}`)))
		must(t, nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT.S.c", command, []byte(`{"batch":1,"no_wait":true}`)))
		must(t, nc.Flush())
		// Answered after everything sent before it on the same connection.
		_, _ = nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET.S", []byte(`{"seq":99}`))
	}
	attack(guest.Conn())
	if _, err := mary.Stream(ctx, "S"); err != nil {
		t.Fatalf("a guest has deleted the stream: %v", err)
	}
	// The attack is real: a client in the account that holds the streams succeeds
	// with it.
	attack(mary.Conn())
	for {
		_, err := mary.Stream(ctx, "S")
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return
		}
		if ctx.Err() != nil {
			t.Fatal("the attack proves nothing: it does not work for anybody")
		}
	}
}

func TestClientsHaveToSpeakTLS(t *testing.T) {
	t.Parallel()
	authority, ctx := tlstest.New(t), testContext(t)
	pair, client := authority.Server(), authority.Client()
	cert, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	must(t, err)

	one := start(t, embedded.Config{StoreDir: t.TempDir(), TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	mutual := start(t, embedded.Config{StoreDir: t.TempDir(), Access: guestsReadS(t),
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: authority.Pool(), ClientAuth: tls.RequireAndVerifyClientCert}})
	ca, shown, mary := nats.RootCAs(authority.File), nats.ClientCert(client.Cert, client.Key), nats.UserInfo("mary", "m")
	for name, c := range map[string]struct {
		url     string
		options []nats.Option
		in      bool
	}{
		"trusting":            {one.ClientURL(), []nats.Option{ca}, true},
		"not trusting":        {one.ClientURL(), nil, false},
		"mutual, all shown":   {mutual.ClientURL(), []nats.Option{ca, shown, mary}, true},
		"mutual, no password": {mutual.ClientURL(), []nats.Option{ca, shown}, false},
		"mutual, no cert":     {mutual.ClientURL(), []nats.Option{ca, mary}, false},
	} {
		nc, err := nats.Connect(c.url, c.options...)
		if (err == nil) != c.in {
			t.Errorf("%s: %v", name, err)
		}
		nc.Close()
	}
	for _, s := range []*embedded.Server{one, mutual} {
		if _, err := own(t, s).AccountInfo(ctx); err != nil {
			t.Errorf("the process itself does not get in: %v", err)
		}
		system, err := s.SystemConn()
		must(t, err)
		system.Close()
	}
}
