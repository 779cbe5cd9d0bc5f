package redisstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
)

// Keys of other programs beside a data set's are left alone, and change nothing.
func TestKeysOfOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	client := server.Client()
	others := []string{"mc", "mc:0", "mc:0:meta", "{mc}:meta", "{mc:0}", "{mc:0}meta", "{mc:1}:meta", "{mc:00}:meta", "{mcx:0}:meta", "xmc:0}:meta", "{MC:0}:meta"}
	for _, key := range others {
		must(t, client.Set(t.Context(), key, "another program", 0).Err())
	}
	s := mustOpen(t, redisstore.Config{URL: server.URL()})
	fill(t, s)
	for _, key := range others {
		if got := client.Get(t.Context(), key).Val(); got != "another program" {
			t.Errorf("%s holds %q", key, got)
		}
	}
	keys, err := client.Keys(t.Context(), "*").Result()
	must(t, err)
	for _, key := range keys {
		if !slices.Contains(others, key) && !strings.HasPrefix(key, "{mc:0}:") {
			t.Errorf("a key of ours is called %s", key)
		}
	}
}

// Where keys of ours are there and are no data set, or a damaged one, a store does not open.
func TestOpenNamesAKeyOfAnotherProgram(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	client := server.Client()
	head := func(field, value string) func(context.Context) error {
		return func(ctx context.Context) error { return client.HSet(ctx, "{mc:0}:meta", field, value).Err() }
	}
	text := func(key string) func(context.Context) error {
		return func(ctx context.Context) error { return client.Set(ctx, key, "foreign", 0).Err() }
	}
	for name, write := range map[string]struct {
		fresh bool // there is no data set yet
		write func(context.Context) error
		key   string
	}{
		"a text as the head":       {true, text("{mc:0}:meta"), "{mc:0}:meta holds a value of another type"},
		"a hash as the head":       {true, head("foreign", "x"), "{mc:0}:meta is not the head"},
		"a schema and nothing":     {true, head("schema", "4"), "{mc:0}:meta is the damaged head"},
		"a schema that is none":    {false, head("schema", "x"), "{mc:0}:meta is not the head"},
		"partitions without end":   {false, head("partitions", "1000000000"), "{mc:0}:meta is the damaged head"},
		"no partitions":            {false, head("partitions", "0"), "{mc:0}:meta is the damaged head"},
		"another partition":        {false, head("partition", "1"), "{mc:0}:meta is the damaged head"},
		"an identity that is none": {false, head("identity", strings.Repeat("x", 1<<20)), "{mc:0}:meta is the damaged head"},
		"an epoch that is none":    {false, head("epoch", "x"), "{mc:0}:meta is the damaged head"},
		"no secret":                {false, head("secret", ""), "{mc:0}:meta is the damaged head"},
		"a text as the agents":     {true, text("{mc:0}:agents"), "{mc:0}:agents holds a value of another type"},
		"a text as the outbox":     {false, text("{mc:0}:o"), "{mc:0}:o holds a value of another type"},
	} {
		must(t, client.FlushAll(t.Context()).Err())
		if !write.fresh {
			s := mustOpen(t, redisstore.Config{URL: server.URL()})
			must(t, s.Close())
		}
		must(t, write.write(t.Context()))
		t.Run(name, func(t *testing.T) {
			wantOpenError(t, redisstore.Config{URL: server.URL()}, redisstore.ErrForeign, write.key)
			wantOpenError(t, redisstore.Config{URL: server.URL()}, redisstore.ErrForeign, "choose another name with prefix=")
		})
		mustOpen(t, redisstore.Config{URL: server.URL() + "?prefix=" + newPrefix()})
	}
}

// A key that another program takes while the store is open is named as such to callers.
func TestAKeyOfAnotherProgramWhileItRuns(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	s := mustOpen(t, redisstore.Config{URL: server.URL()})
	must(t, server.Client().Set(t.Context(), "{mc:0}:q:1:t", "foreign", 0).Err())
	_, err := tryCreate(s, "m")
	wantUnavailable(t, err, "data of another program")
	must(t, server.Client().HSet(t.Context(), "{mc:0}:meta", "identity", "foreign").Err())
	wantUnavailable(t, s.CheckWrite(t.Context()), "belongs to another program")
}

func refOf(m *missions.Mission) missions.LeaseRef {
	return missions.LeaseRef{MissionID: m.ID, Lease: m.Lease}
}

// fill makes something of every kind that a store keeps.
func fill(t *testing.T, s *redisstore.Store) {
	t.Helper()
	ctx := t.Context()
	_, err := s.Register(ctx, missions.Agent{ID: "a", Name: "a", Role: "r", Types: []string{"t"}, Capacity: 9}, time.Hour)
	must(t, err)
	batch := make([]missions.Mission, 6)
	for i := range batch {
		batch[i] = mission(fmt.Sprint("m", i))
		batch[i].Tags = []string{"red"}
	}
	batch[4].Data = json.RawMessage(`"` + strings.Repeat("x", 2000) + `"`)
	batch[5].NotBefore = missions.At(time.Now().Add(time.Hour))
	_, err = s.Create(ctx, batch)
	must(t, err)
	claimed, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: "a", Types: []string{"t"}, Max: 3, Lease: time.Hour}})
	must(t, err)
	for i, m := range claimed[0].Missions {
		_, err := s.AppendLog(ctx, []missions.LogAppend{{AgentID: "a", LeaseRef: refOf(&m), Level: "info", Message: "line"}})
		must(t, err)
		if i == 0 {
			_, err = s.Finish(ctx, []missions.Finish{{AgentID: "a", LeaseRef: refOf(&m), Outcome: missions.OutcomeComplete,
				Result: json.RawMessage(`"` + strings.Repeat("y", 2000) + `"`)}})
			must(t, err)
		}
	}
	_, err = s.ChangeAlerts(ctx, []missions.AlertChange{{Alert: missions.Alert{Rule: "r", State: missions.AlertFiring, Metric: "missions.total"}, Tell: true, Notify: true}})
	must(t, err)
	_, err = s.Sample(ctx)
	must(t, err)
	_, err = s.Lead(ctx, "me", time.Hour)
	must(t, err)
}

// everything asks a store for all that it can do, and returns the errors. What has an id of
// its own is made with the number n.
func everything(ctx context.Context, s *redisstore.Store, n int) (errs []error) {
	add := func(err error) { errs = append(errs, err) }
	did := func(_ any, err error) { add(err) }
	did(s.Get(ctx, "m0"))
	did(s.Get(ctx, "m4"))
	did(s.Log(ctx, "m0", 0, 100))
	did(s.List(ctx, missions.Filter{Limit: 100}))
	did(s.List(ctx, missions.Filter{Limit: 100, Text: "mission"}))
	did(s.List(ctx, missions.Filter{Limit: 100, Tag: "red"}))
	did(s.List(ctx, missions.Filter{Limit: 100, AgentID: "a"}))
	did(s.Counts(ctx))
	did(s.Stats(ctx, ""))
	did(s.Stats(ctx, "t"))
	did(s.History(ctx, "", 60))
	did(s.History(ctx, "t", 60))
	did(s.Unserved(ctx))
	did(s.ListAgents(ctx, missions.AgentFilter{Limit: 100}))
	did(s.Alerts(ctx))
	did(s.Notices(ctx, 10))
	did(s.Outboxes()[0].Pending(ctx, 0, 1000))
	did(s.Lead(ctx, "me", time.Hour))
	did(s.Due(ctx, 100))
	did(s.Sample(ctx))
	did(tryCreate(s, fmt.Sprint("new-", n)))
	results, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: "a", Types: []string{"t"}, Max: 2, Lease: time.Hour, Alive: true}})
	add(err)
	for _, r := range results {
		for _, m := range r.Missions {
			did(s.Progress(ctx, []missions.ProgressUpdate{{AgentID: "a", LeaseRef: refOf(&m), Progress: missions.Progress{Percent: 1}}}))
			did(s.Finish(ctx, []missions.Finish{{AgentID: "a", LeaseRef: refOf(&m), Outcome: missions.OutcomeRelease}}))
		}
	}
	did(s.Heartbeat(ctx, []missions.Heartbeat{{AgentID: "a"}}))
	did(s.Cancel(ctx, []missions.CancelRequest{{ID: "m3"}}))
	did(s.Retry(ctx, []missions.RetryRequest{{ID: "m3"}}))
	did(s.Delete(ctx, []string{"m5"}))
	did(s.Retain(ctx, time.Nanosecond, 10))
	did(s.Lost(ctx, "a", "gone", missions.At(time.Now())))
	did(s.Leave(ctx, "a", "left"))
	return errs
}

// foreign are ways in which another program can write to a key of ours.
var foreignWrites = map[string]func(context.Context, *redis.Client, string){
	"a text in its place": func(ctx context.Context, c *redis.Client, key string) { c.Set(ctx, key, "foreign", 0) },
	"an empty text":       func(ctx context.Context, c *redis.Client, key string) { c.Set(ctx, key, "", 0) },
	"a huge text": func(ctx context.Context, c *redis.Client, key string) {
		c.Set(ctx, key, strings.Repeat("\x02", 4<<20), 0)
	},
	"a list in its place":  func(ctx context.Context, c *redis.Client, key string) { c.Del(ctx, key); c.RPush(ctx, key, "foreign") },
	"nothing in its place": func(ctx context.Context, c *redis.Client, key string) { c.Del(ctx, key) },
	"something more in it": func(ctx context.Context, c *redis.Client, key string) {
		c.HSet(ctx, key, "foreign", "foreign", "9:x", "-7", "", "x", "r", "r", "q9999999999", "9")
		c.ZAdd(ctx, key, redis.Z{Score: -1, Member: "foreign"}, redis.Z{Score: 1e300, Member: ""})
		c.SAdd(ctx, key, "foreign", "")
		c.LPush(ctx, key, "foreign", "")
		c.XAdd(ctx, &redis.XAddArgs{Stream: key, ID: "9007199254740993-0", Values: []string{"e", "foreign"}})
	},
	"other values in it": func(ctx context.Context, c *redis.Client, key string) {
		for field := range c.HGetAll(ctx, key).Val() {
			c.HSet(ctx, key, field, "=foreign 9=9 x= r= =")
		}
		for _, member := range c.ZRange(ctx, key, 0, -1).Val() {
			c.ZAdd(ctx, key, redis.Z{Score: 1e18, Member: member})
		}
		c.LSet(ctx, key, 0, "foreign")
		c.SetRange(ctx, key, 9, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	},
}

// Whatever another program writes to our keys, a store answers or says that it cannot: it
// does not crash, and what it says is an error that callers know.
func TestWhatOthersWriteIsNoCrash(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	client := server.Client()
	ctx := t.Context()
	fill(t, mustOpen(t, redisstore.Config{URL: server.URL()}))
	keys, err := client.Keys(ctx, "{mc:0}:*").Result()
	must(t, err)
	whole := map[string]string{}
	for _, key := range keys {
		whole[key] = client.Dump(ctx, key).Val()
	}
	n := 0
	for _, key := range keys {
		for name, write := range foreignWrites {
			must(t, client.FlushAll(ctx).Err())
			for key, value := range whole {
				must(t, client.Restore(ctx, key, 0, value).Err())
			}
			s := mustOpen(t, redisstore.Config{URL: server.URL()})
			write(ctx, client, key)
			n++
			for i, err := range everything(ctx, s, n) {
				var known *missions.Error
				if err != nil && !errors.As(err, &known) {
					t.Errorf("%s, %s: answer %d is %v", key, name, i, err)
				}
			}
			again, err := redisstore.Open(ctx, redisstore.Config{URL: server.URL(), Logger: silent()})
			switch {
			case err == nil:
				must(t, again.Close())
			case !errors.Is(err, redisstore.ErrForeign) && !errors.Is(err, redisstore.ErrNewerSchema):
				t.Errorf("%s, %s: the store opens with %v", key, name, err)
			}
			must(t, s.Close())
		}
	}
	if len(keys) < 30 {
		t.Errorf("there are only %d keys: %v", len(keys), keys)
	}
}
