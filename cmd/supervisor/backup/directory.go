package backup

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

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/eventstream"
	"missioncontrol/missions/sqlitestore"
)

// A backup is a directory:
//
//	backup.json         the manifest, written last
//	missions.db         the store
//	streams/NAME.snap   each stream, as a JetStream snapshot

const (
	backupFormat = 2 // 1 had no sizes
	manifestName = "backup.json"
	streamsName  = "streams"
	snapSuffix   = ".snap"
)

// manifest describes what a backup holds.
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

	// Before is a sequence of the stream, the newest at a time before the store was
	// copied.
	Before uint64 `json:"before"`

	Bytes   int64 `json:"bytes"`         // of its file
	Content int64 `json:"content_bytes"` // of what that holds, decompressed
}

// streamFile returns the path of a stream's snapshot in the backup.
func streamFile(dir, name string) string { return filepath.Join(dir, streamsName, name+snapSuffix) }

// makeBackup fills an empty directory. version is that of this program. It copies the store first and then the streams.
// Events newer than the store can be removed on restore. The other order would not be
// safe: a store that is newer than its stream may already have deleted events that the
// stream does not have.
func makeBackup(ctx context.Context, nc *nats.Conn, version, store, dir string, check func(sqlitestore.Copy) error) (*manifest, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	m := &manifest{Format: backupFormat, Version: version, Streams: map[string]streamCopy{}}
	streams := js.ListStreams(ctx)
	for info := range streams.Info() {
		m.Streams[info.Config.Name] = streamCopy{Before: info.State.LastSeq}
	}
	if err := streams.Err(); err != nil {
		return nil, fmt.Errorf("cannot list the broker's streams: %w", err)
	}
	m.MadeAt = time.Now().UTC()
	if m.Store, err = sqlitestore.Backup(ctx, store, filepath.Join(dir, config.StoreFileName)); err != nil {
		return nil, err
	}
	if err := check(m.Store); err != nil {
		return nil, err
	}
	info, err := os.Stat(filepath.Join(dir, config.StoreFileName))
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

// writeFile creates a file that only its owner can read, and syncs it to disk.
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
