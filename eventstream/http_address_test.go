package eventstream_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"missioncontrol/eventstream"
)

func TestAnHTTPAddressIsTheReason(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	stream, err := eventstream.Open(eventstream.Config{URL: server.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close(context.Background()) }()
	for {
		changed := stream.Changed()
		status := stream.Status()
		if strings.Contains(status.Reason, eventstream.ErrHTTPAddress.Error()) {
			return
		}
		if strings.Contains(status.Reason, "timeout") {
			t.Fatalf("the reason is %q", status.Reason)
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatal("no reason")
		}
	}
}
