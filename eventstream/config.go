package eventstream

import (
	"cmp"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Defaults for [Config]. [Timing] has its own.
const (
	defaultURL             = "nats://127.0.0.1:4222"
	defaultMaxAge          = 7 * 24 * time.Hour
	DefaultDuplicateWindow = 30 * time.Second
	defaultEmitBuffer      = 8192
	defaultMaxInFlight     = 1024
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
	// MaxAge is how long a created stream keeps an event. Default 7 days.
	MaxAge time.Duration
	// DuplicateWindow is how long a created stream recognises an event's ID.
	// Default 30 s, at least 100 ms, at most MaxAge. See the package documentation.
	DuplicateWindow time.Duration
	// Uncompressed turns off the compression (S2) of streams that are created.
	Uncompressed bool
	// EmitBuffer is how many telemetry events are queued before new ones are
	// dropped, 1 to 1,000,000. Default 8192.
	EmitBuffer int
	// MaxInFlight is the maximum number of unacknowledged durable events, 1 to
	// 16,384. Default 1024. With 1, each event is sent only after the previous one
	// is stored.
	MaxInFlight int
	// Timing is how long it waits, and how often it looks.
	Timing
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
	c.URL = cmp.Or(c.URL, defaultURL)
	c.StreamName = cmp.Or(c.StreamName, DefaultStreamName)
	c.EmitBuffer = cmp.Or(c.EmitBuffer, defaultEmitBuffer)
	c.MaxInFlight = cmp.Or(c.MaxInFlight, defaultMaxInFlight)
	c.MaxAge = cmp.Or(c.MaxAge, defaultMaxAge)
	c.DuplicateWindow = cmp.Or(c.DuplicateWindow, DefaultDuplicateWindow)
	c.Timing = c.Timing.withDefaults()
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
	} {
		if f.val < f.lo || f.val > f.hi {
			return badConfig("%s %v is not between %v and %v", f.name, f.val, f.lo, f.hi)
		}
	}
	return c.Timing.validate()
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
			return nil, badConfig("URL cannot be parsed; write it like %s", defaultURL)
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
		// With an unescaped / ? or # in it, a password ends early: its beginning becomes
		// the host, which is looked up and quoted, and the host is behind it.
		if strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") {
			return badConfig("URL has a malformed user or password; write characters such as / ? # and @ as %%2F %%3F %%23 and %%40")
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		case "http", "https":
			return badConfig("URL %s is an HTTP address; give the broker's NATS address, such as %s", RedactURL(u.String()), defaultURL)
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
