package eventstream

import (
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// The defaults of [Config].
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

// Config says which broker to use and how. Every field has a default, which
// [Config.WithDefaults] fills in.
type Config struct {
	// URL is the broker, or several separated by commas. Default
	// nats://127.0.0.1:4222.
	URL string
	// Options are options of the connection, such as credentials and TLS. Name,
	// reconnection and handlers are set by this package, whatever they say.
	Options []nats.Option
	// StreamName is the stream that holds the events. Default EVENTS.
	StreamName string
	// Replicas is the number of copies of a stream that is created, 1 to 5; more
	// than 1 needs a cluster. Default 0: three on a cluster that can hold three,
	// else one. See the package documentation.
	Replicas int
	// ReplicasWait is how long a cluster must have refused three copies for want
	// of nodes before a stream is created with one; see Replicas. Default 15 s.
	ReplicasWait time.Duration
	// MaxAge is how long a created stream keeps an event. Default 7 days.
	MaxAge time.Duration
	// DuplicateWindow is how long a created stream recognises the id of an
	// event. Default 2 minutes, at least 100 ms, at most MaxAge.
	DuplicateWindow time.Duration
	// EmitBuffer is how many telemetry events wait to be sent before further
	// ones are dropped, 1 to 1,000,000. Default 8192.
	EmitBuffer int
	// MaxInFlight is how many durable events may await their acknowledgement, 1
	// to 16,384. Default 1024. With 1, a durable event is sent only after the one
	// before it is stored.
	MaxInFlight int
	// AckTimeout is how long an acknowledgement is awaited. Default 5 s, at
	// least 10 ms.
	AckTimeout time.Duration
	// DialTimeout bounds one attempt to connect, and one probe. Default 2 s.
	DialTimeout time.Duration
	// ProbeInterval is how often a connected stream is checked. Default 10 s.
	ProbeInterval time.Duration
	// ProbeWait and ProbeMaxWait are the first and the longest wait between
	// probes of a stream that is degraded while its broker answers; a new
	// connection is probed at once. Defaults 250 ms and 5 s.
	ProbeWait, ProbeMaxWait time.Duration
	// ReconnectWait and ReconnectMax are the first and the longest wait between
	// attempts to connect; each is jittered. Defaults 100 ms and 2 s.
	ReconnectWait, ReconnectMax time.Duration
	// PingInterval is how often a silent broker is pinged; it is given up when
	// two pings stay unanswered. Default 2 s.
	PingInterval time.Duration
	// ConsumeOnly is for those who may read events and not write them: the stream
	// is not created when it is missing, and nothing can be published. Telemetry is
	// dropped, and durable events are refused with an [ErrConfig]. It is
	// connected while the stream can be looked up.
	ConsumeOnly bool
	// Logger takes one line when the stream becomes degraded, one when that
	// ends, and what an operator should know. Default: discard.
	Logger *slog.Logger
}

// WithDefaults returns a copy of c in which unset fields have their defaults.
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

// Validate reports the first field that is out of range, by name; the error is
// an [ErrConfig].
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

// splitURL takes a list apart as the client library does: comma-separated
// addresses, with or without scheme and port.
func splitURL(list string) ([]*url.URL, error) {
	var out []*url.URL
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}
		u, err := url.Parse(one)
		if err != nil {
			// The parser's error repeats the URL, and with it any password.
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
			return badConfig("URL %s has scheme %q; use nats, tls, ws or wss", redact(u), u.Scheme)
		}
		if u.Hostname() == "" {
			return badConfig("URL %s names no host", redact(u))
		}
		if p := u.Port(); p != "" {
			if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
				return badConfig("URL %s has port %q, which is not between 1 and 65535", redact(u), p)
			}
		}
	}
	return nil
}

// redact is a URL as it may be shown: without passwords and tokens.
func redact(u *url.URL) string {
	c := *u
	if c.User != nil {
		if _, hasPassword := c.User.Password(); !hasPassword {
			c.User = url.User("xxxxx") // a lone user name is a token
		}
	}
	return c.Redacted()
}

// redactList is a valid URL list as it may be shown.
func redactList(list string) string {
	urls, err := splitURL(list)
	if err != nil {
		return ""
	}
	shown := make([]string, len(urls))
	for i, u := range urls {
		shown[i] = redact(u)
	}
	return strings.Join(shown, ",")
}

// maxNameLen bounds the names of streams and durable consumers.
const maxNameLen = 64

// validName reports whether s is 1 to 64 of A-Z a-z 0-9 _ -, so that it can be
// a token of a subject, a file name and a key.
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
