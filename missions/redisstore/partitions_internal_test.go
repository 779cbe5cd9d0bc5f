package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore/redistest"
)

// TestTheJournalKeepsWhatAPartitionNeeds: entries are kept while a partition that they concern
// cannot be used, and for as long as it takes to know that it has them. The others go.
func TestTheJournalKeepsWhatAPartitionNeeds(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	client, ctx := server.Client(), t.Context()
	s, err := Open(ctx, Config{URL: server.URL(), Partitions: 3, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	b := s.Store.(closing).backend
	b.journal.keep = 0
	made := 0
	in := func(partition int) string {
		for {
			made++
			if id := fmt.Sprint("m-", made); b.home(id).number == partition {
				return id
			}
		}
	}
	add := func(id string) error {
		m := missions.Mission{ID: id, Name: id, Type: "t"}
		m.Normalize()
		r, err := s.Create(ctx, []missions.Mission{m})
		if err == nil {
			err = r[0].Err
		}
		return err
	}
	if err := add(in(1)); err != nil {
		t.Fatal(err)
	}
	// The partition refuses an entry, which is committed all the same.
	if err := client.Rename(ctx, "{mc:1}:counts", "{mc:1}:kept").Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.Set(ctx, "{mc:1}:counts", "not ours", 0).Err(); err != nil {
		t.Fatal(err)
	}
	late := in(1)
	if err := add(late); err == nil {
		t.Fatal("a mission was created in a partition that refuses it")
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	concerning := func(partition string) (n int) {
		entries, err := client.XRange(ctx, "{mc:0}:j", "-", "+").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if _, there := e.Values[partition]; there {
				n++
			}
		}
		return n
	}
	const most = 200
	for added := 0; added < most || concerning("2") > most/2; added++ { // entries of partition 2 are trimmed meanwhile
		if err := add(in(2)); err != nil {
			t.Fatal(err)
		}
		if added >= most {
			<-tick.C
		}
	}
	if concerning("1") == 0 {
		t.Error("the entry that the partition lacks is gone from the journal")
	}
	if err := client.Rename(ctx, "{mc:1}:kept", "{mc:1}:counts").Err(); err != nil {
		t.Fatal(err)
	}
	for {
		_, err := s.Get(context.Background(), late)
		if err == nil {
			break
		}
		if !errors.Is(err, missions.ErrUnavailable) {
			t.Fatalf("the mission that was committed: %v", err)
		}
		<-tick.C
	}
}
