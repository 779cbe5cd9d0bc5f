package remote

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrDenied means that the broker does not allow the user to do something.
var ErrDenied = errors.New("this user may not")

// Denials records what the broker has denied a connection so far. The broker reports a
// denial asynchronously and does not answer the denied request. Its methods may be called
// concurrently.
type Denials struct {
	mu       sync.Mutex
	subjects map[string]bool // by "Publish" or "Subscription", a space, and the subject
	changed  chan struct{}   // closed by the next denial
}

// NewDenials returns a record without denials.
func NewDenials() *Denials {
	return &Denials{subjects: map[string]bool{}, changed: make(chan struct{})}
}

// violation matches a broker's permission errors.
var violation = regexp.MustCompile(`(?i)permissions violation for (publish|subscription) to "([^"]+)"`)

// Note records a permissions violation.
func (d *Denials) Note(err error) {
	parts := violation.FindStringSubmatch(err.Error())
	if parts == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.subjects[parts[1]+" "+parts[2]] = true
	close(d.changed)
	d.changed = make(chan struct{})
}

// Publish reports whether publishing to a subject was denied. The channel is closed by
// the next denial.
func (d *Denials) Publish(subject string) (bool, <-chan struct{}) {
	return d.Is("Publish " + subject)
}

// Is reports whether something was denied: "Publish" or "Subscription", a space, and the
// subject. The channel is closed by the next denial.
func (d *Denials) Is(what string) (bool, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.subjects[what], d.changed
}

// Try sends a request to a subject and waits until it ends or is denied. Any answer from the
// broker, even that there are no responders, means that the request was allowed.
func (d *Denials) Try(ctx context.Context, nc *nats.Conn, subject string, body []byte) error {
	return d.During(ctx, subject, func(ctx context.Context) error {
		_, err := nc.RequestWithContext(ctx, subject, body)
		return err
	})
}

// During runs a request to a subject until it ends or is denied, which is an [ErrDenied].
func (d *Denials) During(ctx context.Context, subject string, request func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answered := make(chan error, 1)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel() // runs before the wait, and ends it
	asking.Go(func() { answered <- request(ctx) })
	for {
		denied, changed := d.Publish(subject)
		if denied {
			return fmt.Errorf("%w publish to %s", ErrDenied, subject)
		}
		select {
		case err := <-answered:
			return err
		case <-changed:
		}
	}
}

// CanSubscribe reports whether the connection may subscribe to a subject. The connection
// must be opened with nats.PermissionErrOnSubscribe.
func CanSubscribe(ctx context.Context, nc *nats.Conn, subject string) (bool, error) {
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		return false, err
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection ends soon, too
	if err := nc.FlushWithContext(ctx); err != nil {
		return false, err
	}
	// A denial arrives before the reply to the flush.
	_, err = sub.NextMsg(time.Millisecond)
	return !errors.Is(err, nats.ErrPermissionViolation), nil
}
