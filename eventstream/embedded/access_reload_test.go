package embedded_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/eventstream/embedded"
)

// Users that are new get in, those that are gone are disconnected and stay out, and those
// that stay notice nothing: neither their connection, nor what guests are shared, nor
// JetStream.
func TestUsersAreReplacedWhileTheBrokerRuns(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	access := guestsReadS(t)
	access.Users = append(access.Users, embedded.User{Name: "gone", PasswordHash: hash(t, "x"), Permissions: everything})
	s := start(t, embedded.Config{StoreDir: t.TempDir(), Access: access})
	mary := signIn(t, s.ClientURL(), "mary", "m")
	_, err := mary.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}, AllowDirect: true})
	must(t, err)
	guest := signIn(t, s.ClientURL(), "guest", "g")
	live, err := guest.Conn().SubscribeSync("s.>")
	must(t, err)
	must(t, guest.Conn().Flush())
	system, err := s.SystemConn()
	must(t, err)
	t.Cleanup(system.Close)
	left := make(chan struct{})
	_, err = nats.Connect(s.ClientURL(), nats.UserInfo("gone", "x"), nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(left) }))
	must(t, err)

	for round := range 3 {
		next := *access
		next.Users = slices.Clone(access.Users[:1])
		next.Users = append(next.Users, embedded.User{Name: "new", PasswordHash: hash(t, "n"), Permissions: everything})
		must(t, s.SetAccess(&next))
		<-left
		if nc, err := nats.Connect(s.ClientURL(), nats.UserInfo("gone", "x")); !errors.Is(err, nats.ErrAuthorization) {
			nc.Close()
			t.Errorf("who is gone was answered with %v", err)
		}
		fresh := signIn(t, s.ClientURL(), "new", "n")
		_, err = fresh.Publish(ctx, "s.a", []byte("new"))
		must(t, err)
		if _, err := live.NextMsgWithContext(ctx); err != nil {
			t.Errorf("round %d: a guest gets no events: %v", round, err)
		}
		stream, err := guest.Stream(ctx, "S")
		must(t, err)
		if _, err := stream.GetMsg(ctx, uint64(round+1)); err != nil {
			t.Errorf("round %d: a guest reads: %v", round, err)
		}
		if _, err := mary.Publish(ctx, "other", nil); err == nil {
			t.Error("published where there is no stream")
		}
		must(t, system.FlushWithContext(ctx))
		if _, err := own(t, s).AccountInfo(ctx); err != nil {
			t.Errorf("round %d: the process: %v", round, err)
		}
		for who, nc := range map[string]*nats.Conn{"mary": mary.Conn(), "guest": guest.Conn(), "the system": system} {
			if n := nc.Stats().Reconnects; n != 0 {
				t.Errorf("round %d: %s reconnected %d times", round, who, n)
			}
		}
	}
}

// A broker without users cannot get any while it runs: who is connected has no name.
func TestABrokerWithoutUsersGetsNone(t *testing.T) {
	t.Parallel()
	s := start(t, embedded.Config{StoreDir: t.TempDir()})
	if err := s.SetAccess(guestsReadS(t)); !errors.Is(err, embedded.ErrNoAccess) {
		t.Errorf("error is %v", err)
	}
}
