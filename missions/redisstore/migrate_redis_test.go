package redisstore_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
)

// TestMigrateOnACluster migrates partitions on several nodes, with exactly the permissions that
// docs/OPERATIONS.md names.
func TestMigrateOnACluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3)
	addrs := strings.Split(strings.TrimPrefix(cluster.URL(), "redis-cluster://"), ",")
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	defer func() { must(t, client.Close()) }()
	ahead := redisstore.RestoreSchema3(t, client, 3)
	for _, node := range cluster.Nodes {
		user(t, node, "mc", append(documented(t, "a Redis Cluster"), documented(t, "to migrate")...)...)
	}
	url := strings.Replace(cluster.URL(), "://", "://mc:PASSWORD@", 1)
	refusedWithout(t, cluster, redisstore.Config{URL: url, Ahead: ahead, Logger: silent()})
	done, err := redisstore.Migrate(t.Context(), redisstore.Config{URL: url, Ahead: ahead, Logger: silent()}, nil)
	must(t, err)
	if want := (redisstore.Migrated{Missions: 32, Leases: 6, Agents: 7, Events: 39}); done != want {
		t.Errorf("migrated %+v, want %+v", done, want)
	}
	records := 0
	for partition, name := range []string{"{mc:0}:", "{mc:1}:", "{mc:2}:"} {
		if schema := client.HGet(t.Context(), name+"meta", "schema").Val(); schema != "4" {
			t.Errorf("partition %d has schema %s", partition, schema)
		}
	}
	for _, node := range cluster.Nodes {
		keys, err := node.Client().Keys(t.Context(), "*:m:*").Result()
		must(t, err)
		for _, key := range keys {
			if record := client.Get(t.Context(), key).Val(); !strings.HasPrefix(record, "{") {
				t.Errorf("%s is %q", key, record)
			}
		}
		records += len(keys)
	}
	if records != int(done.Missions) {
		t.Errorf("%d records, want %d", records, done.Missions)
	}
}

// refusedWithout takes permissions from one node at a time, and checks that nothing is begun.
func refusedWithout(t *testing.T, cluster *redistest.Cluster, cfg redisstore.Config) {
	t.Helper()
	ctx, tried := t.Context(), 0
	for number, node := range cluster.Nodes {
		rules := []string{"+scan"}
		for _, meta := range []string{"{mc:0}:meta", "{mc:1}:meta", "{mc:2}:meta"} {
			if node.Client().Exists(ctx, meta).Err() == nil {
				rules = []string{"+scan", "+rename", "+unlink", "+hlen", "+zadd", "+evalsha"}
			}
		}
		tried += len(rules)
		for _, rule := range rules {
			user(t, node, "mc", "-"+rule[1:])
			_, err := redisstore.Migrate(ctx, cfg, nil)
			if want := "allow it with: ACL SETUSER mc " + rule; err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "not complete") {
				t.Fatalf("without %s on node %d: error is %v, want one with %q", rule, number, err, want)
			}
			user(t, node, "mc", rule)
			for _, node := range cluster.Nodes {
				for partition, meta := range []string{"{mc:0}:meta", "{mc:1}:meta", "{mc:2}:meta"} {
					if there, err := node.Client().HExists(ctx, meta, "state").Result(); err == nil && !there {
						t.Fatalf("without %s on node %d: partition %d is fenced", rule, number, partition)
					}
				}
			}
		}
	}
	if tried < 10 {
		t.Errorf("the partitions are on one node; %d permissions were tried", tried)
	}
}

// TestMigrateNamesWhatItMayNotDo is refused without any one of the permissions that only a
// migration needs, before anything is changed.
func TestMigrateNamesWhatItMayNotDo(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendonly", "no", "--save", "")
	ahead := redisstore.RestoreSchema3(t, server.Client(), 1)
	rules := documented(t, "to migrate")
	user(t, server, "mc", documented(t, "one Redis")...)
	cfg := redisstore.Config{URL: as("mc", server), Ahead: ahead, Logger: silent()}
	before, err := server.Client().HGetAll(t.Context(), "{mc:0}:meta").Result()
	must(t, err)
	for i, rule := range rules {
		user(t, server, "mc", append([]string{"-" + rule[1:]}, slices.Delete(slices.Clone(rules), i, i+1)...)...)
		_, err := redisstore.Migrate(t.Context(), cfg, nil)
		if want := "allow it with: ACL SETUSER mc " + rule; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: error is %v, want one with %q", rule, err, want)
		}
		after, err := server.Client().HGetAll(t.Context(), "{mc:0}:meta").Result()
		must(t, err)
		if !maps.Equal(before, after) {
			t.Errorf("without %s: the head is %v, was %v", rule, after, before)
		}
	}
	user(t, server, "mc", rules...)
	_, err = redisstore.Migrate(t.Context(), cfg, nil)
	must(t, err)
}

// TestMigrateSaysThatItMayNotLook is refused because of the permission, not for lack of a data set.
func TestMigrateSaysThatItMayNotLook(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendonly", "no", "--save", "")
	ahead := redisstore.RestoreSchema3(t, server.Client(), 1)
	for rules, want := range map[string]string{
		"reset on >PASSWORD +@all":                 "~{mc:*",
		"reset on >PASSWORD +@all ~{other:*":       "~{mc:*",
		"reset on >PASSWORD +@all ~{mc:0}:meta":    "~{mc:*",
		"reset on >PASSWORD +@all %R~{mc:*":        "~{mc:*",
		"reset on >PASSWORD +@all ~{mc:* -hget":    "+hget",
		"reset on >PASSWORD +@all ~{mc:* -hincrby": "+hincrby",
	} {
		user(t, server, "mc", strings.Fields(rules)...)
		_, err := redisstore.Migrate(t.Context(), redisstore.Config{URL: as("mc", server), Ahead: ahead, Logger: silent()}, nil)
		if want = "allow it with: ACL SETUSER mc " + want; !errors.Is(err, redisstore.ErrForbidden) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want one with %q", rules, err, want)
		}
		if !server.Client().HExists(t.Context(), "{mc:0}:meta", "state").Val() {
			t.Fatalf("%s: the partition is fenced", rules)
		}
	}
}
