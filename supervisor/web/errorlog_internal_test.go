package web

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"missioncontrol/test/tlstest"
)

// Failed handshakes are counted, and logged at a bounded rate and not as errors.
func TestFailedHandshakesAreALine(t *testing.T) {
	t.Parallel()
	const n = 500
	pair := tlstest.New(t).Server()
	cert, err := tls.LoadX509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer // only errorLog writes to it, one line after the other
	var mu sync.Mutex
	var now time.Time
	e := newErrorLog(slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { mu.Lock(); defer mu.Unlock(); return now })
	closed := make(chan struct{}, n)
	server := &http.Server{TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}, ErrorLog: e.logger(), ReadHeaderTimeout: time.Minute,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed { // after the line
				closed <- struct{}{}
			}
		}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.ServeTLS(listener, "", "") })
	defer serving.Wait()
	defer func() { _ = server.Close() }()

	for range n {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprint(c, "GET / HTTP/1.1\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-closed
		_ = c.Close()
	}
	if got := e.limits.Totals()[logHandshake]; got != n {
		t.Errorf("%d handshakes were counted, not %d", got, n)
	}
	if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "level=WARN") {
		t.Errorf("%d bytes were logged: %s", len(text), text)
	}
	out.Reset()
	e.flush()
	if text := out.String(); !strings.Contains(text, fmt.Sprintf("more=%d\n", n-1)) {
		t.Errorf("at the end: %s", text)
	}
}

// Messages that need an operator are errors, and are bounded, too.
func TestAPanicIsLoggedAsAnError(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	e := newErrorLog(slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return time.Time{} })
	for range 100 {
		e.logger().Printf("http: panic serving %v: %v\n%s", "1.2.3.4:5", "oh", "a stack")
		e.logger().Printf("http: URL query contains semicolon")
	}
	if text := out.String(); strings.Count(text, "level=ERROR") != 10 || strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "a stack") {
		t.Errorf("logged %s", text)
	}
}
