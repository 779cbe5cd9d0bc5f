package test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/test/eventually"
)

// cluster is a running test/cluster, as `make cluster` runs it.
type cluster struct {
	*child
	dir     string
	brokers []string // URLs
	ports   []string // of all parts
	redis   string   // its port
}

// startCluster runs it on free ports and waits until every part is up. An empty
// store is SQLite with one supervisor; "redis" is its Redis, with two.
func startCluster(t *testing.T, store string) *cluster {
	t.Helper()
	c := &cluster{dir: t.TempDir()}
	for _, port := range streamtest.FreePorts(t, 9) {
		c.ports = append(c.ports, strconv.Itoa(port))
	}
	c.redis = c.ports[8]
	for _, port := range c.ports[:3] {
		c.brokers = append(c.brokers, "nats://127.0.0.1:"+port)
	}
	if store == "redis" {
		store = "redis://127.0.0.1:" + c.redis
	}
	tools, err := filepath.Abs("../.cache/bin")
	must(t, err)
	c.child = spawn(t, "..", []string{
		"PATH=" + strings.Join([]string{filepath.Dir(binary), tools, os.Getenv("PATH")}, ":"),
		"DIR=" + c.dir, "STORE=" + store, "REDIS_PORT=" + c.redis,
		"NATS_PORTS=" + strings.Join(c.ports[:3], " "), "ROUTE_PORTS=" + strings.Join(c.ports[3:6], " "),
		"HTTP_PORTS=" + strings.Join(c.ports[6:8], " "),
	}, "bash", "test/cluster")
	// The parts are in process groups of their own, and the script stops them.
	t.Cleanup(func() {
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-c.exited:
		case <-time.After(testTimeout):
			t.Error("the cluster does not stop; parts of it may still run")
		}
	})
	c.awaitPrinted("Ctrl-C")
	return c
}

func (c *cluster) connect(t *testing.T) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(strings.Join(c.brokers, ","), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	must(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// killPart is kill -9 of one part; the script restarts it.
func (c *cluster) killPart(name string) {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, name+".pid"))
	must(c.t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	must(c.t, err)
	must(c.t, syscall.Kill(pid, syscall.SIGKILL))
}

// again repeats a request until it is answered.
func again(t *testing.T, ask func(context.Context) error) {
	t.Helper()
	var err error
	eventually.Holds(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second) // it may have gone to one that is dead
		defer cancel()
		err = ask(ctx)
		return err == nil
	}, func() string { return err.Error() })
}

// The topology starts, runs missions, keeps three replicas of its events, survives
// a kill of the stream's leader, takes it back, and leaves nothing behind.
func TestClusterOfPlainProcesses(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]string{"one supervisor on SQLite": "", "two supervisors on Redis": "redis"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clusterOfPlainProcesses(t, store)
		})
	}
}

func clusterOfPlainProcesses(t *testing.T, store string) {
	cluster := startCluster(t, store)
	nc := cluster.connect(t)
	c := client.New(nc)
	shout := func(id string) {
		t.Helper()
		// A broker that dies loses requests. With an ID of its own, a create is
		// safe to repeat.
		spec := api.MissionSpec{ID: id, Name: id, Type: "shout", Data: json.RawMessage(`{"text":"hello"}`)}
		again(t, func(ctx context.Context) error { _, _, err := c.Create(ctx, spec); return err })
		var m missions.Mission
		again(t, func(ctx context.Context) (err error) { m, err = c.Wait(ctx, id); return err })
		if m.Status != missions.Completed || string(m.Result) != `{"TEXT":"HELLO"}` {
			t.Fatalf("%+v", m)
		}
	}
	shout("before")
	js, err := jetstream.New(nc)
	must(t, err)
	var stream jetstream.Stream
	again(t, func(ctx context.Context) (err error) { stream, err = js.Stream(ctx, "EVENTS"); return err })
	info := stream.CachedInfo()
	if info.Config.Replicas != 3 || info.Cluster == nil || len(info.Cluster.Replicas) != 2 {
		t.Fatalf("the stream: %+v", info)
	}
	if policy, _, _ := run(t, nil, "redis-cli", "-p", cluster.redis, "config", "get", "maxmemory-policy"); !strings.Contains(policy, "noeviction") {
		t.Fatalf("Redis: %s", policy)
	}

	leader := info.Cluster.Leader // n1, n2 or n3
	cluster.killPart(leader)
	shout("one-is-away")
	again(t, func(ctx context.Context) error {
		info, err := stream.Info(ctx)
		if err != nil {
			return err
		}
		for _, replica := range info.Cluster.Replicas {
			if !replica.Current {
				return fmt.Errorf("%s does not have the whole stream: %+v", replica.Name, replica)
			}
		}
		return nil
	})
	again(t, func(ctx context.Context) error {
		last, err := stream.GetLastMsgForSubject(ctx, "events.mission.created")
		if err == nil && !strings.Contains(string(last.Data), `"one-is-away"`) {
			err = fmt.Errorf("the last mission of the stream: %s", last.Data)
		}
		return err
	})

	if store == "redis" {
		for i, part := range []string{"s1", "redis", "s2"} {
			cluster.killPart(part)
			shout(fmt.Sprint("without-", part, "-", i))
		}
	}

	if code := cluster.stop(syscall.SIGINT); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, port := range cluster.ports {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = conn.Close()
			t.Errorf("somebody still listens on port %s", port)
		}
	}
}

// Every part of the topology is killed in turn, under load. The cost is printed,
// and the store and the stream give the verdict.
func TestClusterUnderFire(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, "redis")
	brokers := strings.Join(cluster.brokers, ",")
	w := begin(t, brokers, 3)
	const each = 150
	rate := func(phase string) {
		t.Helper()
		began := time.Now()
		w.await(each)
		t.Logf("%-12s %5.0f missions/s", phase, each/time.Since(began).Seconds())
	}
	w.await(each) // warm up
	rate("at the start")
	for _, part := range []string{"s1", "s2", "n1", "n2", "n3", "redis", "agent"} {
		cluster.killPart(part)
		rate(part + " killed")
	}
	rate("at the end")
	w.check(brokers)
}
