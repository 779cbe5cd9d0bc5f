package web

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"missioncontrol/missions/leader"
)

// forwardPath is where supervisors that share a store send each other messages while their
// broker is away. It needs no token of tokens_file.
const forwardPath = "/peers/forward"

// Peers are supervisors that share a store.
type Peers struct {
	// Answer answers a message of another supervisor. The error says that it comes from
	// somebody else.
	Answer func(ctx context.Context, message []byte) ([]byte, error)

	// Pass returns a text that only supervisors of the data set know. Nothing is read from
	// anybody else.
	Pass func() string
}

// maxForwarded is how many bytes a message has.
const maxForwarded = 256 << 20

// passHeader has the pass of the data set.
const passHeader = "X-Supervisor-Pass"

// forwarding answers messages of other supervisors, and passes on all other requests.
func forwarding(peers *Peers, next http.Handler) http.Handler {
	if peers == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != forwardPath || r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		pass := peers.Pass()
		if pass == "" || subtle.ConstantTimeCompare([]byte(r.Header.Get(passHeader)), []byte(pass)) == 0 {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusForbidden)
			return
		}
		message, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForwarded))
		if err != nil {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		said, err := peers.Answer(r.Context(), message)
		if err != nil {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(said) // who asked may have gone
	})
}

// Forwarder sends messages to other supervisors over HTTP. It may be used concurrently.
type Forwarder struct{ client *http.Client }

// NewForwarder returns a forwarder.
func NewForwarder() *Forwarder {
	return &Forwarder{&http.Client{Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 5 * time.Second,
	}}}
}

// Send sends a message to the supervisor at an address, a URL, and returns its answer. The error
// is [leader.ErrNotDelivered] if it has certainly not arrived.
func (f *Forwarder) Send(ctx context.Context, address, pass string, message []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(address, "/")+forwardPath, bytes.NewReader(message))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", leader.ErrNotDelivered, err)
	}
	request.Header.Set(passHeader, pass)
	response, err := f.client.Do(request)
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		return nil, fmt.Errorf("%w: %w", leader.ErrNotDelivered, err)
	case err != nil:
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	switch status := response.StatusCode; {
	case status == http.StatusOK:
	case status >= http.StatusInternalServerError: // a proxy's, perhaps after the message was answered
		return nil, fmt.Errorf("%s answers with status %d", address, status)
	default:
		return nil, fmt.Errorf("%w: %s answers with status %d", leader.ErrNotDelivered, address, status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxForwarded))
}

// Close closes connections that are not in use.
func (f *Forwarder) Close() { f.client.CloseIdleConnections() }
