package eventstream

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrHTTPAddress means that an HTTP server answers where a broker should.
var ErrHTTPAddress = errors.New("that is an HTTP address; give the broker's NATS address")

const (
	// greetingTime is how long a broker may stay silent before the server is asked
	// whether it speaks HTTP.
	greetingTime = 500 * time.Millisecond

	// httpAnswerTime bounds that question.
	httpAnswerTime = time.Second
)

// RefuseHTTP is a connection option: a connection to an HTTP server fails with
// [ErrHTTPAddress]. Without it, both sides wait for the other one to speak until the
// connection times out.
func RefuseHTTP(o *nats.Options) error {
	inner := o.CustomDialer
	o.CustomDialer = dialFunc(func(network, address string) (net.Conn, error) {
		dial := func(ctx context.Context) (net.Conn, error) {
			if inner != nil {
				return inner.Dial(network, address)
			}
			return (&net.Dialer{Timeout: o.Timeout}).DialContext(ctx, network, address)
		}
		conn, err := dial(context.Background())
		if err != nil {
			return nil, err
		}
		return &greetedConn{Conn: conn, again: dial}, nil
	})
	return nil
}

type dialFunc func(network, address string) (net.Conn, error)

// Dial implements [nats.CustomDialer].
func (f dialFunc) Dial(network, address string) (net.Conn, error) { return f(network, address) }

// greetedConn is a connection on which the other side has to speak first, as a broker
// does. If it stays silent, its first read finds out whether it is an HTTP server, on
// another connection.
type greetedConn struct {
	net.Conn
	again func(context.Context) (net.Conn, error)
	begun atomic.Bool // something was read or written
}

// Write implements [net.Conn]. TLS and WebSocket connections may begin with it.
func (c *greetedConn) Write(p []byte) (int, error) {
	c.begun.Store(true)
	return c.Conn.Write(p)
}

// Read implements [net.Conn].
func (c *greetedConn) Read(p []byte) (int, error) {
	if c.begun.Swap(true) {
		return c.Conn.Read(p)
	}
	ctx, cancel := context.WithCancel(context.Background())
	isHTTP := make(chan bool, 1)
	go func() {
		found := c.silentHTTP(ctx)
		if found {
			_ = c.SetReadDeadline(time.Unix(1, 0)) // fails only if the connection is closed
		}
		isHTTP <- found
	}()
	n, err := c.Conn.Read(p)
	cancel()
	if <-isHTTP && n == 0 {
		err = ErrHTTPAddress
	}
	return n, err
}

// silentHTTP waits for the greeting time and then reports whether the server speaks HTTP.
func (c *greetedConn) silentHTTP(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(greetingTime):
	}
	ctx, cancel := context.WithTimeout(ctx, httpAnswerTime)
	defer cancel()
	conn, err := c.again(ctx)
	if err != nil {
		return false
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends what waits below
	defer stop()
	defer func() { _ = conn.Close() }() // nothing to keep
	if _, err := io.WriteString(conn, "HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return false
	}
	answer := make([]byte, len("HTTP/"))
	_, err = io.ReadFull(conn, answer)
	return err == nil && strings.EqualFold(string(answer), "HTTP/")
}
