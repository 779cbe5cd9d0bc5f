package web

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"sync"

	"missioncontrol/supervisor/admission"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/roles"
)

// credential identifies a client to bounds: the token that it sent or, without tokens,
// the address that the request comes from.
type credential struct {
	token   string // its name
	role    roles.Role
	address netip.Addr
}

// actsAs reports whether the client may send an agent's requests.
func (c credential) actsAs(agentID string) bool {
	return c.token == "" || c.role == roles.Admin || c.role == roles.Agent && c.token == agentID
}

type credentialKey struct{}

// withToken returns a request that records which token it has.
func withToken(r *http.Request, token *Token) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), credentialKey{}, credential{token: token.Name, role: token.Role}))
}

func credentialOf(r *http.Request) credential {
	if c, ok := r.Context().Value(credentialKey{}).(credential); ok {
		return c
	}
	return credential{address: remoteAddress(r)}
}

// remoteAddress is the address that a request comes from. For IPv6 it is the network,
// because a machine has all addresses of one. It ignores proxy headers, which any
// client can set.
func remoteAddress(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := from.Addr().Unmap().WithZone("")
	if address.Is4() {
		return address
	}
	const networkBits = 64
	network, _ := address.Prefix(networkBits) // an IPv6 address has that many bits
	return network.Addr()
}

// bound limits the requests of one kind that are in progress, in total and for each
// credential. Methods may be called concurrently.
type bound struct {
	total *admission.Bound

	mu     sync.Mutex
	shares map[credential]*allotment
}

// allotment is one credential's share of a bound.
type allotment struct {
	*admission.Bound
	users int // requests that use it
}

// keptShares is how many shares are kept for credentials that may send more requests.
const keptShares = 64

func newBound(total *admission.Bound) *bound {
	return &bound{total: total, shares: map[credential]*allotment{}}
}

func (b *bound) take(c credential) *allotment {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.shares[c]
	if !ok {
		s = &allotment{Bound: b.total.Share()}
		b.shares[c] = s
	}
	s.users++
	return s
}

func (b *bound) release(c credential, s *allotment) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.users--; s.users == 0 && len(b.shares) > keptShares {
		delete(b.shares, c)
	}
}

// admittedRequest is a request that a bound has admitted, until leave.
type admittedRequest struct {
	bound     *bound
	allotment *allotment
	held      int64 // bytes of its body
	leave     func()
}

// enter admits a request, or returns an [api.ErrOverloaded]. It never waits.
func (b *bound) enter(c credential) (*admittedRequest, error) {
	own := b.take(c)
	leaveOwn, err := own.Enter(0)
	if err != nil {
		b.release(c, own)
		return nil, ofOne(err)
	}
	leaveTotal, err := b.total.Enter(0)
	if err != nil {
		leaveOwn()
		b.release(c, own)
		return nil, err
	}
	a := &admittedRequest{bound: b, allotment: own}
	a.leave = func() {
		b.total.Release(a.held)
		own.Release(a.held)
		leaveTotal()
		leaveOwn()
		b.release(c, own)
	}
	return a, nil
}

// hold counts received bytes, or returns an [api.ErrOverloaded].
func (a *admittedRequest) hold(bytes int64) error {
	if err := a.allotment.Hold(bytes); err != nil {
		return ofOne(err)
	}
	if err := a.bound.total.Hold(bytes); err != nil {
		a.allotment.Release(bytes)
		return err
	}
	a.held += bytes
	return nil
}

// turn waits for the request's turn, first among the requests of its credential, so
// that one credential never has all turns.
func (a *admittedRequest) turn(ctx context.Context) (done func(), err error) {
	doneOwn, err := a.allotment.Turn(ctx, a.held)
	if err != nil {
		return nil, err
	}
	doneTotal, err := a.bound.total.Turn(ctx, a.held)
	if err != nil {
		doneOwn()
		return nil, err
	}
	return func() { doneTotal(); doneOwn() }, nil
}

// ofOne returns the error for a share that is used up.
func ofOne(err error) error {
	wire := api.FromError(err)
	if errors.Is(wire, api.ErrOverloaded) {
		wire.Message += "; this limit is per token or, without tokens, per address"
	}
	return wire
}

// admitted serves the requests that a bound admits.
func (d frontEnd) admitted(b *bound, next func(http.ResponseWriter, *http.Request, *admittedRequest)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, err := b.enter(credentialOf(r))
		if err != nil {
			ignoreBody(w, r)
			d.refuse(w, r, err)
			return
		}
		defer a.leave()
		next(w, r, a)
	}
}

// ignoreBody makes the server answer a request without its body. Otherwise the server
// would wait for the body before it sends the reply.
func ignoreBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
	}
}

// within serves the requests that a bound admits, each in its turn. The requests have
// no body.
func (d frontEnd) within(b *bound, next http.HandlerFunc) http.HandlerFunc {
	return d.admitted(b, func(w http.ResponseWriter, r *http.Request, a *admittedRequest) {
		ignoreBody(w, r)
		done, err := a.turn(r.Context())
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		defer done()
		next(w, r)
	})
}
