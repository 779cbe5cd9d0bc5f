package sqlitestore

import (
	"context"
	"errors"
	"sync"
	"testing"

	"missioncontrol/missions"
)

// Long pages leave a connection to what is short.
func TestPagesLeaveAConnectionFree(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Config{Readers: 3})
	release, busy := make(chan struct{}), make(chan struct{}, 10)
	var pages sync.WaitGroup
	for range 10 {
		pages.Go(func() {
			err := s.backend.readSettled(context.Background(), func(*conn) error {
				busy <- struct{}{}
				<-release
				return nil
			})
			if err != nil {
				t.Errorf("a page: %v", err)
			}
		})
	}
	<-busy
	<-busy
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	if _, err := s.Get(t.Context(), "nobody"); !errors.Is(err, missions.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	if len(busy) > 0 {
		t.Error("more pages are read at once than leave a connection free")
	}
	close(release)
	pages.Wait()
}
