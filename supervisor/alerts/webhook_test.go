package alerts_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"missioncontrol/supervisor/alerts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is an HTTP server that receives notifications.
func receiver(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return server.URL
}

func newWebhook(t *testing.T, url, secret string) *alerts.Webhook {
	t.Helper()
	w, err := alerts.NewWebhook(url, secret, "missioncontrol/1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// The signatures were computed by Python's hmac.
func TestAWebhookIsSigned(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		secret, id, body string
		at               int64
		signature        string
	}{
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLjSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", `{"test": 2432232314}`, 1614265330,
			"v1,q6KMVIJHk4Gs770FfR5f591Ftx7uVJSGl5wHV1ri978="},
		{"plain text", "id-1", `{"a":1}`, 1700000000, "v1,uydl/SRkM/9ztwTqKnQnmCpZVBxZ2Kln7T/u5xxQJnI="},
		{"", "id-2", `{}`, 1, ""},
	} {
		var got http.Header
		var body []byte
		url := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
			got = r.Header
			body, _ = io.ReadAll(r.Body)
		})
		if err := newWebhook(t, url, c.secret).Send(t.Context(), c.id, time.Unix(c.at, 999), []byte(c.body)); err != nil {
			t.Fatal(err)
		}
		if got.Get("webhook-signature") != c.signature || got.Get("webhook-id") != c.id || string(body) != c.body ||
			got.Get("Content-Type") != "application/json" || got.Get("User-Agent") != "missioncontrol/1.2.3" {
			t.Errorf("%s: %v %s", c.id, got, body)
		}
	}
}

func TestWhatAReceiverDoesNotAcceptIsAnErrorWithoutSecrets(t *testing.T) {
	t.Parallel()
	redirected := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
	for name, answer := range map[string]http.HandlerFunc{
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"410": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, redirected, http.StatusTemporaryRedirect)
		},
		"cut off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		url := strings.Replace(receiver(t, answer), "http://", "http://user:hidden@", 1) + "/?token=hidden"
		err := newWebhook(t, url, "hidden").Send(t.Context(), "id", time.Now(), []byte(`{}`))
		if err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAReceiverThatHangsIsNotWaitedForOnceNobodyWants(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		cancel()
		<-r.Context().Done()
	})
	if err := newWebhook(t, url, "").Send(ctx, "id", time.Now(), []byte(`{}`)); err == nil {
		t.Error("no error")
	}
}

func TestAWebhookThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{"", ""}, {"ftp://x", ""}, {"https://", ""}, {"%zz", ""}, {"nats.example.com", ""},
		{"https://x", "whsec_"}, {"https://x", "whsec_not base64!"}} {
		if _, err := alerts.NewWebhook(c[0], c[1], ""); err == nil || strings.Contains(err.Error(), "not base64!") {
			t.Errorf("%q: %v", c, err)
		}
	}
}
