package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// A backup is taken under load, the supervisor is killed, and another one starts on
// the restored data. Nothing confirmed before the backup is missing, every change
// is in the stream once and in order, and a consumer that had seen everything
// misses nothing new.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, copied, restored := filepath.Join(dir, "data"), filepath.Join(dir, "copy"), filepath.Join(dir, "restored")
	p := start(t, data)
	before := load(t, p.client(), 0)
	stopFollowing := followCreated(t, p.Broker)

	var wait sync.WaitGroup
	wait.Go(func() {
		for round := range 4 { // what is accepted from here on may or may not be in it
			load(t, p.client(), round+1)
		}
	})
	if stdout, stderr, code := run(t, nil, binary, "backup", copied, "--data-dir", data, "--server", p.Broker); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	wait.Wait()
	stopFollowing()
	p.Kill()

	if stdout, stderr, code := run(t, nil, binary, "restore", copied, "--data-dir", restored); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	p = start(t, restored, "--lease", "2s", "--heartbeat", "500ms")
	finishAll(t, p.client())
	_, _, err := p.client().Create(t.Context(), api.MissionSpec{ID: "new", Name: "new", Type: "nobody"})
	must(t, err)
	awaitCreated(t, p.Broker, "new")
	seen := readHistories(t, p.Broker)
	for _, id := range before {
		if seen[id] != missions.Completed {
			t.Errorf("mission %s was confirmed; its events end with %q", id, seen[id])
		}
	}
	for id, status := range seen {
		if m, err := p.client().Get(t.Context(), id); err != nil || m.Status != status {
			t.Errorf("the stream tells of %s, which is %s; the store has %q: %v", id, status, m.Status, err)
		}
	}
	p.stop()
}

const follower = "follower"

func followerOf(t *testing.T, url string) (jetstream.Consumer, func()) {
	t.Helper()
	nc, err := nats.Connect(url)
	must(t, err)
	js, err := jetstream.New(nc)
	must(t, err)
	consumer, err := js.CreateOrUpdateConsumer(t.Context(), "EVENTS", jetstream.ConsumerConfig{
		Durable: follower, AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: "events.mission.created",
	})
	must(t, err)
	return consumer, nc.Close
}

// followCreated acknowledges everything it receives until it is stopped.
func followCreated(t *testing.T, url string) (stop func()) {
	t.Helper()
	consumer, hangUp := followerOf(t, url)
	consuming, err := consumer.Consume(func(msg jetstream.Msg) { _ = msg.Ack() })
	must(t, err)
	return func() {
		consuming.Drain()
		<-consuming.Closed()
		hangUp()
	}
}

// awaitCreated waits until the follower receives the creation of a mission.
func awaitCreated(t *testing.T, url, id string) {
	t.Helper()
	consumer, hangUp := followerOf(t, url)
	defer hangUp()
	for {
		msg, err := consumer.Next(jetstream.FetchMaxWait(testTimeout))
		if err != nil {
			t.Fatalf("the consumer does not receive %s: %v", id, err)
		}
		must(t, msg.DoubleAck(t.Context()))
		if strings.Contains(string(msg.Data()), fmt.Sprintf("%q:%q", "mission_id", id)) {
			return
		}
	}
}

func TestBackupAndRestoreRefuse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	p, other := start(t, in("data")), start(t, in("other"))
	_, _, err := p.client().Create(t.Context(), api.MissionSpec{ID: "m", Name: "m"})
	must(t, err)
	if _, stderr, code := run(t, nil, binary, "backup", in("good"), "--data-dir", in("data"), "--server", p.Broker); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	must(t, os.MkdirAll(filepath.Join(in("cut off"), "restoring"), 0o700))
	must(t, os.CopyFS(in("half"), os.DirFS(in("good"))))
	must(t, os.Truncate(filepath.Join(in("half"), "streams", "EVENTS.snap"), 100))
	for name, attempt := range map[string]struct {
		code int
		says string
		args []string
	}{
		"a backup that is there":          {1, "not empty", []string{"backup", in("good"), "--data-dir", in("data"), "--server", p.Broker}},
		"another supervisor's broker":     {1, "another store", []string{"backup", in("1"), "--data-dir", in("data"), "--server", other.Broker}},
		"no data":                         {2, "there is no store", []string{"backup", in("1"), "--data-dir", in("nothing"), "--server", p.Broker}},
		"Redis":                           {2, "Redis", []string{"backup", in("1"), "--store", "redis://localhost", "--server", p.Broker}},
		"no directory":                    {2, "backup needs the directory", []string{"backup"}},
		"restore on a running supervisor": {1, "not empty", []string{"restore", in("good"), "--data-dir", in("data")}},
		"restore of what is not a backup": {1, "is not a backup", []string{"restore", in("data"), "--data-dir", in("2")}},
		"restore of half a backup":        {1, "EVENTS", []string{"restore", in("half"), "--data-dir", in("3")}},
		"serve after half a restore":      {1, "restore again", []string{"serve", "--data-dir", in("cut off"), "--listen", "127.0.0.1:0", "--http", "off"}},
		"restore after half of another":   {1, "not empty", []string{"restore", in("good"), "--data-dir", in("cut off")}},
	} {
		_, stderr, code := run(t, []string{"NATS_URL=", "NATS_CONTEXT="}, binary, attempt.args...)
		if code != attempt.code || !strings.Contains(stderr, attempt.says) || strings.Count(strings.TrimSpace(stderr), "\n") != 0 {
			t.Errorf("%s: exit code %d: %s", name, code, stderr)
		}
	}
	for _, name := range []string{"1", "1.partial", "3/jetstream", "3/missions.db", "3/restoring"} {
		if _, err := os.Stat(in(name)); err == nil {
			t.Errorf("%s was left", name)
		}
	}
}
