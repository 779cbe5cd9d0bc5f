package web_test

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"missioncontrol/supervisor/web"
	"missioncontrol/test/output"
)

// clock is a clock that the test advances.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_800_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newAt serves a supervisor with its own clock for bad tokens.
func newAt(t *testing.T, now func() time.Time, guard web.Guard, log *slog.Logger) (url string) {
	t.Helper()
	service, _ := newService(t)
	listener, err := web.Listen("127.0.0.1:0")
	must(t, err)
	server := web.ServeAt(now, listener, service, guard, log)
	t.Cleanup(func() { must(t, server.Stop(context.Background())) })
	return "http://" + server.Addr()
}

// A client that sends bad tokens must wait, on whatever path it sends them. A good
// token from the same address keeps working.
func TestBadTokensAreLimited(t *testing.T) {
	t.Parallel()
	clk, log := newClock(), &output.Buffer{}
	url := newAt(t, clk.Now, web.Guard{Tokens: tokens()}, slog.New(slog.NewTextHandler(log, nil)))
	ways := []struct {
		method, path string
		bad          int // the status, within the limit
	}{
		{"POST", "/api/session", 401}, {"GET", "/api/missions", 401}, {"POST", "/api/missions", 401},
		{"GET", "/metrics", 401}, {"GET", "/api/session", 200},
	}
	show := func(i int, token string) (int, string, http.Header) {
		return call(t, ways[i%len(ways)].method, url+ways[i%len(ways)].path, "", "Authorization", "Bearer "+token)
	}
	for i := range 20 {
		if status, body, _ := show(i, "mctoken_"+strconv.Itoa(i)); status != ways[i%len(ways)].bad {
			t.Errorf("bad token %d: %d %s", i, status, body)
		}
	}
	for i, way := range ways {
		status, body, header := show(i, "mctoken_x")
		if status != 429 || !strings.Contains(body, `"code":"overloaded"`) || header.Get("Retry-After") != "3" {
			t.Errorf("%s %s with one bad token too many: %d %s, Retry-After %q", way.method, way.path, status, body, header.Get("Retry-After"))
		}
		if status, body, _ := show(i, "token-of-admin"); status == 401 || status == 429 {
			t.Errorf("%s %s with a good token from the same address: %d %s", way.method, way.path, status, body)
		}
	}
	for _, headers := range [][]string{nil, {"Cookie", "missioncontrol=gone"}} {
		if status, body, _ := call(t, "GET", url+"/api/missions", "", headers...); status != 401 {
			t.Errorf("without a token in Authorization, %v: %d %s", headers, status, body)
		}
	}
	clk.advance(3 * time.Second)
	for _, want := range []int{401, 429} {
		if status, body, _ := show(0, "mctoken_x"); status != want {
			t.Errorf("3 seconds later: %d %s, want %d", status, body, want)
		}
	}
	if _, body, _ := call(t, "GET", url+"/metrics", "", "Authorization", asViewer); !strings.Contains(body, "missioncontrol_http_sign_ins_failed_total 27\n") {
		t.Error("the metrics do not count 27 failures")
	}
	if lines := log.Lines(); len(lines) != 1 || !strings.Contains(lines[0], "level=WARN") || !strings.Contains(lines[0], "last_address=127.0.0.1") || strings.Contains(lines[0], "mctoken_") {
		t.Errorf("the log: %q", lines)
	}
}

// Each address has its own bucket, and the number of buckets is bounded. The log has a
// bounded rate, and reports all failures.
func TestBadTokensOfManyAddresses(t *testing.T) {
	t.Parallel()
	clk, log := newClock(), &output.Buffer{}
	a := web.NewAttempts(clk.Now, slog.New(slog.NewTextHandler(log, nil)))
	address := func(i int) netip.Addr {
		var bytes [4]byte
		binary.BigEndian.PutUint32(bytes[:], uint32(i))
		return netip.AddrFrom4(bytes)
	}
	for range 20 {
		a.Fail(address(1))
	}
	if wait := a.Fail(address(1)); wait != 3*time.Second {
		t.Errorf("the 21st has to wait %v", wait)
	}
	for i := 2; i < 10_000; i++ {
		if wait := a.Fail(address(i)); wait != 0 {
			t.Fatalf("address %d has to wait %v", i, wait)
		}
	}
	if n := a.Remembered(); n != 4096 {
		t.Errorf("%d addresses are remembered", n)
	}
	clk.advance(time.Hour)
	for range 20 {
		if wait := a.Fail(address(9999)); wait != 0 {
			t.Errorf("an hour later there is a wait of %v", wait)
		}
	}
	if wait := a.Fail(address(9999)); wait != 3*time.Second {
		t.Errorf("a bucket holds more than 20: %v", wait)
	}
	lines := log.Lines()
	if len(lines) != 2 || !strings.Contains(lines[0], "failures=1 ") || !strings.Contains(lines[1], "failures=10019 ") {
		t.Errorf("the log: %q", lines)
	}
}
