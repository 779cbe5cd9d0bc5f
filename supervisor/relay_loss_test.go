package supervisor_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/test/eventually"
)

// setBack resets a broker to what it had on disk at an earlier time, as a crash of its
// machine would. It calls meanwhile while the broker is away.
func (r *relayRig) setBack(broker *embedded.Server, earlier string, meanwhile func()) {
	r.t.Helper()
	must(r.t, broker.Shutdown(context.Background()))
	must(r.t, os.RemoveAll(r.dir))
	must(r.t, os.CopyFS(r.dir, os.DirFS(earlier)))
	meanwhile()
	r.startBroker()
}

// snapshot copies what a broker has on disk, and starts the broker again.
func (r *relayRig) snapshot(broker *embedded.Server) (*embedded.Server, string) {
	r.t.Helper()
	copied := filepath.Join(r.t.TempDir(), "earlier")
	must(r.t, broker.Shutdown(context.Background()))
	must(r.t, os.CopyFS(copied, os.DirFS(r.dir)))
	return r.startBroker(), copied
}

// A broker that comes back from a machine crash without the last events it had
// acknowledged gets them again, once and in order: with or without new events, and also
// if the supervisor was killed in between.
func TestWhatABrokerHadNotWrittenIsSentAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more     int // missions created while the broker is away
		restarts bool
	}{
		"nothing else happens":          {0, false},
		"there is more":                 {7, false},
		"the supervisor is another one": {5, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRelayRig(t)
			broker := r.startBroker()
			url := broker.ClientURL()
			service, stop := r.startRelay(url)
			want := r.create(service, 0, 20)
			r.awaitEmptyOutbox()
			broker, earlier := r.snapshot(broker)
			want = append(want, r.create(service, 20, 600)...)
			r.awaitEmptyOutbox()
			if c.restarts {
				stop()
			}
			r.setBack(broker, earlier, func() { want = append(want, r.create(service, 620, c.more)...) })
			if c.restarts {
				_, stop = r.startRelay(url)
			}
			defer stop()
			if got := r.created(url, len(want)); !slices.Equal(got, want) {
				t.Fatalf("got %v\nwant %v", got, want)
			}
		})
	}
}

// Events that the broker has had time to sync are deleted from the outbox.
func TestWhatIsSafeIsForgotten(t *testing.T) {
	t.Parallel()
	r := newRelayRig(t)
	url := r.startBroker().ClientURL()
	stream, err := eventstream.Open(eventstream.Config{URL: url})
	must(t, err)
	service, err := supervisor.New(supervisor.Config{Store: r.store, Stream: stream, SyncInterval: 10 * time.Millisecond})
	must(t, err)
	stop := r.run(service, stream)
	defer stop()
	r.create(service, 0, 30)
	var left []missions.Event
	eventually.Holds(t, func() bool {
		left, err = r.store.Outboxes()[0].Pending(t.Context(), 0, 100)
		must(t, err)
		return len(left) == 0
	}, func() string { return fmt.Sprintf("%d events are left", len(left)) })
	r.created(url, 30)
}
