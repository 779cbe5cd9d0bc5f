package browser

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"missioncontrol/eventstream/streamtest"
	"missioncontrol/supervisor/api"
)

// While the broker is away the pages keep working, and say so. When it is back,
// what happened meanwhile is shown, once.
func TestTheBrokerGoesAndComesBack(t *testing.T) {
	t.Parallel()
	port := streamtest.FreePorts(t, 1)[0]
	dir := t.TempDir()
	broker := streamtest.StartBroker(t, port, dir)
	s := start(t, "--server", broker.ClientURL())
	b := openTab(t, s.HTTP, wide)
	b.open("events?type=mission.created&back=", "Events")
	b.awaitText("Connected")
	s.post(`{"id":"before","name":"before"}`)
	b.awaitText("before (default")
	broker.Shutdown()
	broker.WaitForShutdown()
	b.awaitText("The broker is away")
	b.awaitText("Degraded")
	b.shoot("broker-away")
	s.post(`{"id":"meanwhile","name":"meanwhile"}`)
	b.open("missions", "Missions")
	b.awaitText("meanwhile")
	b.open("events?type=mission.created", "Events")
	b.awaitText("No events arrive")
	streamtest.StartBroker(t, port, dir)
	b.awaitNoText("The broker is away")
	b.awaitText("meanwhile (default")
	s.post(`{"id":"after","name":"after"}`)
	b.awaitText("after (default")
	if rows := eval[int](b, `document.querySelectorAll(".feed-row").length`); rows != 3 {
		t.Errorf("%d rows, want one for each of three events", rows)
	}
}

// A page says when its supervisor is down, and continues with the next one.
func TestTheSupervisorGoesAndComesBack(t *testing.T) {
	t.Parallel()
	first := start(t)
	address := first.HTTP
	b := openTab(t, address, wide)
	b.open("overview", "Overview")
	b.awaitText("Connected")
	first.Kill()
	b.awaitText("The supervisor does not answer")
	b.open("alerts", "Alerts") // all pages are available
	b.open("overview", "Overview")
	second := start(t, "--http", address[len("http://"):])
	b.awaitNoText("The supervisor does not answer")
	second.post(`{"name":"anew"}`)
	b.await("the count", `document.querySelector(".tile .figure").textContent === "1"`)
}

// If tokens are required the page asks for one, and does not offer a viewer what a
// viewer may not do.
func TestAViewerIsNotOfferedChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tokens := filepath.Join(dir, "tokens.yaml")
	for _, who := range [][2]string{{"viewer", "wall"}, {"operator", "mary"}} {
		out, err := exec.Command(binary, "auth", "token", who[0], who[1], "--tokens", tokens).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	secret := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name+".token"))
		must(t, err)
		return strings.TrimSpace(string(text))
	}
	s := start(t, "--tokens-file", tokens)
	_, err := s.client().CreateBatch(t.Context(), []api.MissionSpec{{ID: "m-1", Name: "number 1"}, {ID: "m-2", Name: "number 2"}})
	must(t, err)

	b := openTab(t, s.HTTP, wide)
	b.open("missions", "Sign in")
	b.audit("sign-in")
	b.shoot("sign-in")
	b.write("Token", "not-a-token")
	b.key("Enter")
	b.awaitText("This token is not known here")
	b.submitToken(secret("wall"))
	b.awaitText("number 2")
	b.awaitText("view only")
	for _, name := range []string{"New mission", "Select all on this page", "Select number 2"} {
		if b.offers(name) {
			t.Errorf("a viewer is offered %q", name)
		}
	}
	b.key("n")
	b.press("number 2")
	b.awaitText("created, PENDING")
	for _, name := range []string{"Cancel", "Retry", "Delete", "Copy as new", "Create mission"} {
		if b.offers(name) {
			t.Errorf("a viewer is offered %q", name)
		}
	}
	b.key("d")
	b.settle()
	if eval[bool](b, `!!document.querySelector("dialog")`) {
		t.Error("a shortcut offers a change")
	}
	// A viewer that tries anyway is refused.
	if status := eval[int](b, `fetch("/api/missions/m-2", {method: "DELETE"}).then((r) => r.status)`); status != http.StatusForbidden {
		t.Errorf("a viewer deletes: %d", status)
	}

	b.press("Sign out")
	b.awaitText("Paste the token")
	b.submitToken(secret("mary"))
	b.press("Delete")
	b.press("Delete mission")
	b.awaitMessage("1 mission deleted.")
	if s.mission("m-1").Name != "number 1" {
		t.Error("the other one is gone, too")
	}
}

// The table works the same with many missions as with few: a page takes the same
// small number of requests.
func TestManyMissions(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i := range 12 {
		s.batch("bulk", fmt.Sprintf("bulk %d-%%d", i), 1000, "")
	}
	s.batch("bulk", "needle %d", 1, "")
	for i := range 12 {
		s.batch("bulk", fmt.Sprintf("more %d-%%d", i), 1000, "")
	}
	b := openTab(t, s.HTTP, wide)
	b.open("missions", "Missions")
	b.awaitText("more 11-1000")
	if rows := eval[int](b, `document.querySelectorAll("tbody tr").length`); rows != 50 {
		t.Errorf("%d rows", rows)
	}
	b.press("Older")
	b.awaitText("more 11-950")
	b.awaitNoText("more 11-1000")
	// It is further back than one request examines.
	b.open("missions?text=needle", "Missions")
	b.awaitText("needle 1")
}
