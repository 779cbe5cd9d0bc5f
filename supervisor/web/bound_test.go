package web_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"missioncontrol/supervisor/web"
)

const asViewer, asOperator, asAdmin = "Bearer token-of-viewer", "Bearer token-of-operator", "Bearer token-of-admin"

// bodies sends requests whose bodies begin and do not end.
type bodies struct {
	t       *testing.T
	url     string
	ctx     context.Context
	begun   chan struct{} // the available part of a body has been sent
	replies chan string   // replies received nevertheless
	ended   chan struct{}
	sent    int
}

func newBodies(t *testing.T, url string) *bodies {
	ctx, cancel := context.WithCancel(t.Context())
	b := &bodies{t: t, url: url, ctx: ctx, begun: make(chan struct{}), replies: make(chan string, 100), ended: make(chan struct{})}
	t.Cleanup(func() {
		cancel()
		for range b.sent {
			<-b.ended
		}
	})
	return b
}

// send sends a request that declares 8 MiB, and the given number of bytes of it.
func (b *bodies) send(authorization string, bytes int) {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.ctx, http.MethodPost, b.url+"/api/missions", &slowBody{ctx: b.ctx, begun: b.begun, left: bytes})
	must(b.t, err)
	request.ContentLength = 8 << 20
	request.Header.Set("Authorization", authorization)
	b.sent++
	answered := make(chan struct{})
	go func() {
		defer func() { b.ended <- struct{}{} }()
		defer close(answered)
		reply, err := http.DefaultClient.Do(request)
		if err != nil {
			return // cancelled
		}
		text, _ := io.ReadAll(reply.Body)
		_ = reply.Body.Close()
		b.replies <- reply.Status + " " + string(text)
	}()
	select {
	case <-b.begun:
	case <-answered:
	}
}

// slowBody is a body that yields some bytes, and then nothing until its context ends.
type slowBody struct {
	ctx   context.Context
	begun chan<- struct{}
	left  int
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.left > 0 {
		n := min(b.left, len(p))
		b.left -= n
		return copy(p, strings.Repeat(" ", n)), nil
	}
	select {
	case b.begun <- struct{}{}:
	case <-b.ctx.Done():
	}
	<-b.ctx.Done()
	return 0, io.ErrUnexpectedEOF
}

// The declared size of a body does not count: a client that begins many large bodies
// blocks nobody.
func TestBodiesThatAreOnlyDeclaredDoNotCount(t *testing.T) {
	t.Parallel()
	url, _ := newGuarded(t, web.Guard{Tokens: tokens()})
	b := newBodies(t, url)
	for range 20 {
		b.send(asOperator, 1)
	}
	for _, authorization := range []string{asAdmin, asOperator} {
		for _, size := range []int{300, 300 << 10} {
			status, body, _ := call(t, "POST", url+"/api/missions", `{"name":"x","data":{"x":"`+strings.Repeat("x", size)+`"}}`, "Authorization", authorization)
			if status != http.StatusOK {
				t.Errorf("a mission of %d bytes by %s: %d %.200s", size, authorization, status, body)
			}
		}
	}
	select {
	case reply := <-b.replies:
		t.Errorf("a body that never came was answered: %s", reply)
	default:
	}
}

// The received body bytes of each token are bounded. Beyond the bound, requests with
// that token are refused, and no others.
func TestBytesOfOneTokenAreBounded(t *testing.T) {
	t.Parallel()
	url, _ := newGuarded(t, web.Guard{Tokens: tokens()})
	b := newBodies(t, url)
	refused := ""
	for range 10 {
		b.send(asOperator, 7<<20)
		if len(b.replies) > 0 {
			break
		}
	}
	select {
	case refused = <-b.replies:
	case <-time.After(testTimeout):
	}
	if !strings.HasPrefix(refused, "429 ") || !strings.Contains(refused, `"code":"overloaded"`) || !strings.Contains(refused, "per token") {
		t.Errorf("70 MiB of one token: %q", refused)
	}
	if status, body, _ := call(t, "POST", url+"/api/missions", `{"name":"x"}`, "Authorization", asAdmin); status != http.StatusOK {
		t.Errorf("another token: %d %s", status, body)
	}
	for _, path := range []string{"/api/supervisor/health", "/api/supervisor/status", "/api/missions"} {
		if status, body, _ := call(t, "GET", url+path, "", "Authorization", asOperator); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// One token may use a quarter of the streams. The rest is for others.
func TestStreamsOfOneTokenAreBounded(t *testing.T) {
	t.Parallel()
	url, _ := newGuarded(t, web.Guard{Tokens: tokens()})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	open := func(path, authorization string) int {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
		must(t, err)
		request.Header.Set("Authorization", authorization)
		reply, err := http.DefaultClient.Do(request)
		must(t, err)
		t.Cleanup(func() { _ = reply.Body.Close() })
		return reply.StatusCode
	}
	for _, path := range []string{"/api/supervisor/live", "/api/events"} {
		opened := 0
		for opened < 1000 && open(path, asViewer) == http.StatusOK {
			opened++
		}
		if opened != 64 {
			t.Errorf("%s: one token has %d streams", path, opened)
		}
		if status := open(path, asOperator); status != http.StatusOK {
			t.Errorf("%s: another token is refused with %d", path, status)
		}
	}
}

// Replies that are read slowly keep their turns. One token has at most half of the
// turns.
func TestTurnsOfOneTokenAreBounded(t *testing.T) {
	t.Parallel()
	turn := web.PageTurns()
	for range 4 {
		must(t, turn(t.Context(), "slow"))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 { // with a free turn and an ended context, either may be selected
		if err := turn(ended, "slow"); !errors.Is(err, context.Canceled) {
			t.Fatalf("a fifth turn: %v", err)
		}
	}
	for range 4 {
		must(t, turn(t.Context(), "other"))
	}
}

// Without tokens the address counts; for IPv6 the network, since a machine has all
// addresses of one.
func TestAddressesOfBounds(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.7:1234":                  "192.0.2.7",
		"[::ffff:192.0.2.7]:1234":         "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:1234":     "2001:db8:1:2::",
		"[fe80::1:2:3:4%eth0]:1234":       "fe80::",
		"[2001:db8:1:2:ffff:ffff::]:1234": "2001:db8:1:2::",
		"@":                               "invalid IP",
	} {
		if got := web.RemoteAddress(remote); got != want {
			t.Errorf("%s is %s, want %s", remote, got, want)
		}
	}
}

// The server does not wait for a body that stops arriving, and the reply says why.
func TestABodyThatComesTooSlowlyIsCutOff(t *testing.T) {
	t.Parallel()
	service, _ := newService(t)
	listener, err := web.Listen("127.0.0.1:0")
	must(t, err)
	server := web.ServeSlow(time.Millisecond, 1<<30, listener, service, quiet)
	t.Cleanup(func() { must(t, server.Stop(context.Background())) })
	for _, body := range []string{
		"Content-Length: 1000\r\n\r\n{",
		"Content-Length: 8388608\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
	} {
		reply := raw(t, "http://"+server.Addr(), "POST /api/missions HTTP/1.1\r\nHost: localhost\r\n"+body)
		if !strings.HasPrefix(reply, "HTTP/1.1 408 ") || !strings.Contains(reply, `"code":"timeout","message":"body arrived too slowly`) {
			t.Errorf("%q: %s", body, reply)
		}
	}
}

// The server does not wait for the body of a request that does not use it.
func TestABodyThatIsOfNoUseIsNotAwaited(t *testing.T) {
	t.Parallel()
	url, _ := newServer(t)
	long := strings.Repeat("x", 200)
	for range 20 { // so that the list is longer than what the server buffers
		if status, body, _ := call(t, "POST", url+"/api/missions", `{"name":"`+long+`"}`); status != http.StatusOK {
			t.Fatal(body)
		}
	}
	for _, path := range []string{"/api/missions", "/api/supervisor/status", "/api/supervisor/live"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		must(t, err)
		must(t, conn.SetReadDeadline(time.Now().Add(testTimeout)))
		_, err = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
		must(t, err)
		reply, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s is not answered: %v", path, err)
		} else {
			if reply.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", path, reply.Status)
			}
			_ = reply.Body.Close() // the connection is closed next
		}
		must(t, conn.Close())
	}
}

func TestThePaceOfBodies(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]time.Duration{0: 5 * time.Second, 160 << 10: 15 * time.Second, 8 << 20: time.Minute} {
		if got := web.DefaultDeadline(bytes); got != want {
			t.Errorf("more than %d bytes have to be there after %v, want %v", bytes, got, want)
		}
	}
}

// The deadline applies to the body only: the request itself may take longer.
func TestTheDeadlineOfABodyEndsWithIt(t *testing.T) {
	t.Parallel()
	service, _ := newService(t)
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	web.Handler(service, quiet).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/missions", strings.NewReader(`{"name":"x"}`)))
	if len(w.set) < 2 || w.set[0].IsZero() || !w.set[len(w.set)-1].IsZero() || w.Code != http.StatusOK {
		t.Errorf("%d, deadlines %v", w.Code, w.set)
	}
}

// deadlines records the deadlines that were set.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}
