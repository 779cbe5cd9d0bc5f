package eventstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// dialer opens the connection of a session. It lets ctx end an attempt in every
// phase, and returns connections that are safe for an ordered stream; see failStop.
type dialer struct {
	ctx       context.Context
	timeout   time.Duration
	ping      time.Duration              // how often the client library pings
	inner     nats.CustomDialer          // the caller's own; may be nil
	inProcess nats.InProcessConnProvider // likewise

	mu   sync.Mutex
	conn *failStop
	err  error // the last failure, which the client library does not return
}

// Dial implements [nats.CustomDialer].
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	dial := func(ctx context.Context) (net.Conn, error) {
		if d.inner != nil {
			return d.inner.Dial(network, address)
		}
		return (&net.Dialer{Timeout: d.timeout}).DialContext(ctx, network, address)
	}
	conn, err := d.keep(func() (net.Conn, error) { return dial(d.ctx) })
	if err != nil {
		return nil, err
	}
	return &greetedConn{Conn: conn, again: dial}, nil
}

// InProcessConn implements [nats.InProcessConnProvider].
func (d *dialer) InProcessConn() (net.Conn, error) { return d.keep(d.inProcess.InProcessConn) }

func (d *dialer) keep(open func() (net.Conn, error)) (net.Conn, error) {
	conn, err := open()
	if err == nil && d.ctx.Err() != nil {
		_ = conn.Close() // no longer needed
		err = d.ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err = err; err != nil {
		return nil, err
	}
	dropLate(conn, maxDelay)
	d.conn = newFailStop(conn, max(maxDelay, 3*d.ping))
	return d.conn, nil
}

// abort resets the connection; see failStop.
func (d *dialer) abort() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		d.conn.abort()
	}
}

// maxDelay limits how long after an event was written it may reach the broker. It leaves
// much of the duplicate window to whoever sends the event again.
const maxDelay = 10 * time.Second

// failStop is a connection that closes at the first failed write. The client
// library continues after a write that timed out, and drops the bytes. Later writes
// would then overtake events that never reach the broker.
//
// It also closes instead of writing if nothing was written for longer than maxSilence.
// The client library pings much more often, so the process was stopped, or its machine
// was. What it was about to send may have been sent by another process long ago, and the
// broker may no longer recognise the IDs.
type failStop struct {
	net.Conn
	maxSilence time.Duration
	written    atomic.Pointer[time.Time] // when the last write ended
}

func newFailStop(conn net.Conn, maxSilence time.Duration) *failStop {
	c := &failStop{Conn: conn, maxSilence: maxSilence}
	c.note()
	return c
}

func (c *failStop) note() {
	now := time.Now()
	c.written.Store(&now)
}

var errFrozen = errors.New("the process was stopped for a while")

// Write implements [net.Conn].
func (c *failStop) Write(p []byte) (int, error) {
	if elapsed(*c.written.Load(), time.Now()) > c.maxSilence {
		c.abort()
		return 0, errFrozen
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		c.abort()
	}
	c.note()
	return n, err
}

// elapsed returns the time between two moments, also if the machine was suspended, when
// only the wall clock goes on.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// abort resets the connection, so the kernel discards unsent data. Otherwise events
// of a dead connection could arrive minutes later, when the broker no longer
// recognises their IDs.
func (c *failStop) abort() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails only if the connection is already closed
	}
	_ = c.Close() // likewise
}

// lastErr returns why the last attempt failed, or nil.
func (d *dialer) lastErr() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// checkOptions applies the caller's connection options once, without connecting, so
// that Open finds an unreadable credentials file.
func checkOptions(opts []nats.Option) (*nats.Options, error) {
	o := nats.GetDefaultOptions()
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&o); err != nil {
			return nil, badConfig("Options: %v", err)
		}
	}
	var errs []error
	if o.UserJWT != nil {
		_, err := o.UserJWT()
		errs = append(errs, err)
	}
	if o.SignatureCB != nil {
		_, err := o.SignatureCB([]byte("nonce"))
		errs = append(errs, err)
	}
	if o.RootCAsCB != nil {
		_, err := o.RootCAsCB()
		errs = append(errs, err)
	}
	if o.TLSCertCB != nil {
		_, err := o.TLSCertCB()
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, badConfig("Options: %v", err)
	}
	return &o, nil
}

// connect makes one attempt to open a session. It tries the configured servers
// first and, if none can be reached, those that a broker advertised. Advertised
// addresses come second because they may not be reachable from here.
func (s *Stream) connect(ctx context.Context) (*session, error) {
	sess, err := s.connectTo(ctx, s.cfg.URL)
	if err == nil || len(s.known) == 0 || ctx.Err() != nil {
		return sess, err
	}
	if sess, errKnown := s.connectTo(ctx, strings.Join(s.known, ",")); errKnown == nil {
		return sess, nil
	}
	return nil, err
}

// learn remembers the servers that a session's broker advertised.
func (s *Stream) learn(sess *session) {
	found := sess.nc.DiscoveredServers()
	if len(found) == 0 || s.options.InProcessServer != nil {
		return
	}
	s.known = withUser(s.cfg.URL, found)
}

// withUser adds the credentials from the configured URL, which a broker does not
// advertise.
func withUser(configured string, found []string) []string {
	urls, err := splitURL(configured)
	if err != nil {
		return found
	}
	at := slices.IndexFunc(urls, func(u *url.URL) bool { return u.User != nil })
	if at < 0 {
		return found
	}
	out := make([]string, 0, len(found))
	for _, one := range found {
		if u, err := url.Parse(one); err == nil {
			u.User = urls[at].User
			out = append(out, u.String())
		}
	}
	return out
}

// connectTo makes one attempt with the servers in a list.
func (s *Stream) connectTo(ctx context.Context, servers string) (*session, error) {
	sess := newSession(s.cfg)
	d := &dialer{ctx: ctx, timeout: s.cfg.DialTimeout, ping: s.cfg.PingInterval, inner: s.options.CustomDialer, inProcess: s.options.InProcessServer}
	sess.dialer = d

	// During the handshake the client library obeys only its own timeout.
	stop := context.AfterFunc(ctx, d.abort)
	defer stop()

	opts := append(append([]nats.Option{}, s.cfg.Options...),
		nats.Name(connectionName),
		// A session is one connection; see the ordering argument in the package
		// documentation. Reconnecting starts a new session.
		nats.NoReconnect(),
		nats.RetryOnFailedConnect(false),
		nats.Timeout(s.cfg.DialTimeout),
		// A write holds the connection's lock, so it must not wait long for a
		// broker that has stopped reading.
		nats.FlusherTimeout(s.cfg.DialTimeout),
		nats.PingInterval(s.cfg.PingInterval),
		nats.MaxPingsOutstanding(2),
		nats.SetCustomDialer(d),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { sess.asyncError(err) }),
		nats.DisconnectErrHandler(func(*nats.Conn, error) {}),
		nats.ClosedHandler(func(nc *nats.Conn) { sess.closed(nc.LastError()) }),
	)
	if d.inProcess != nil {
		opts = append(opts, nats.InProcessServer(d))
	}
	nc, err := nats.Connect(servers, opts...)
	if err != nil {
		d.abort()
		if dialErr := d.lastErr(); errors.Is(err, nats.ErrNoServers) && dialErr != nil {
			err = dialErr
		}
		return nil, &unreachableError{err: err}
	}
	if err := sess.open(nc); err != nil {
		sess.close()
		return nil, &unreachableError{err: err}
	}
	return sess, nil
}

// unreachableError means that there is no connection.
type unreachableError struct{ err error }

func (e *unreachableError) Error() string {
	return fmt.Sprintf("cannot be reached: %v", rootCause(e.err))
}
func (e *unreachableError) Unwrap() error { return e.err }

// rootCause strips the parts that net errors repeat: operation, network and
// address.
func rootCause(err error) error {
	var opErr *net.OpError
	if errors.As(err, &opErr) {
		return opErr.Err
	}
	return err
}
