package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// pace is how fast a body must arrive, on average, after a grace period.
type pace struct {
	grace time.Duration
	rate  int64         // bytes a second
	most  time.Duration // for a body, however large
}

var defaultPace = pace{grace: 5 * time.Second, rate: 16 << 10, most: time.Minute}

// until returns how long after its start more than the given number of bytes of a body
// must have arrived.
func (p pace) until(bytes int64) time.Duration {
	return min(p.grace+time.Duration(bytes)*time.Second/time.Duration(p.rate), p.most)
}

// body reads the body of an admitted request, and counts it as it arrives. It returns
// an error to refuse the request with if it cannot. The connection is then not used
// again, as the rest of the body may arrive at any time.
func (d frontEnd) body(w http.ResponseWriter, r *http.Request, a *admittedRequest) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	in := &bodyReader{body: http.MaxBytesReader(w, r.Body, api.MaxBody), conn: http.NewResponseController(w),
		request: a, pace: d.pace, begun: time.Now()}
	body, err := io.ReadAll(in)
	if err == nil {
		// The server notices that a client is gone by reading on, for which there is no
		// deadline.
		err = in.deadline(time.Time{})
	}
	if err == nil {
		return body, nil
	}
	w.Header().Set("Connection", "close")
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, api.ErrOverloaded), errors.Is(err, missions.ErrOverloaded):
		return nil, err
	case errors.As(err, &tooLarge):
		return nil, missions.TooLarge("body", "is larger than %d MiB", api.MaxBody>>20)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, tooSlow(in.pace)
	}
	return nil, missions.Invalid("body", "could not be read completely")
}

func tooSlow(p pace) error {
	e := api.Timeout("body arrived too slowly: after %v, it must arrive at %d KiB/s on average, and be complete within %v", p.grace, p.rate>>10, p.most)
	e.Field = "body"
	return e
}

// bodyReader reads a body, counts it as it arrives, and ends it if it arrives too
// slowly.
type bodyReader struct {
	body    io.Reader
	conn    *http.ResponseController
	request *admittedRequest
	pace    pace
	begun   time.Time
	read    int64
}

// Read implements [io.Reader].
func (b *bodyReader) Read(p []byte) (int, error) {
	if err := b.deadline(b.begun.Add(b.pace.until(b.read))); err != nil {
		return 0, err
	}
	n, err := b.body.Read(p)
	b.read += int64(n)
	if held := b.request.hold(int64(n)); held != nil {
		return n, held
	}
	return n, err
}

// deadline sets the time by which more must arrive; zero for none.
func (b *bodyReader) deadline(at time.Time) error {
	if err := b.conn.SetReadDeadline(at); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("the connection was lost: %w", err)
	}
	return nil
}
