package eventstream

import (
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Defaults for [Config].
const (
	DefaultURL             = "nats://127.0.0.1:4222"
	DefaultMaxAge          = 7 * 24 * time.Hour
	DefaultDuplicateWindow = 2 * time.Minute
	DefaultEmitBuffer      = 8192
	DefaultMaxInFlight     = 1024
	DefaultAckTimeout      = 5 * time.Second
	DefaultDialTimeout     = 2 * time.Second
	DefaultProbeInterval   = 10 * time.Second
	DefaultProbeWait       = 250 * time.Millisecond
	DefaultProbeMaxWait    = 5 * time.Second
	DefaultReconnectWait   = 100 * time.Millisecond
	DefaultReconnectMax    = 2 * time.Second
	DefaultPingInterval    = 2 * time.Second
	DefaultReplicasWait    = 15 * time.Second
)

// Config selects the broker and sets how to use it. Every field has a default; see
// [Config.WithDefaults].
type Config struct {
	// URL is the broker's address, or several separated by commas. Default
	// nats://127.0.0.1:4222.
	URL string
	// Options are connection options, such as credentials and TLS. This package
	// always sets the name, reconnection and handlers itself.
	Options []nats.Option
	// StreamName is the stream that holds the events. Default EVENTS.
	StreamName string
	// Replicas is the number of replicas, 1 to 5, for streams that are created.
	// More than 1 needs a cluster. Default 0: three on a cluster that can place
	// three, otherwise one. See the package documentation.
	Replicas int
	// ReplicasWait is how long a cluster must lack the nodes for three replicas
	// before a stream is created with one; see Replicas. Default 15 s.
	ReplicasWait time.Duration
	// MaxAge is how long a created stream keeps an event. Default 7 days.
	MaxAge time.Duration
	// DuplicateWindow is how long a created stream recognises an event's ID.
	// Default 2 minutes, at least 100 ms, at most MaxAge.
	DuplicateWindow time.Duration
	// EmitBuffer is how many telemetry events are queued before new ones are
	// dropped, 1 to 1,000,000. Default 8192.
	EmitBuffer int
	// MaxInFlight is the maximum number of unacknowledged durable events, 1 to
	// 16,384. Default 1024. With 1, each event is sent only after the previous one
	// is stored.
	MaxInFlight int
	// AckTimeout is how long to wait for an acknowledgement. Default 5 s, at least
	// 10 ms.
	AckTimeout time.Duration
	// DialTimeout limits one connection attempt, and one probe. Default 2 s.
	DialTimeout time.Duration
	// ProbeInterval is how often a connected stream is checked. Default 10 s.
	ProbeInterval time.Duration
	// ProbeWait and ProbeMaxWait are the first and the longest wait between probes
	// of a stream that is degraded while its broker responds. A new connection is
	// probed at once. Defaults 250 ms and 5 s.
	ProbeWait, ProbeMaxWait time.Duration
	// ReconnectWait and ReconnectMax are the first and the longest wait between
	// connection attempts, with jitter. Defaults 100 ms and 2 s.
	ReconnectWait, ReconnectMax time.Duration
	// PingInterval is how often an idle connection is pinged. After two unanswered
	// pings the connection is closed. Default 2 s.
	PingInterval time.Duration
	// ConsumeOnly is for clients that may read events but not write them. A missing
	// stream is not created and nothing can be published: telemetry is dropped, and
	// durable publishes fail with [ErrConfig]. The stream is connected while it can
	// be looked up.
	ConsumeOnly bool
	// Logger receives one line when the stream becomes degraded, one when it
	// recovers, and what an operator should know. Default: discard.
	Logger *slog.Logger
}

// WithDefaults returns a copy of c with defaults in unset fields.
func (c Config) WithDefaults() Config {
	orString := func(p *string, def string) {
		if *p == "" {
			*p = def
		}
	}
	orInt := func(p *int, def int) {
		if *p == 0 {
			*p = def
		}
	}
	orDuration := func(p *time.Duration, def time.Duration) {
		if *p == 0 {
			*p = def
		}
	}
	orString(&c.URL, DefaultURL)
	orString(&c.StreamName, DefaultStreamName)
	orInt(&c.EmitBuffer, DefaultEmitBuffer)
	orInt(&c.MaxInFlight, DefaultMaxInFlight)
	orDuration(&c.MaxAge, DefaultMaxAge)
	orDuration(&c.DuplicateWindow, DefaultDuplicateWindow)
	orDuration(&c.AckTimeout, DefaultAckTimeout)
	orDuration(&c.DialTimeout, DefaultDialTimeout)
	orDuration(&c.ProbeInterval, DefaultProbeInterval)
	orDuration(&c.ProbeWait, DefaultProbeWait)
	orDuration(&c.ProbeMaxWait, DefaultProbeMaxWait)
	orDuration(&c.ReconnectWait, DefaultReconnectWait)
	orDuration(&c.ReconnectMax, DefaultReconnectMax)
	orDuration(&c.PingInterval, DefaultPingInterval)
	orDuration(&c.ReplicasWait, DefaultReplicasWait)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Validate returns an [ErrConfig] that names the first field out of range.
func (c Config) Validate() error {
	if err := validateURL(c.URL); err != nil {
		return err
	}
	if !validName(c.StreamName) {
		return badConfig("StreamName %q is not 1 to %d of A-Z a-z 0-9 _ -", c.StreamName, maxNameLen)
	}
	for _, f := range []struct {
		name        string
		val, lo, hi int
	}{
		{"Replicas", c.Replicas, 0, 5},
		{"EmitBuffer", c.EmitBuffer, 1, 1_000_000},
		{"MaxInFlight", c.MaxInFlight, 1, 16_384},
	} {
		if f.val < f.lo || f.val > f.hi {
			return badConfig("%s %d is not between %d and %d", f.name, f.val, f.lo, f.hi)
		}
	}
	for _, f := range []struct {
		name        string
		val, lo, hi time.Duration
	}{
		{"MaxAge", c.MaxAge, time.Second, 100 * 365 * 24 * time.Hour},
		{"DuplicateWindow", c.DuplicateWindow, 100 * time.Millisecond, c.MaxAge},
		{"AckTimeout", c.AckTimeout, 10 * time.Millisecond, time.Hour},
		{"DialTimeout", c.DialTimeout, 10 * time.Millisecond, time.Minute},
		{"ProbeInterval", c.ProbeInterval, 10 * time.Millisecond, time.Hour},
		{"ProbeWait", c.ProbeWait, time.Millisecond, c.ProbeMaxWait},
		{"ProbeMaxWait", c.ProbeMaxWait, time.Millisecond, time.Hour},
		{"ReconnectWait", c.ReconnectWait, time.Millisecond, c.ReconnectMax},
		{"ReconnectMax", c.ReconnectMax, time.Millisecond, time.Hour},
		{"PingInterval", c.PingInterval, 10 * time.Millisecond, time.Hour},
		{"ReplicasWait", c.ReplicasWait, time.Millisecond, time.Hour},
	} {
		if f.val < f.lo || f.val > f.hi {
			return badConfig("%s %v is not between %v and %v", f.name, f.val, f.lo, f.hi)
		}
	}
	return nil
}

// splitURL splits a list as the client library does: comma-separated addresses,
// with or without scheme and port.
func splitURL(list string) ([]*url.URL, error) {
	var out []*url.URL
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}
		u, err := url.Parse(one)
		if err != nil {
			// The parser's error contains the URL, including any password.
			return nil, badConfig("URL cannot be parsed; write it like %s", DefaultURL)
		}
		out = append(out, u)
	}
	return out, nil
}

func validateURL(list string) error {
	urls, err := splitURL(list)
	if err != nil {
		return err
	}
	for _, u := range urls {
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return badConfig("URL %s has scheme %q; use nats, tls, ws or wss", RedactURL(u.String()), u.Scheme)
		}
		if u.Hostname() == "" {
			return badConfig("URL %s names no host", RedactURL(u.String()))
		}
		if p := u.Port(); p != "" {
			if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
				return badConfig("URL %s has port %q, which is not between 1 and 65535", RedactURL(u.String()), p)
			}
		}
	}
	return nil
}

// canonicalURL returns a valid URL list with a scheme in every address.
func canonicalURL(list string) string {
	urls, err := splitURL(list)
	if err != nil {
		return ""
	}
	addresses := make([]string, len(urls))
	for i, u := range urls {
		addresses[i] = u.String()
	}
	return strings.Join(addresses, ",")
}

// maxNameLen limits the names of streams and durable consumers.
const maxNameLen = 64

// validName reports whether s is 1 to 64 of A-Z a-z 0-9 _ -, so that it can be a
// subject token, a file name and a key.
func validName(s string) bool {
	if len(s) == 0 || len(s) > maxNameLen {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
