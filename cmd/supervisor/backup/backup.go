// Package backup copies the embedded store and the streams of a supervisor, checks such a
// copy, and makes a data directory of it again.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
	"missioncontrol/missions/sqlitestore"
	"missioncontrol/supervisor/natsapi"
)

// Command returns the command backup.
func Command(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "backup DIR",
		GroupID: ui.GroupRun,
		Short:   "Copy the missions and events of a supervisor that runs on this machine",
		Long: `Copy the embedded data into a new directory while the supervisor runs: the missions in its
SQLite store, and the streams of its broker with their consumers. No request waits for it.

Run backup on the same machine and as the same user as the supervisor, or as root. It finds
the broker, and how to sign in, in --data-dir, where a running supervisor leaves both. To use
another broker, give --server or --context; to sign in as another user, give --user or
--creds. To back up missions in Redis, use Redis' own tools.

With --keep, DIR holds several backups, named after their times: backup adds a new one, and
deletes all but the newest N.

To create a data directory from a backup, use restore.`,
		Example: `  supervisor backup /var/backups/missions-$(date +%F)
  supervisor backup /var/backups/missions --keep 14 --data-dir /var/lib/missioncontrol
  supervisor backup copy --config /etc/missioncontrol.yaml`,
		Args: ui.Arguments(1, 1, "the directory to create"),
	}
	config.AddStoreFlags(cmd.Flags())
	config.AddConnectionFlags(cmd)
	keep := cmd.Flags().Int("keep", 0, "create the backup in DIR, named after the time, and keep the newest `N` there")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("keep") && *keep < 1 {
			return ui.Usagef("--keep %d: it must be at least 1", *keep)
		}
		store, err := storeToCopy(c, cmd)
		if err != nil {
			return err
		}
		broker, exposed, err := config.LoadLocalBroker(cmd.Flags(), c.LookupEnv)
		if err != nil {
			return err
		}
		config.WarnOfExposed(c, exposed)
		return remote.ConnectTo(cmd.Context(), broker, remote.ConnectTimeout, func(ctx context.Context, s *remote.Session) error {
			if *keep == 0 {
				return backUp(ctx, c, s, store, args[0])
			}
			return backUpAndRotate(ctx, c, s, store, args[0], *keep)
		})
	}
	return cmd
}

// backUpAndRotate makes a backup in a directory of backups, and deletes old ones.
func backUpAndRotate(ctx context.Context, c *ui.Console, s *remote.Session, store, dir string, keep int) error {
	place, err := stamped(dir, time.Now())
	if err != nil {
		return err
	}
	if err := backUp(ctx, c, s, store, place); err != nil {
		return err
	}
	deleted, err := rotate(dir, keep)
	if deleted > 0 {
		c.Out.Printf("Deleted %s, and kept the newest %d\n", ui.Plural(deleted, "older backup", "older backups"), keep)
	}
	return err
}

// storeToCopy returns the file of the embedded store.
func storeToCopy(c *ui.Console, cmd *cobra.Command) (string, error) {
	store, exposed, err := config.LoadStore(cmd.Flags(), c.LookupEnv)
	if err != nil {
		return "", err
	}
	config.WarnOfExposed(c, exposed)
	path, embedded := store.Path()
	if !embedded {
		return "", ui.Usagef("%s: back up missions with Redis' own tools, and events with nats stream backup; see docs/OPERATIONS.md", store.Where)
	}
	if _, err := os.Stat(path); err != nil {
		return "", ui.Usagef("there is no store at %s; give its location with --data-dir or --store", path)
	}
	return path, nil
}

// partialSuffix ends the name of a backup that is not complete.
const partialSuffix = ".partial"

// cutPartial returns a name without partialSuffix, and whether it had it.
func cutPartial(name string) (string, bool) { return strings.CutSuffix(name, partialSuffix) }

// backUp writes a backup next to its final place and then moves it there, so that an
// incomplete backup is never mistaken for a complete one.
func backUp(ctx context.Context, c *ui.Console, s *remote.Session, store, dir string) (err error) {
	if err := requireEmpty(dir); err != nil {
		return err
	}
	partial := filepath.Clean(dir) + partialSuffix
	if err := os.Mkdir(partial, 0o700); err != nil {
		return fmt.Errorf("cannot create %s: %w; if an interrupted backup left it behind, delete it", partial, fileperm.Cause(err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(partial))
		}
	}()
	m, err := makeBackup(ctx, s.Conn, c.Version, store, partial, func(made sqlitestore.Copy) error { return sameSupervisor(ctx, s.Conn, made) })
	if err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(partial, dir); err != nil {
		return err
	}
	showBackup(c, "Backup", dir, m)
	return nil
}

// sameSupervisor checks that the store and the broker belong to the same supervisor.
func sameSupervisor(ctx context.Context, nc *nats.Conn, made sqlitestore.Copy) error {
	stores, err := natsapi.Stores(ctx, nc)
	switch {
	case err != nil:
		return err
	case len(stores) == 0:
		return errors.New("no supervisor answers on this broker; start it, or copy its data directory while it is stopped")
	case !slices.Contains(stores, made.Identity):
		return errors.New("the supervisor on this broker has another store; choose the right broker with --server, or the right store with --data-dir or --store")
	}
	return nil
}

// requireEmpty returns an error if the directory is not empty.
func requireEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot use the directory %s: %w", dir, fileperm.Cause(err))
	}
	for _, entry := range entries {
		if entry.Name() != "lost+found" { // present at the root of a volume
			return fmt.Errorf("%s is not empty; choose another directory", dir)
		}
	}
	return nil
}

func showBackup(c *ui.Console, title, dir string, m *manifest) {
	b := c.Out.Card(title + " of " + m.MadeAt.Local().Format("2006-01-02 15:04:05"))
	b.Line("Place", dir)
	b.Line("Store", fmt.Sprintf("SQLite, %s events so far", ui.Count(m.Store.Position)))
	b.Line("Streams", strings.Join(slices.Sorted(maps.Keys(m.Streams)), ", "))
	b.Print()
}
