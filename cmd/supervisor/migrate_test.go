package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions/redisstore/redistest"
)

// TestMigrate upgrades a small data set of schema 3.
func TestMigrate(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendonly", "no", "--save", "")
	client, ctx := server.Client(), t.Context()
	env := map[string]string{"SUPERVISOR_STORE": server.URL()}
	wants := func(code int, stdout, stderr string, args ...string) {
		t.Helper()
		gotCode, out, err := runIn(t, env, append([]string{"migrate"}, args...)...)
		equal(t, "exit code", gotCode, code)
		equal(t, "output", out, stdout)
		equal(t, "stderr", err, stderr)
	}
	wants(1, "", "supervisor: there is no data set: Redis has no key {mc:0}:meta\n")
	seq := binary.LittleEndian.AppendUint64(nil, 1_703_001_234_567_000)
	must(t, client.HSet(ctx, "{mc:0}:meta", "schema", 3, "identity", "0199a0c0-0000-7000-8000-000000000001", "partition", 0, "partitions", 1,
		"state", string(seq)+strings.Repeat("\x00", 13*8)).Err())
	must(t, client.Set(ctx, "{mc:0}:m:first", "\x01"+string(seq)+"\x01default\x00\x00\x00\x00the first\x00\x00{}\x00", 0).Err())
	must(t, client.HSet(ctx, "{mc:0}:ct", "0:default", 1).Err())

	must(t, client.HSet(ctx, "{mc:0}:leader", "holder", "supervisor-7", "until", time.Now().Add(time.Hour).UnixMicro()).Err())
	wants(1, "", "supervisor: the data set is in use: supervisor supervisor-7 is running; stop every supervisor of this data set first\n")
	must(t, client.Del(ctx, "{mc:0}:leader").Err())

	wants(2, "", "supervisor: migrate is for Redis: give its location with --store redis://HOST; a supervisor upgrades a SQLite store when it opens it\n",
		"--store", "sqlite:missions.db")
	wants(2, "", "supervisor: migrate takes no arguments, but was given \"x\"; see supervisor migrate --help\n", "x")
	wants(1, "", "supervisor: there is no data set: Redis has no key {other:0}:meta\n", "--store", server.URL()+"?prefix=other")
	wants(0, "1 mission, 0 leases, 0 agents, 0 events waiting; the data set has schema 4 now\n", "")
	file := filepath.Join(t.TempDir(), "config.yaml")
	must(t, os.WriteFile(file, []byte("store: "+server.URL()+"\n"), 0o600))
	env = nil
	wants(0, "The data set has schema 4 already; there is nothing to do\n", "", "--config", file)
}
