package test

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A supervisor creates the event stream with the compression that it is started with, S2
// unless told otherwise. A stream that exists keeps its own.
func TestTheEventStreamIsCompressedAsConfigured(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args  []string
		want  jetstream.StoreCompression
		later string // how it is started again
	}{
		"by default":     {want: jetstream.S2Compression, later: "none"},
		"as it asks for": {args: []string{"--event-compression", "s2"}, want: jetstream.S2Compression, later: "none"},
		"not at all":     {args: []string{"--event-compression", "none"}, want: jetstream.NoCompression, later: "s2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := start(t, dir, c.args...)
			if got := eventCompression(t, p.Broker); got != c.want {
				t.Errorf("a new stream has compression %v, want %v", got, c.want)
			}
			p.stop()
			p = start(t, dir, "--event-compression", c.later)
			if got := eventCompression(t, p.Broker); got != c.want {
				t.Errorf("the stream's compression has become %v", got)
			}
			awaitLog(t, p, "left unchanged")
			p.stop()
		})
	}
}

// eventCompression returns the compression of the event stream.
func eventCompression(t *testing.T, url string) jetstream.StoreCompression {
	t.Helper()
	nc, err := nats.Connect(url)
	must(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	must(t, err)
	stream, err := js.Stream(t.Context(), "EVENTS")
	must(t, err)
	return stream.CachedInfo().Config.Compression
}
