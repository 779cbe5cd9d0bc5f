//go:build chaos

package chaos

import (
	"net"
	"sync"
	"time"
)

// link is how one program reaches others: a TCP proxy in front of each of them. Its
// methods may be called concurrently.
type link struct {
	name    string
	proxies []*proxy
}

func (l *link) each(do func(*proxy)) {
	for _, p := range l.proxies {
		do(p)
	}
}

// cut closes every connection.
func (l *link) cut() { l.each((*proxy).cut) }

// refuse closes every connection and refuses new ones, until heal.
func (l *link) refuse() { l.each(func(p *proxy) { p.set(way{refuses: true}); p.cut() }) }

// hang holds every connection open and forwards nothing, until heal.
func (l *link) hang() { l.each(func(p *proxy) { p.set(way{hangs: true}) }) }

// slow delays everything, until heal.
func (l *link) slow(by time.Duration) { l.each(func(p *proxy) { p.set(way{late: by}) }) }

// heal undoes the other methods.
func (l *link) heal() { l.each(func(p *proxy) { p.set(way{}) }) }

func (l *link) close() { l.each((*proxy).close) }

// way is how a proxy treats its connections.
type way struct {
	refuses bool
	hangs   bool
	late    time.Duration
}

// proxy forwards connections to a target, as its way says.
type proxy struct {
	target   string
	listener net.Listener
	all      sync.WaitGroup

	mu      sync.Mutex
	way     way
	changed chan struct{} // closed when way changes
	conns   map[net.Conn]bool
	closed  bool
}

func newProxy(target string) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{target: target, listener: listener, changed: make(chan struct{}), conns: map[net.Conn]bool{}}
	p.all.Go(p.accept)
	return p, nil
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) set(w way) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.way = w
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close() // closing twice is harmless
	}
}

func (p *proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close() // nothing can be done about it
	p.set(way{})
	p.cut()
	p.all.Wait()
}

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.all.Go(func() { p.serve(c) })
	}
}

// track registers a connection so that it can be cut; false if connections are
// refused.
func (p *proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.way.refuses {
		_ = c.Close() // nothing was sent on it
		return false
	}
	p.conns[c] = true
	return true
}

func (p *proxy) untrack(c net.Conn) {
	_ = c.Close() // it may already be closed
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *proxy) serve(near net.Conn) {
	if !p.track(near) {
		return
	}
	defer p.untrack(near)
	p.pass()
	far, err := net.Dial("tcp", p.target)
	if err != nil || !p.track(far) {
		return
	}
	defer p.untrack(far)
	var both sync.WaitGroup
	both.Go(func() { p.copy(far, near) })
	both.Go(func() { p.copy(near, far) })
	both.Wait()
}

func (p *proxy) copy(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }() // if one end closes, so does the other
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			p.pass()
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits as long as the proxy's way says.
func (p *proxy) pass() {
	for {
		p.mu.Lock()
		w, changed := p.way, p.changed
		p.mu.Unlock()
		switch {
		case w.hangs:
			<-changed
			continue
		case w.late > 0:
			timer := time.NewTimer(w.late)
			select {
			case <-timer.C:
			case <-changed:
			}
			timer.Stop()
		}
		return
	}
}
