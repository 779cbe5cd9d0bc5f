package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/missions/sqlitestore"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/web"
	"missioncontrol/test/eventually"
)

// testTimeout bounds every wait. Only a failure uses it up.
const testTimeout = 45 * time.Second // a claim that nobody answers ends after 60 s

// liveServer is a supervisor with a broker, over HTTP.
type liveServer struct {
	t       *testing.T
	service *supervisor.Service
	stream  *eventstream.Stream
	url     string
	dir     string
	broker  *embedded.Server
	port    int
}

func newLiveServer(t *testing.T) *liveServer {
	t.Helper()
	s := &liveServer{t: t, dir: t.TempDir()}
	s.startBroker()
	t.Cleanup(func() { s.stopBroker() })
	store, err := sqlitestore.Open(sqlitestore.Config{Path: filepath.Join(t.TempDir(), "m.db"), Logger: quiet})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	s.stream, err = eventstream.Open(eventstream.Config{URL: s.broker.ClientURL(), Logger: quiet,
		Timing: eventstream.Timing{ReconnectWait: 10 * time.Millisecond, ReconnectMax: 50 * time.Millisecond, ProbeWait: 10 * time.Millisecond, ProbeMaxWait: 50 * time.Millisecond}})
	must(t, err)
	t.Cleanup(func() { _ = s.stream.Close(context.Background()) }) // its broker may be away
	s.service, err = supervisor.New(supervisor.Config{Store: store, Stream: s.stream, Logger: quiet})
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { s.service.Run(ctx) })
	t.Cleanup(func() { stop(); loops.Wait() })
	listener, err := web.Listen("127.0.0.1:0")
	must(t, err)
	server := web.Serve(listener, s.service, web.Guard{}, quiet)
	t.Cleanup(func() { must(t, server.Stop(context.Background())) })
	s.url = "http://" + server.Addr()
	openSource(t, s.url+"/api/events").next("connected")
	return s
}

func (s *liveServer) startBroker() {
	s.t.Helper()
	broker, err := embedded.Start(s.t.Context(), embedded.Config{StoreDir: s.dir, Port: s.port})
	must(s.t, err)
	s.broker = broker
	if _, err := fmt.Sscanf(broker.Addr(), "127.0.0.1:%d", &s.port); err != nil {
		s.t.Fatal(err)
	}
}

func (s *liveServer) stopBroker() {
	if s.broker != nil {
		must(s.t, s.broker.Shutdown(context.Background()))
		s.broker = nil
	}
}

func (s *liveServer) create(names ...string) {
	s.t.Helper()
	for _, name := range names {
		_, err := s.service.Create(s.t.Context(), api.CreateRequest{MissionSpec: api.MissionSpec{ID: name, Name: name}})
		must(s.t, err)
	}
}

// pushed is a server-sent event.
type pushed struct{ id, name, data string }

// eventSource reads server-sent events like a browser.
type eventSource struct {
	t      *testing.T
	events chan pushed // closed at the end of the connection
	close  func()
	header http.Header
}

func openSource(t *testing.T, url string, headers ...string) *eventSource {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	must(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	reply, err := http.DefaultClient.Do(request) //nolint:bodyclose // closed by the goroutine that reads it
	must(t, err)
	if reply.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, reply.Status)
	}
	s := &eventSource{t: t, events: make(chan pushed, 1000), header: reply.Header}
	done := make(chan struct{})
	s.close = func() { cancel(); <-done }
	t.Cleanup(s.close)
	go func() {
		defer close(done)
		defer close(s.events)
		defer func() { _ = reply.Body.Close() }()
		var e pushed
		for lines := bufio.NewScanner(reply.Body); lines.Scan(); {
			key, value, _ := strings.Cut(lines.Text(), ": ")
			switch key {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				if e != (pushed{}) {
					s.events <- e
				}
				e = pushed{}
			}
		}
	}()
	return s
}

// next returns the next event of a name ("" for envelopes), and skips others.
func (s *eventSource) next(name string) pushed {
	s.t.Helper()
	deadline := time.After(testTimeout)
	for {
		select {
		case e, open := <-s.events:
			if !open {
				s.t.Fatalf("the connection ended before an event %q", name)
			}
			if e.name == name {
				return e
			}
		case <-deadline:
			s.t.Fatalf("no event %q", name)
		}
	}
}

// created returns the missions of the next n mission.created events.
func (s *eventSource) created(n int) (ids []string, last string) {
	s.t.Helper()
	for range n {
		e := s.next("")
		var envelope struct {
			Type    string
			Payload struct {
				MissionID string `json:"mission_id"`
			}
		}
		must(s.t, json.Unmarshal([]byte(e.data), &envelope))
		if envelope.Type != "mission.created" {
			s.t.Fatalf("it tells of a %s", envelope.Type)
		}
		ids, last = append(ids, envelope.Payload.MissionID), e.id
	}
	return ids, last
}

// A browser that lost its connection continues behind the last event that it received.
// A client that asks for events since a time receives events from then on.
func TestEventsGoOnWhereTheyWere(t *testing.T) {
	t.Parallel()
	s := newLiveServer(t)
	first := openSource(t, s.url+"/api/events?type=mission.created")
	first.next("connected")
	s.create("a", "b")
	ids, last := first.created(2)
	if fmt.Sprint(ids) != "[a b]" || first.header.Get("Content-Type") != "text/event-stream" {
		t.Fatal(ids, first.header)
	}
	first.close()
	s.create("c", "d")
	second := openSource(t, s.url+"/api/events?type=mission.created", "Last-Event-ID", last)
	if ids, _ = second.created(2); fmt.Sprint(ids) != "[c d]" {
		t.Error(ids)
	}
	s.create("e")
	if ids, _ = second.created(1); fmt.Sprint(ids) != "[e]" {
		t.Error(ids)
	}
	third := openSource(t, s.url+"/api/events?type=mission.created&since=1")
	if ids, _ = third.created(5); fmt.Sprint(ids) != "[a b c d e]" {
		t.Error(ids)
	}
}

func TestEventsAreFiltered(t *testing.T) {
	t.Parallel()
	s := newLiveServer(t)
	s.create("a", "b")
	_, err := s.service.Cancel(t.Context(), api.CancelRequest{ID: "b", Reason: "why not"})
	must(t, err)
	source := openSource(t, s.url+"/api/events?mission_id=b&since=1")
	for _, want := range []string{"mission.created", "mission.status_changed"} {
		e := source.next("")
		if !strings.Contains(e.data, `"type":"`+want+`"`) || !strings.Contains(e.data, `"mission_id":"b"`) {
			t.Errorf("%s, want a %s of b", e.data, want)
		}
	}
	for query, field := range map[string]string{"type=Bad": "type", "mission_id=a%20b": "mission_id", "since=1&after=2": "since", "after=x": "after", "limit=1": "limit"} {
		status, body, _ := call(t, "GET", s.url+"/api/events?"+query, "")
		if status != http.StatusBadRequest || !strings.Contains(body, `"field":"`+field+`"`) {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

// While the broker is away the stream says so, and events of that time follow later.
func TestEventsOutliveTheBroker(t *testing.T) {
	t.Parallel()
	s := newLiveServer(t)
	source := openSource(t, s.url+"/api/events?type=mission.created")
	live := openSource(t, s.url+"/api/supervisor/live")
	source.next("connected")
	live.next("status")
	s.create("a")
	source.created(1)
	s.stopBroker()
	if e := source.next("degraded"); !strings.Contains(e.data, `"reason":"`) {
		t.Error(e.data)
	}
	late := openSource(t, s.url+"/api/events?type=mission.created&since=1")
	late.next("degraded")
	for status := ""; !strings.Contains(status, `"status":"degraded"`); {
		status = live.next("status").data
	}
	s.create("b")
	s.startBroker()
	source.next("connected")
	if ids, _ := source.created(1); fmt.Sprint(ids) != "[b]" {
		t.Error(ids)
	}
	if ids, _ := late.created(2); fmt.Sprint(ids) != "[a b]" {
		t.Error(ids)
	}
}

func TestTheLiveStatusTellsOfChanges(t *testing.T) {
	t.Parallel()
	s := newLiveServer(t)
	live := openSource(t, s.url+"/api/supervisor/live")
	if e := live.next("status"); !strings.Contains(e.data, `"total_missions":0`) {
		t.Error(e.data)
	}
	s.create("a")
	if e := live.next("status"); !strings.Contains(e.data, `"pending_missions":1`) {
		t.Error(e.data)
	}
}

// brokenConn is the connection to a browser that has disappeared silently: writes to it
// are buffered, and cannot be sent.
type brokenConn struct{ *httptest.ResponseRecorder }

func (brokenConn) FlushError() error { return io.ErrClosedPipe }

// A client that cannot be reached is disconnected at once, and not only when there is
// more to send.
func TestABrowserThatHasGoneIsLetGo(t *testing.T) {
	t.Parallel()
	service, _ := newService(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	for _, path := range []string{"/api/events", "/api/supervisor/live"} {
		web.Handler(service, quiet).ServeHTTP(brokenConn{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, path, nil).WithContext(ctx))
		if ctx.Err() != nil {
			t.Errorf("%s goes on", path)
		}
	}
}

// Long-lived connections are bounded, and do not delay other clients.
func TestBrowsersAreBounded(t *testing.T) {
	t.Parallel()
	s := newLiveServer(t)
	for range 64 {
		openSource(t, s.url+"/api/supervisor/live")
	}
	status, body, _ := call(t, "GET", s.url+"/api/supervisor/live", "")
	if status != http.StatusTooManyRequests || !strings.Contains(body, `"code":"overloaded"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body, _ := call(t, "GET", s.url+"/api/supervisor/status", ""); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}

// Status requests are counted by the name that the client gives itself.
func TestQueriesAreCounted(t *testing.T) {
	t.Parallel()
	s := newLiveServer(t)
	for _, name := range []string{"probe", "probe", "curl"} {
		call(t, "GET", s.url+"/api/supervisor/status", "", "Mission-Control-Client", name)
	}
	call(t, "GET", s.url+"/api/supervisor/status", "", "User-Agent", "Wget/1.2")
	var reply api.Queries
	eventually.Holds(t, func() bool { // telemetry takes its time
		_, body, _ := call(t, "GET", s.url+"/api/queries", "")
		must(t, json.Unmarshal([]byte(body), &reply))
		return reply.Total >= 4
	}, func() string { return fmt.Sprintf("%+v", reply) })
	var callers []string
	for _, c := range reply.Callers {
		callers = append(callers, fmt.Sprint(c.Name, " ", c.Queries))
	}
	if fmt.Sprint(callers) != "[probe 2 Wget 1 curl 1]" || reply.Total != 4 || len(reply.Minutes) != 60 || reply.State != "connected" {
		t.Errorf("%v, %+v", callers, reply)
	}
}

// One connection carries the status and several watches. A watch that is refused does not
// disturb the others, and each continues where it was asked to.
func TestSeveralWatchesOnOneConnection(t *testing.T) {
	t.Parallel()
	s := newLiveServer(t)
	s.create("one")
	before := openSource(t, s.url+"/api/events?since=1").next("")
	asked := url.QueryEscape(`[{"type":"mission.created","since":1},{"mission_id":"two","since":1},{"type":"no..type"},{"type":"mission.created","after":"` + before.id + `"}]`)
	source := openSource(t, s.url+"/api/supervisor/live?events="+asked)
	// They arrive in any order among each other.
	seen := map[string]int{}
	await := func(name, text string) {
		t.Helper()
		for deadline := time.After(testTimeout); seen[name+text] == 0; {
			select {
			case e := <-source.events:
				for _, known := range []string{"one", "two", "invalid_request"} {
					if strings.Contains(e.data, `"`+known+`"`) {
						seen[e.name+known]++
					}
				}
				seen[e.name]++
			case <-deadline:
				t.Fatalf("no %s with %q, but %v", name, text, seen)
			}
		}
	}
	await("status", "")
	await("0.message", "one")
	await("1.connected", "")
	await("2.refused", "invalid_request")
	await("3.connected", "")
	s.create("two")
	await("0.message", "two")
	await("1.message", "two")
	await("3.message", "two")
	if seen["1.messageone"]+seen["3.messageone"]+seen["2.message"]+seen["message"] > 0 {
		t.Errorf("%v", seen)
	}
	for _, wrong := range []string{"1", "[1]", "[{}", `[{"nothing":1}]`, "[" + strings.Repeat("{},", 64) + "{}]"} {
		if status, body, _ := call(t, "GET", s.url+"/api/supervisor/live?events="+url.QueryEscape(wrong), ""); status != 400 || !strings.Contains(body, `"field":"events`) {
			t.Errorf("%s: %d %s", wrong, status, body)
		}
	}
}
