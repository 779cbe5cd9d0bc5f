package sqlitestore

import (
	"context"
	"errors"
	"sync"
)

// readers are connections for reading. Readings that may take long leave one for the others.
type readers struct {
	free    chan *conn
	bulk    chan struct{} // a place for each connection that may be used for long
	opened  int
	closing chan struct{}
	once    sync.Once
}

func newReaders(n int) *readers {
	return &readers{free: make(chan *conn, n), bulk: make(chan struct{}, max(1, n-1)), closing: make(chan struct{})}
}

func (r *readers) open(path string) error {
	c, err := openConn(path, pragmas+"PRAGMA query_only = ON;")
	if err == nil {
		r.free <- c
		r.opened++
	}
	return err
}

// take returns a connection, which give takes back.
func (r *readers) take(ctx context.Context) (*conn, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	select {
	case c := <-r.free:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.closing:
		return nil, errClosed
	}
}

func (r *readers) give(c *conn) { r.free <- c }

// takeLong is take for a reading that may take long.
func (r *readers) takeLong(ctx context.Context) (*conn, error) {
	select {
	case r.bulk <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.closing:
		return nil, errClosed
	}
	c, err := r.take(ctx)
	if err != nil {
		<-r.bulk
	}
	return c, err
}

func (r *readers) giveLong(c *conn) {
	r.give(c)
	<-r.bulk
}

// usable returns an error if ctx has ended or the connections are being closed.
func (r *readers) usable(ctx context.Context) error {
	select {
	case <-r.closing:
		return errClosed
	default:
		return ctx.Err()
	}
}

// close closes the connections, once nobody uses them.
func (r *readers) close() (err error) {
	r.once.Do(func() {
		close(r.closing)
		for range r.opened {
			err = errors.Join(err, (<-r.free).close())
		}
	})
	return err
}
