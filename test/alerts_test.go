package test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream/streamtest"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/eventually"
)

// A raised alert is in the stream once, and its webhook is called although the
// supervisor was killed before it could call it.
func TestAnAlertOutlivesAKill(t *testing.T) {
	for _, store := range []string{"sqlite", "redis"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			alertOutlivesAKill(t, newSite(t, stores[store](t), ""))
		})
	}
}

func alertOutlivesAKill(t *testing.T, at *site) {
	var accepts atomic.Bool
	refused, output := make(chan struct{}, 1000), make(chan charter.Event, 1000)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !accepts.Load() {
			w.WriteHeader(http.StatusBadGateway)
			refused <- struct{}{}
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		if e, err := charter.Decode(body); err == nil && strings.HasPrefix(r.Header.Get("webhook-signature"), "v1,") {
			output <- e
		}
	}))
	t.Cleanup(receiver.Close)
	config, secret := filepath.Join(at.dir, "mc.yaml"), filepath.Join(at.dir, "secret")
	must(t, os.WriteFile(config, []byte("alerts:\n- name: no-agent\n  for: 200ms\nalert_interval: 50ms\nalert_webhook: "+receiver.URL+"\n"), 0o600))
	must(t, os.WriteFile(secret, []byte("secret\n"), 0o600))
	args := []string{"--config", config, "--alert-webhook-secret-file", secret}

	p := at.start(args...)
	_, _, err := p.client().Create(t.Context(), api.MissionSpec{Name: "x", Type: "t"})
	must(t, err)
	wait(t, refused)
	p.Kill()
	accepts.Store(true)

	p = at.start(args...)
	raised := wait(t, output)
	payload, err := charter.DecodePayload(&raised)
	must(t, err)
	if alert, ok := payload.(charter.AlertRaised); !ok || alert.Rule != "no-agent" || alert.Value != 1 {
		t.Fatalf("the webhook was told %+v", payload)
	}
	_, err = p.client().Agent("a").Register(t.Context(), api.RegisterRequest{Name: "a", Types: []string{"t"}, Capacity: 1})
	must(t, err)
	resolved := wait(t, output)
	payload, err = charter.DecodePayload(&resolved)
	must(t, err)
	if alert, ok := payload.(charter.AlertResolved); !ok || alert.Rule != "no-agent" {
		t.Fatalf("the webhook was told %+v", payload)
	}
	out, _, code := run(t, nil, binary, "alerts", "--json", "-s", p.Broker)
	var reply api.Alerts
	if err := json.Unmarshal([]byte(out), &reply); err != nil || code != 0 || len(reply.Alerts) != 11 {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	awaitStreamed(t, p.Broker, raised.ID.String(), resolved.ID.String())
	p.stop()
}

func wait[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(testTimeout):
		t.Fatal("what was to happen did not happen")
		panic("unreachable")
	}
}

// awaitStreamed waits until the alert events in the stream have exactly these IDs,
// in order.
func awaitStreamed(t *testing.T, url string, ids ...string) {
	t.Helper()
	var got []string
	eventually.Holds(t, func() bool {
		got = nil
		for _, e := range streamtest.Events(t, url, charter.TypeAlertRaised, charter.TypeAlertResolved) {
			got = append(got, e.ID.String())
		}
		return slices.Equal(got, ids)
	}, func() string { return fmt.Sprintf("the stream's alert events are %v, want %v", got, ids) })
}
