package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/eventstream"
	"missioncontrol/missions/sqlitestore"
)

// A backup is a directory:
//
//	backup.json         what it is, written last
//	missions.db         the store
//	streams/NAME.snap   each stream, as JetStream gives it

const (
	backupFormat  = 2 // 1 had no sizes
	manifestName  = "backup.json"
	storeFileName = "missions.db"
	streamsName   = "streams"
	snapSuffix    = ".snap"
)

// manifest says what a backup holds.
type manifest struct {
	Format     int                   `json:"format"`
	Version    string                `json:"version"` // of the supervisor that made it
	MadeAt     time.Time             `json:"made_at"`
	Store      sqlitestore.Copy      `json:"store"`
	StoreBytes int64                 `json:"store_bytes"` // of its file
	Streams    map[string]streamCopy `json:"streams"`
}

// streamCopy is a stream in a backup.
type streamCopy struct {
	eventstream.Snapshot

	// Before is the newest sequence at a time before the store was copied.
	Before uint64 `json:"before"`

	Bytes   int64 `json:"bytes"`         // of its file
	Content int64 `json:"content_bytes"` // of what that holds, decompressed
}

// streamFile is where a stream of the backup is.
func streamFile(dir, name string) string { return filepath.Join(dir, streamsName, name+snapSuffix) }

// makeBackup fills an empty directory. The store comes first, and then the streams: what
// they hold beyond the store can be taken away when they are restored, while a store
// that is newer than its stream may have forgotten what the stream does not have.
func makeBackup(ctx context.Context, nc *nats.Conn, store, dir string, check func(sqlitestore.Copy) error) (*manifest, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	m := &manifest{Format: backupFormat, Version: version(), Streams: map[string]streamCopy{}}
	streams := js.ListStreams(ctx)
	for info := range streams.Info() {
		m.Streams[info.Config.Name] = streamCopy{Before: info.State.LastSeq}
	}
	if err := streams.Err(); err != nil {
		return nil, fmt.Errorf("the broker's streams cannot be listed: %w", err)
	}
	m.MadeAt = time.Now().UTC()
	if m.Store, err = sqlitestore.Backup(ctx, store, filepath.Join(dir, storeFileName)); err != nil {
		return nil, err
	}
	if err := check(m.Store); err != nil {
		return nil, err
	}
	info, err := os.Stat(filepath.Join(dir, storeFileName))
	if err != nil {
		return nil, err
	}
	m.StoreBytes = info.Size()
	if err := os.Mkdir(filepath.Join(dir, streamsName), 0o700); err != nil {
		return nil, err
	}
	for name, stream := range m.Streams {
		err := writeFile(streamFile(dir, name), func(f *os.File) (err error) {
			stream.Snapshot, err = eventstream.TakeSnapshot(ctx, nc, name, f)
			return err
		})
		if err == nil {
			stream.Bytes, stream.Content, err = measureSnapshot(streamFile(dir, name))
		}
		if err != nil {
			return nil, err
		}
		m.Streams[name] = stream
	}
	return m, writeFile(filepath.Join(dir, manifestName), func(f *os.File) error {
		encoder := json.NewEncoder(f)
		encoder.SetIndent("", "  ")
		return encoder.Encode(m)
	})
}

// writeFile creates a file that only its owner can read, and has what is written to it
// reach the disk.
func writeFile(path string, write func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
