package redisstore

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore/redistest"
	"missioncontrol/test/fatal"
)

var must = fatal.If

// fixture is a data set of schema 3 as testdata/schema3-N.json has it: every key, and what the
// version that wrote it answered at a time.
type fixture struct {
	Partitions int           `json:"partitions"`
	At         missions.Time `json:"-"`
	Micros     int64         `json:"at"`
	Keys       []fixtureKey  `json:"keys"`
	Want       struct {
		Missions []missions.Mission             `json:"missions"` // the newest first
		Logs     map[string][]missions.LogEntry `json:"logs"`
		Lists    map[string][]string            `json:"lists"` // by STATUS/TYPE/AGENT/TAG
		Tokens   map[string]int64               `json:"tokens"`
		Leases   map[string]fixtureLease        `json:"leases"`
		Agents   []missions.Agent               `json:"agents"`
		Alerts   []missions.Alert               `json:"alerts"`
		Notices  []missions.Event               `json:"notices"`
		Outboxes []fixtureOutbox                `json:"outboxes"`
		Counts   missions.Counts                `json:"counts"`
		Stats    map[string]missions.Stats      `json:"stats"` // by type
		History  map[string][]missions.Minute   `json:"history"`
		Unserved map[string]int64               `json:"unserved"`
	} `json:"want"`
}

type fixtureKey struct {
	Key    string      `json:"key"`
	Type   string      `json:"type"`
	Value  base64Text  `json:"value"`
	Fields [][2]string `json:"fields"` // of a hash, whose values are base64, or of a sorted set
	List   []string    `json:"list"`   // of a set, or base64 of a list
	Stream []struct {
		ID     string       `json:"id"`
		Values []base64Text `json:"values"`
	} `json:"stream"`
}

type fixtureLease struct {
	Token   int64 `json:"token"`
	Expires int64 `json:"expires"`
	Ends    int64 `json:"ends"`
	Stalls  int64 `json:"stalls"`
	Missed  int   `json:"missed"`
}

type fixtureOutbox struct {
	Identity     string           `json:"identity"`
	Acknowledged int64            `json:"acknowledged"`
	Mark         string           `json:"mark"`
	Events       []missions.Event `json:"events"`
	Positions    []int64          `json:"positions"`
}

type base64Text string

func (b *base64Text) UnmarshalJSON(text []byte) error {
	var decoded []byte
	err := json.Unmarshal(text, &decoded)
	*b = base64Text(decoded)
	return err
}

func decoded(t testing.TB, text string) string {
	t.Helper()
	plain, err := base64.StdEncoding.DecodeString(text)
	must(t, err)
	return string(plain)
}

func readFixture(t testing.TB, partitions int) *fixture {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("testdata/schema3-%d.json", partitions))
	must(t, err)
	f := &fixture{}
	must(t, json.Unmarshal(text, f))
	f.At = missions.Time(f.Micros)
	return f
}

// restore puts the data set into a Redis, in place of all that is there.
func (f *fixture) restore(t testing.TB, client redis.UniversalClient) {
	t.Helper()
	ctx := t.Context()
	_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
		if _, many := client.(*redis.ClusterClient); !many {
			p.FlushAll(ctx)
		}
		for i := range f.Keys {
			f.Keys[i].restore(ctx, t, p)
		}
		return nil
	})
	must(t, err)
}

func (k *fixtureKey) restore(ctx context.Context, t testing.TB, p redis.Pipeliner) {
	t.Helper()
	switch k.Type {
	case "string":
		p.Set(ctx, k.Key, string(k.Value), 0)
	case "hash":
		for _, f := range k.Fields {
			p.HSet(ctx, k.Key, f[0], decoded(t, f[1]))
		}
	case "zset":
		for _, f := range k.Fields {
			score, err := strconv.ParseFloat(f[1], 64)
			must(t, err)
			p.ZAdd(ctx, k.Key, redis.Z{Member: f[0], Score: score})
		}
	case "set":
		for _, member := range k.List {
			p.SAdd(ctx, k.Key, member)
		}
	case "list":
		for _, value := range k.List {
			p.RPush(ctx, k.Key, decoded(t, value))
		}
	case "stream":
		for _, entry := range k.Stream {
			words := []any{"XADD", k.Key, entry.ID}
			for _, value := range entry.Values {
				words = append(words, string(value))
			}
			p.Do(ctx, words...)
		}
	default:
		t.Fatalf("a key of type %s", k.Type)
	}
}

// ahead is how far a clock is ahead that shows the time of the fixture, and some more.
func (f *fixture) ahead(more time.Duration) func() time.Duration {
	began := time.Now()
	return func() time.Duration { return f.At.Time().Sub(began) + more }
}

// aheadBy is a clock that is some more ahead of Redis, however long whoever uses the other one has taken.
func aheadBy(ahead func() time.Duration, more time.Duration) func() time.Duration {
	return func() time.Duration { return ahead() + more }
}

// contents returns every key of a data set, in a form that can be compared.
func contents(t testing.TB, client redis.UniversalClient) map[string]any {
	t.Helper()
	ctx := t.Context()
	keys, err := client.Keys(ctx, "*").Result()
	must(t, err)
	kinds, values := make([]*redis.StatusCmd, len(keys)), make([]func() any, len(keys))
	_, err = client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			kinds[i] = p.Type(ctx, key)
		}
		return nil
	})
	must(t, err)
	_, err = client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			values[i] = content(ctx, p, kinds[i].Val(), key)
		}
		return nil
	})
	must(t, err)
	all := map[string]any{}
	for i, key := range keys {
		all[key] = values[i]()
	}
	return all
}

// content asks for a value, which is there when all were asked.
func content(ctx context.Context, p redis.Pipeliner, kind, key string) func() any {
	switch kind {
	case "string":
		value := p.Get(ctx, key)
		return func() any { return value.Val() }
	case "hash":
		value := p.HGetAll(ctx, key)
		return func() any { return value.Val() }
	case "zset":
		value := p.ZRangeWithScores(ctx, key, 0, -1)
		return func() any { return value.Val() }
	case "set":
		value := p.SMembersMap(ctx, key)
		return func() any { return value.Val() }
	case "list":
		value := p.LRange(ctx, key, 0, -1)
		return func() any { return value.Val() }
	}
	value := p.Do(ctx, "XRANGE", key, "-", "+")
	return func() any { return value.Val() }
}

// anew replaces what every migration makes anew.
func anew(t testing.TB, all map[string]any) map[string]any {
	t.Helper()
	meta, _ := all["{mc:0}:meta"].(map[string]string)
	if _, err := uuid.Parse(meta["identity"]); err != nil || len(meta["secret"]) != 64 {
		t.Errorf("the identity is %q and the secret %q", meta["identity"], meta["secret"])
	}
	meta["identity"], meta["secret"] = "", ""
	return all
}

// toMigrate is a data set that was restored, and how to migrate it.
type toMigrate struct {
	*fixture
	server *redistest.Server
	cfg    Config
}

func newToMigrate(t testing.TB, partitions int) *toMigrate {
	t.Helper()
	f := readFixture(t, partitions)
	server := redistest.Start(t, "--appendonly", "no", "--save", "")
	f.restore(t, server.Client())
	return &toMigrate{f, server, Config{URL: server.URL(), Ahead: f.ahead(0), Logger: slog.New(slog.DiscardHandler)}}
}

// migrate migrates it, with a client that has hooks.
func (m *toMigrate) migrate(t testing.TB, hooks ...redis.Hook) (Migrated, error) {
	t.Helper()
	cfg := m.cfg.WithDefaults()
	where, err := ParseURL(cfg.URL)
	must(t, err)
	options, err := redis.ParseURL(m.server.URL())
	must(t, err)
	options.MaxRetries = -1
	client := redis.NewClient(options)
	for _, hook := range hooks {
		client.AddHook(hook)
	}
	c := &connection{client: client, where: where, log: cfg.Logger}
	done, err := migrate(t.Context(), cfg, c, migrationBounds{keys: 40, lines: 10, entries: 2, slots: 600}, nil)
	must(t, c.close())
	return done, err
}

// encoded is a value as JSON.
func encoded(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return later.ReplaceAllString(string(text), "")
}

// later are fields that are not in what the version that was recorded has answered.
var later = regexp.MustCompile(`,"turn":\d+|,"waiting":(?:null|\{[^}]*\})|,"oldest_signal_wait_seconds":null|,"highest_usage_ratio":null|,"Waiting":\[[^]]*\]|,"Usage":null`)

// same compares values as JSON.
func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if a, b := encoded(t, got), encoded(t, want); a != b {
		at := 0
		for at < min(len(a), len(b)) && a[at] == b[at] {
			at++
		}
		from := max(0, at-80)
		t.Errorf("%s: got  %s\nwant %s", what, strings.TrimSpace(a[from:min(len(a), at+200)]), b[from:min(len(b), at+200)])
	}
}
