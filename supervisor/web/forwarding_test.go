package web_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"missioncontrol/missions/leader"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/web"
)

// TestMessagesOverHTTP: supervisors of one data set reach each other over HTTP, whatever tokens
// clients need, and nobody else has anything read.
func TestMessagesOverHTTP(t *testing.T) {
	t.Parallel()
	service, _ := newServiceWith(t, func(*supervisor.Config) {})
	listener, err := web.Listen("127.0.0.1:0")
	must(t, err)
	answered := 0
	server := web.Serve(listener, service, web.Guard{Peers: &web.Peers{
		Pass: func() string { return "the pass" },
		Answer: func(_ context.Context, message []byte) ([]byte, error) {
			answered++
			if string(message) == "forged" {
				return nil, errors.New("not from here")
			}
			return append([]byte("re: "), message...), nil
		},
	}}, quiet)
	t.Cleanup(func() { must(t, server.Stop(context.Background())) })
	f := web.NewForwarder()
	t.Cleanup(f.Close)
	url := "http://" + server.Addr() + "/"
	message := bytes.Repeat([]byte("x"), 3<<20)
	answer, err := f.Send(t.Context(), url, "the pass", message)
	if err != nil || !bytes.Equal(answer, append([]byte("re: "), message...)) {
		t.Errorf("answered with %d bytes, %v", len(answer), err)
	}
	for name, send := range map[string]func() error{
		"a wrong pass":     func() error { _, err := f.Send(t.Context(), url, "another", message); return err },
		"no pass":          func() error { _, err := f.Send(t.Context(), url, "", message); return err },
		"a forged message": func() error { _, err := f.Send(t.Context(), url, "the pass", []byte("forged")); return err },
		"nobody there":     func() error { _, err := f.Send(t.Context(), "http://127.0.0.1:1", "the pass", message); return err },
		"no URL":           func() error { _, err := f.Send(t.Context(), "::", "the pass", message); return err },
	} {
		if err := send(); !errors.Is(err, leader.ErrNotDelivered) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if answered != 2 {
		t.Errorf("%d messages were read, want 2", answered)
	}
	response, err := http.Get(url + "peers/forward") // is no page
	must(t, err)
	said, err := io.ReadAll(response.Body)
	must(t, errors.Join(err, response.Body.Close()))
	if response.StatusCode != http.StatusNotFound || !strings.Contains(string(said), "nothing at") {
		t.Errorf("GET: %d, %s", response.StatusCode, said)
	}
}
