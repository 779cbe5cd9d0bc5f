// Package migrate brings a data set in Redis to the schema of this version.
package migrate

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions/redisstore"
)

// Command returns the command migrate.
func Command(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "migrate",
		GroupID: ui.GroupRun,
		Short:   "Upgrade a Redis data set that an earlier version wrote",
		Long: `Upgrade a Redis data set from schema 3 to schema 4, which this version uses. First stop every
supervisor of the data set, and back up Redis. There is no way back except the backup.

migrate refuses to work on a data set while a supervisor leads. From its start on, no
supervisor can use the data set, of any version. If migrate fails or is interrupted, run it
again: it continues where it stopped.

It finds Redis like the supervisor does: in --store, $SUPERVISOR_STORE or the file given with
--config. A SQLite store needs no migration: the supervisor upgrades it when it opens it.`,
		Example: `  supervisor migrate --store redis://127.0.0.1:6379
  supervisor migrate --config /etc/missioncontrol.yaml`,
		Args: ui.NoArguments,
	}
	config.AddStoreFlags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		store, exposed, err := config.LoadStore(cmd.Flags(), c.LookupEnv)
		if err != nil {
			return err
		}
		config.WarnOfExposed(c, exposed)
		if _, embedded := store.Path(); embedded {
			return ui.Usagef("migrate is for Redis: give its location with --store redis://HOST; a supervisor upgrades a SQLite store when it opens it")
		}
		return migrate(cmd.Context(), c, store.Text)
	}
	return cmd
}

func migrate(ctx context.Context, c *ui.Console, url string) error {
	line := &ui.LiveLine{Screen: c.Err}
	shown := time.Time{}
	done, err := redisstore.Migrate(ctx, redisstore.Config{URL: url, Logger: slog.New(slog.DiscardHandler)}, func(p redisstore.MigrationProgress) {
		if now := time.Now(); now.Sub(shown) >= time.Second {
			shown = now
			line.Show(progress(p))
		}
	})
	line.Hide()
	switch {
	case err != nil:
		return err
	case done.Already:
		c.Out.Printf("The data set has schema %d already; there is nothing to do\n", redisstore.Schema)
	default:
		c.Out.Printf("%s, %s, %s, %s waiting; the data set has schema %d now\n", ui.Plural(done.Missions, "mission", "missions"),
			ui.Plural(done.Leases, "lease", "leases"), ui.Plural(done.Agents, "agent", "agents"), ui.Plural(done.Events, "event", "events"), redisstore.Schema)
	}
	return nil
}

// progress describes how far a migration is.
func progress(p redisstore.MigrationProgress) ui.Painted {
	var text strings.Builder
	text.WriteString(strings.ToUpper(p.Doing[:1]) + p.Doing[1:])
	if p.Done > 0 {
		text.WriteString(": " + ui.Count(p.Done))
	}
	if p.Of > 0 {
		text.WriteString(" of " + ui.Count(p.Of))
	}
	return ui.Painted(text.String())
}
