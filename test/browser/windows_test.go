package browser

import (
	"fmt"
	"testing"
)

// Eight windows of one browser are live at once, and requests of all are answered: a
// browser opens six connections to a host, and each lasting one is missing for requests.
func TestManyWindows(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.batch("t", "number %d", 4, "")
	first := openTab(t, s.HTTP, wide)
	windows := []*tab{first}
	for range 7 {
		windows = append(windows, openTabIn(t, first.profile, s.HTTP, wide))
	}
	pages := []struct{ where, heading string }{{"events", "Events"}, {"alerts", "Alerts"}, {"mission/" + s.find("number 1"), "number 1"}, {"events?type=mission.created", "Events"}}
	for i, w := range windows {
		p := pages[i%len(pages)]
		w.open(p.where, p.heading)
		w.awaitText("Connected")
	}
	s.post(`{"name":"the newest"}`)
	for i, w := range windows {
		if pages[i%len(pages)].heading == "Events" {
			w.awaitText("the newest (default")
		}
		w.await(fmt.Sprintf("the count in window %d", i), `document.querySelector(".nav a[href='#/missions'] .count").textContent === "5"`)
		if status := eval[int](w, `fetch("api/supervisor/health").then((r) => r.status)`); status != 200 {
			t.Errorf("window %d: %d", i, status)
		}
	}
	// What a window asks for that cannot be does not disturb the others.
	windows[0].open("events?type=not..a.type", "Events")
	windows[0].awaitText("This cannot be shown")
	s.post(`{"name":"still newer"}`)
	windows[3].awaitText("still newer (default")
	windows[0].open("events?type=mission.>", "Events")
	windows[0].awaitText("still newer (default")
}

// A page says so while its requests are not answered, whatever still arrives by itself.
func TestRequestsThatHang(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.open("overview", "Overview")
	b.awaitText("Connected")
	eval[bool](b, `(() => {
		const real = window.fetch;
		window.fetch = (path, init) => new Promise((resolve) => { window.go = () => resolve(real(path, init)); });
		return true;
	})()`)
	b.open("missions", "Missions")
	b.await("a request", "window.go")
	eval[bool](b, `(() => { const now = Date.now; Date.now = () => now() + 60000; return true; })()`)
	b.awaitText("Requests are not answered")
	b.awaitNoText("Connected")
}

// Without a shared worker, a page keeps its one connection itself.
func TestWithoutASharedWorker(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": "delete window.SharedWorker"}, nil)
	b.open("events", "Events")
	b.awaitText("Connected")
	s.post(`{"name":"first"}`)
	b.awaitText("first (default")
	b.open("alerts", "Alerts")
	s.post(`{"name":"second"}`)
	b.open("events", "Events")
	b.awaitText("second (default")
}
