package sqlitestore

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// applicationID marks a database file as a store of missions ("MiCo"), so that
// another program's database is never mistaken for one.
const applicationID = 0x4d69436f

var errForeign = errors.New("the file is the database of another program")

// migrate brings the schema to the newest version that this program knows, one
// step per file in migrations/, each in a transaction of its own. The version
// stands in SQLite's user_version. What SQL cannot do is done behind it; see convert.go.
func migrate(c *conn, path string) error {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return err
	}
	version, err := c.number("PRAGMA user_version")
	if err != nil {
		return err
	}
	if err := checkOurs(c); err != nil {
		return err
	}
	if version > int64(len(names)) {
		return fmt.Errorf("%w: %s has schema %d, but this version knows schema %d; "+
			"run the newer supervisor, or choose another directory with --data-dir",
			ErrNewerSchema, path, version, len(names))
	}
	for n := version; n < int64(len(names)); n++ {
		sql, err := migrationFiles.ReadFile(names[n])
		if err != nil {
			return err
		}
		if err := applyMigration(c.db, string(sql), n+1); err != nil {
			return fmt.Errorf("bring it to schema %d: %w", n+1, err)
		}
	}
	return convertStatistics(c)
}

func applyMigration(db *sqlite3.Conn, sql string, version int64) (err error) {
	transaction, err := db.BeginImmediate()
	if err != nil {
		return err
	}
	defer transaction.End(&err)
	if err := db.Exec(sql); err != nil {
		return err
	}
	return db.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, version))
}

// checkOurs returns errForeign for a database that holds something, but was not
// made here.
func checkOurs(c *conn) error {
	id, err := c.number("PRAGMA application_id")
	if err != nil || id == applicationID {
		return err
	}
	tables, err := c.number("SELECT count(*) FROM sqlite_schema")
	if err == nil && tables > 0 {
		err = errForeign
	}
	return err
}

// readIdentity returns the name of the data set, and mints it on first use.
func readIdentity(c *conn) (id string, err error) {
	err = c.query("SELECT store_id FROM identity", func(row *sqlite3.Stmt) (bool, error) {
		id = row.ColumnText(0)
		return false, nil
	})
	if err != nil || id != "" {
		return id, err
	}
	minted, err := uuid.NewRandom()
	if err != nil {
		return "", err
	}
	id = minted.String()
	return id, c.exec("INSERT INTO identity (store_id) VALUES (?)", id)
}
