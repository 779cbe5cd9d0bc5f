package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/fileperm"
	"missioncontrol/missions/sqlitestore"
	"missioncontrol/supervisor/relay"
)

// RestoreCommand returns the command restore.
func RestoreCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "restore DIR",
		GroupID: ui.GroupRun,
		Short:   "Create a data directory from a backup",
		Long: `Create a data directory from a backup. You can then start a supervisor on it. Nothing is
overwritten: the data directory must be empty or not exist.

Missions and events are as they were when the backup was made; later changes are lost.
Missions that were claimed later are pending, and the requests of their agents get
lease_lost. The stream has no later events, but your consumers may already have handled
some.`,
		Example: `  supervisor restore /var/backups/missions-2026-05-01 --data-dir /var/lib/missioncontrol
  supervisor restore copy && supervisor`,
		Args: ui.Arguments(1, 1, "the directory of the backup"),
	}
	var dataDir string
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "create `DIR` ($SUPERVISOR_DATA_DIR); default "+config.DefaultDataDir())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if dataDir == "" {
			dataDir, _ = c.LookupEnv("SUPERVISOR_DATA_DIR")
		}
		if dataDir == "" {
			dataDir = config.DefaultDataDir()
		}
		return restore(cmd.Context(), c, args[0], dataDir)
	}
	return cmd
}

// restore works in a directory within the data directory, which may be a volume of its
// own. While that directory exists, no supervisor starts on the data directory.
func restore(ctx context.Context, c *ui.Console, dir, dataDir string) (err error) {
	m, err := readManifest(dir)
	if err != nil {
		return err
	}
	if err := requireEmpty(dataDir); err != nil {
		return err
	}
	work := filepath.Join(dataDir, config.RestoringName)
	if err := os.MkdirAll(work, fileperm.DirMode); err != nil {
		return fmt.Errorf("cannot create %s: %w", work, fileperm.Cause(err))
	}
	complete := false
	defer func() {
		if !complete {
			err = errors.Join(err, os.RemoveAll(work))
		}
	}()
	if err := restoreStore(ctx, dir, m, filepath.Join(work, config.StoreFileName)); err != nil {
		return err
	}
	if err := restoreStreams(ctx, dir, m, filepath.Join(work, config.JetStreamName)); err != nil {
		return err
	}
	complete = true
	if err := moveIn(work, dataDir); err != nil {
		return fmt.Errorf("the restore into %s was interrupted; empty the directory, and restore again: %w", dataDir, fileperm.Cause(err))
	}
	showBackup(c, "Restored the backup", dataDir, m)
	return nil
}

// restoreStore makes a store from the copy.
func restoreStore(ctx context.Context, dir string, m *manifest, to string) error {
	file, err := openPart(dir, config.StoreFileName, m.StoreBytes)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // nothing was written
	restored, err := sqlitestore.Restore(ctx, wholeOf(file, m.StoreBytes), to)
	if err == nil && restored != m.Store {
		err = fmt.Errorf("the backup %s is inconsistent: its %s is not the one that %s describes", dir, config.StoreFileName, manifestName)
	}
	return err
}

// moveIn moves the restored data to its place. It removes the work directory last: while
// that exists, however the move ended, no supervisor starts on incomplete data.
func moveIn(work, dataDir string) error {
	for _, part := range []string{config.JetStreamName, config.StoreFileName} {
		if err := os.Rename(filepath.Join(work, part), filepath.Join(dataDir, part)); err != nil {
			return err
		}
	}
	return os.Remove(work)
}

// restoreStreams restores the streams with an embedded broker that nobody else can
// connect to.
func restoreStreams(ctx context.Context, dir string, m *manifest, to string) (err error) {
	broker, err := embedded.Start(ctx, embedded.Config{
		Port: embedded.AnyPort, StoreDir: to, Access: &embedded.Access{}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, broker.Shutdown(context.WithoutCancel(ctx))) }()
	nc, err := nats.Connect(broker.ClientURL(), broker.SignIn()...)
	if err != nil {
		return err
	}
	defer nc.Close()
	for name, stream := range m.Streams {
		if err := restoreStream(ctx, nc, dir, name, stream); err != nil {
			return err
		}
	}
	return truncateStream(ctx, nc, m)
}

func restoreStream(ctx context.Context, nc *nats.Conn, dir, name string, stream streamCopy) error {
	file, err := openSnapshot(dir, name, stream)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // nothing was written
	return eventstream.RestoreSnapshot(ctx, nc, name, stream.Snapshot, wholeOf(file, stream.Bytes))
}

// truncateStream removes the events that the store does not know from the stream.
func truncateStream(ctx context.Context, nc *nats.Conn, m *manifest) error {
	events, there := m.Streams[eventstream.DefaultStreamName]
	if !there {
		return nil
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	stream, err := js.Stream(ctx, eventstream.DefaultStreamName)
	if err != nil {
		return err
	}
	_, err = relay.TruncateAfter(ctx, stream, m.Store.Identity, m.Store.Position, events.Before)
	return err
}
