package streamtest

import (
	"bytes"
	"net"
	"sync"
	"testing"
)

// Proxy is a TCP proxy in front of a broker. It can hang: it then accepts
// connections and keeps them open, but forwards nothing. Bytes in transit are
// delivered after Resume, as by a network that recovers. It can also modify what
// passes through.
type Proxy struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu      sync.Mutex
	target  string
	conns   map[net.Conn]struct{}
	flowing chan struct{} // closed while bytes flow
	closed  bool

	text, by []byte
	times    int // how often text may still be replaced
	replaced int
}

// StartProxy starts a proxy to target on a free port of the loopback address.
func StartProxy(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, target: target, conns: make(map[net.Conn]struct{}), flowing: make(chan struct{})}
	close(p.flowing)
	p.wg.Go(p.accept)
	return p, nil
}

// NewProxy is StartProxy for a test; the proxy is closed when the test ends.
func NewProxy(t *testing.T, target string) *Proxy {
	t.Helper()
	p, err := StartProxy(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// URL returns the proxy's address for a NATS client.
func (p *Proxy) URL() string { return "nats://" + p.listener.Addr().String() }

// SetTarget changes where new connections go.
func (p *Proxy) SetTarget(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Hang stops forwarding in both directions.
func (p *Proxy) Hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.flowing:
		p.flowing = make(chan struct{})
	default: // already hangs
	}
}

// Resume forwards again, starting with what was held back.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.flowing:
	default:
		close(p.flowing)
	}
}

// Replace replaces a text with another of the same length from now on, in both
// directions, up to the given number of times.
func (p *Proxy) Replace(text, by string, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text, p.by, p.times, p.replaced = []byte(text), []byte(by), times, 0
}

// Replaced returns how often the text was replaced.
func (p *Proxy) Replaced() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.replaced
}

// tamper applies the replacement to b.
func (p *Proxy) tamper(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.times > 0 {
		at := bytes.Index(b, p.text)
		if at < 0 {
			return
		}
		copy(b[at:], p.by)
		p.times--
		p.replaced++
	}
}

// Cut closes every connection.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close() // closing twice is harmless
	}
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(client) })
	}
}

func (p *Proxy) serve(client net.Conn) {
	if !p.track(client) {
		return
	}
	defer p.untrack(client)
	if !p.pass() {
		return
	}
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := net.Dial("tcp", target)
	if err != nil || !p.track(server) {
		return
	}
	defer p.untrack(server)
	var both sync.WaitGroup
	both.Go(func() { p.copy(server, client) })
	both.Go(func() { p.copy(client, server) })
	both.Wait()
}

// copy forwards from src until one side ends, and then closes the other.
func (p *Proxy) copy(dst, src net.Conn) {
	defer func() { _ = dst.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		p.tamper(buf[:n])
		if n > 0 && p.pass() {
			if _, werr := dst.Write(buf[:n]); werr != nil {
				_ = src.Close()
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits while the proxy hangs. It returns false if the proxy is closed.
func (p *Proxy) pass() bool {
	for {
		p.mu.Lock()
		flowing, closed := p.flowing, p.closed
		p.mu.Unlock()
		if closed {
			return false
		}
		select {
		case <-flowing:
			return true
		default:
			<-flowing
		}
	}
}

func (p *Proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) untrack(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// Close closes the proxy and its connections, and waits for its goroutines. It is
// idempotent.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close() // fails only when it is closed already
	p.Cut()
	p.Resume()
	p.wg.Wait()
}
