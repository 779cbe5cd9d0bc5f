package eventstream

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

func TestOrderFor(t *testing.T) {
	t.Parallel()
	at := func(leader string) *jetstream.ClusterInfo { return &jetstream.ClusterInfo{Leader: leader} }
	for name, c := range map[string]struct {
		replicas int
		atomic   bool
		cluster  *jetstream.ClusterInfo
		inFlight int
		want     ordering
	}{
		"a single broker that does not say":   {1, true, nil, 100, pipelined},
		"one copy on this broker":             {1, true, at("here"), 100, pipelined},
		"one copy on this broker, no batches": {1, false, at("here"), 100, pipelined},
		"one copy behind another broker":      {1, true, at("there"), 100, atomically},
		"the same, no batches":                {1, false, at("there"), 100, oneByOne},
		"one copy, nobody knows where":        {1, true, at(""), 100, atomically},
		"three copies":                        {3, true, at("here"), 100, atomically},
		"three copies, no batches":            {3, false, at("here"), 100, oneByOne},
		"one in flight is asked for":          {3, true, at("here"), 1, oneByOne},
	} {
		info := &jetstream.StreamInfo{Config: jetstream.StreamConfig{Replicas: c.replicas, AllowAtomicPublish: c.atomic}, Cluster: c.cluster}
		if got := orderFor(info, "here", c.inFlight); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestSettleForOne(t *testing.T) {
	t.Parallel()
	says := func(code jetstream.ErrorCode, text string) error {
		return &jetstream.APIError{ErrorCode: code, Description: text}
	}
	few := says(10005, "no suitable peers for placement")
	for name, c := range map[string]struct {
		url    string
		err    error
		atOnce bool
		later  bool
	}{
		"no cluster":                {"nats://a", says(10074, "replicas > 1 not supported in non-clustered mode"), true, true},
		"an account without copies": {"nats://a", says(10120, "no JetStream default or applicable tiered limit present"), true, true},
		"too few nodes":             {"nats://a,nats://b", few, false, true},
		"too few, an older server":  {"nats://a", says(10023, "insufficient resources"), false, true},
		"too few, three are named":  {"nats://a,nats://b,nats://c", few, false, false},
		"a node is down":            {"nats://a", says(10005, "no suitable peers for placement, peer offline"), false, false},
		"a node was never heard":    {"nats://a", says(10005, "no suitable peers for placement, miscellaneous issue"), false, false},
		"something else":            {"nats://a", says(10047, "insufficient storage resources available"), false, false},
		"no answer of JetStream's":  {"nats://a", errors.New("timeout"), false, false},
	} {
		s := &Stream{cfg: Config{URL: c.url, Timing: Timing{ReplicasWait: time.Minute}}}
		now := time.Now()
		if got := s.fallBackToOneReplica(c.err, now); got != c.atOnce {
			t.Errorf("%s: at once %v, want %v", name, got, c.atOnce)
		}
		if got := s.fallBackToOneReplica(c.err, now.Add(59*time.Second)); got != c.atOnce {
			t.Errorf("%s: a second before its time %v, want %v", name, got, c.atOnce)
		}
		if got := s.fallBackToOneReplica(c.err, now.Add(time.Minute)); got != c.later {
			t.Errorf("%s: later %v, want %v", name, got, c.later)
		}
	}
}

func TestWithUser(t *testing.T) {
	t.Parallel()
	found := []string{"nats://10.0.0.1:4222", "nats://10.0.0.2:4222"}
	for configured, want := range map[string][]string{
		"nats://a":                     found,
		"nats://a,nats://ann:secret@b": {"nats://ann:secret@10.0.0.1:4222", "nats://ann:secret@10.0.0.2:4222"},
		"token@a":                      {"nats://token@10.0.0.1:4222", "nats://token@10.0.0.2:4222"},
	} {
		if got := withUser(configured, found); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", configured, got, want)
		}
	}
}
