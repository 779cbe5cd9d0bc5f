package eventstream_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream"
)

func TestOpenRefusesBadConfiguration(t *testing.T) {
	t.Parallel()
	garbage := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(garbage, []byte("no credentials"), 0o600); err != nil {
		t.Fatal(err)
	}
	failing := func(*nats.Options) error { return errors.New("option says no") }
	for _, c := range []struct {
		names string // what the error must name
		cfg   eventstream.Config
	}{
		{"scheme", eventstream.Config{URL: "ftp://127.0.0.1:4222"}},
		{"HTTP address", eventstream.Config{URL: "http://127.0.0.1:4222"}},
		{"host", eventstream.Config{URL: "nats://:4222"}},
		{"port", eventstream.Config{URL: "nats://127.0.0.1:66000"}},
		{"cannot be parsed", eventstream.Config{URL: "nats://u:p@[::1"}},
		{"host", eventstream.Config{URL: "nats://127.0.0.1:4222,,"}},
		{"StreamName", eventstream.Config{StreamName: "a.b"}},
		{"Replicas", eventstream.Config{Replicas: 6}},
		{"MaxAge", eventstream.Config{MaxAge: time.Millisecond}},
		{"DuplicateWindow", eventstream.Config{MaxAge: time.Minute, DuplicateWindow: time.Hour}},
		{"EmitBuffer", eventstream.Config{EmitBuffer: -1}},
		{"MaxInFlight", eventstream.Config{MaxInFlight: 20_000}},
		{"AckTimeout", eventstream.Config{Timing: eventstream.Timing{AckTimeout: time.Nanosecond}}},
		{"DialTimeout", eventstream.Config{Timing: eventstream.Timing{DialTimeout: time.Nanosecond}}},
		{"ProbeWait", eventstream.Config{Timing: eventstream.Timing{ProbeWait: time.Hour}}},
		{"ReconnectWait", eventstream.Config{Timing: eventstream.Timing{ReconnectWait: time.Minute}}},
		{"PingInterval", eventstream.Config{Timing: eventstream.Timing{PingInterval: -1}}},
		{"option says no", eventstream.Config{Options: []nats.Option{failing}}},
		{"no such file", eventstream.Config{Options: []nats.Option{nats.UserCredentials("/nonexistent.creds")}}},
		{"Options", eventstream.Config{Options: []nats.Option{nats.UserCredentials(garbage)}}},
		{"Options", eventstream.Config{Options: []nats.Option{nats.RootCAs("/nonexistent.pem")}}},
		{"Options", eventstream.Config{Options: []nats.Option{nats.ClientCert("/nonexistent.pem", "/nonexistent.key")}}},
	} {
		s, err := eventstream.Open(c.cfg)
		if s != nil || !errors.Is(err, eventstream.ErrConfig) || !strings.Contains(err.Error(), c.names) {
			t.Errorf("%s: error = %v, want an ErrConfig that names it", c.names, err)
		}
	}
}

func TestPasswordsAreNotShown(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"nats://ann:secret@127.0.0.1:1":          "nats://***@127.0.0.1:1",
		"ann:secret@127.0.0.1:1":                 "nats://***@127.0.0.1:1",
		"nats://secret@127.0.0.1:1":              "nats://***@127.0.0.1:1",
		"127.0.0.1:1, nats://a:secret@127.0.0.1": "nats://127.0.0.1:1,nats://***@127.0.0.1",
	} {
		s, err := eventstream.Open(eventstream.Config{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Status().BrokerURL; got != want {
			t.Errorf("BrokerURL = %q, want %q", got, want)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for _, url := range []string{
		"http://ann:secret@h", "nats://ann:secret@[::1", "nats://secret#x@h", "nats://secret/x@h", "nats://secret?x@h",
		"nats://ann:1#secret@h", "nats://ann:1/secret@h", "nats://ann:1?secret@h", "127.0.0.1:1,secret#x@h",
	} {
		_, err := eventstream.Open(eventstream.Config{URL: url})
		if !errors.Is(err, eventstream.ErrConfig) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error = %v, want an ErrConfig without the password", url, err)
		}
	}
}
