package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"missioncontrol/supervisor"
	"missioncontrol/supervisor/admission"
	"missioncontrol/supervisor/api"
)

// Handler serves everything, for any host, to all clients.
func Handler(service *supervisor.Service, log *slog.Logger) http.Handler {
	return routes(newFrontEnd(log), service)
}

// Patterns returns the patterns of everything that is served.
func Patterns() []string {
	return table(frontEnd{log: slog.New(slog.DiscardHandler)}, nil, nil).patterns
}

// ServeSlow serves with another pace of bodies: rate bytes a second after grace.
func ServeSlow(grace time.Duration, rate int64, listener *Listener, service *supervisor.Service, log *slog.Logger) *Server {
	d := newFrontEnd(log)
	d.hosts = newHosts(listener, Guard{})
	d.pace = pace{grace: grace, rate: rate, most: time.Minute}
	return serveFrontEnd(d, listener, service, nil)
}

// ServeAt serves with another clock for bad tokens.
func ServeAt(now func() time.Time, listener *Listener, service *supervisor.Service, guard Guard, log *slog.Logger) *Server {
	d := newFrontEnd(log)
	d.tokens.set(guard.Tokens)
	d.hosts = newHosts(listener, guard)
	d.attempts = newAttempts(now, log)
	return serveFrontEnd(d, listener, service, guard.TLS)
}

// Attempts limits bad tokens by address.
type Attempts struct{ attempts *attempts }

// NewAttempts returns an Attempts with its own clock.
func NewAttempts(now func() time.Time, log *slog.Logger) Attempts {
	return Attempts{newAttempts(now, log)}
}

// Fail records a bad token from an address.
func (a Attempts) Fail(address netip.Addr) time.Duration { return a.attempts.fail(address) }

// Remembered returns how many addresses are remembered.
func (a Attempts) Remembered() int {
	return max(len(a.attempts.addresses), a.attempts.order.Len())
}

// DefaultDeadline returns when more than the given number of bytes of a body must have
// arrived.
func DefaultDeadline(bytes int64) time.Duration { return defaultPace.until(bytes) }

// PageTurns returns a function that enters the bound of pages with a token, and waits
// for a turn.
func PageTurns() func(ctx context.Context, token string) error {
	b := newBound(admission.For(api.KindPage))
	return func(ctx context.Context, token string) error {
		a, err := b.enter(credential{token: token})
		if err != nil {
			return err
		}
		_, err = a.turn(ctx)
		return err
	}
}

// RemoteAddress is the address that bounds see.
func RemoteAddress(remoteAddr string) string {
	return remoteAddress(&http.Request{RemoteAddr: remoteAddr}).String()
}
