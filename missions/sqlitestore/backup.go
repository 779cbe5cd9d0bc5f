package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/fileperm"
)

// Copy is a copy of a store, as of one commit.
type Copy struct {
	Identity string `json:"identity"` // of the store, see [missions.Store]
	Position int64  `json:"position"` // of the outbox's newest event; 0 before the first
}

// leaseLeap is by how much the fencing tokens of a restored store are ahead of those
// of the backup. What was claimed after the backup had tokens in between, and whoever
// still holds one must not pass for the holder of a new one.
const leaseLeap = 1 << 32

// Backup writes a copy of the store at path to the file to, which must not exist. It
// needs no lock: another process may have the store open and go on writing, which
// waits for nothing meanwhile; only the write-ahead log grows until the copy is made.
// The copy is on the disk when Backup returns. When ctx ends first, or anything fails,
// no file is left. Errors: [ErrNotWritable] of either file, [ErrDamaged].
func Backup(ctx context.Context, path, to string) (made Copy, err error) {
	if _, err := os.Stat(path); err != nil { // SQLite would make one
		return Copy{}, fmt.Errorf("there is no store at %s: %w", path, fileperm.Cause(err))
	}
	c, err := openConn(path, "PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY;")
	if err != nil {
		return Copy{}, unusable(path, err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := checkOurs(c); err != nil {
		return Copy{}, unusable(path, err)
	}
	if mode, err := c.number("PRAGMA auto_vacuum"); err != nil {
		return Copy{}, unusable(path, err)
	} else if mode == 0 { // the copy of an older store can give back space, too
		if err := c.exec(newFile); err != nil {
			return Copy{}, unusable(path, err)
		}
	}
	if err := createNew(to); err != nil {
		return Copy{}, notWritable(to, fileperm.Cause(err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	// One statement reads one state of the database, whatever is committed meanwhile.
	old := c.db.SetInterrupt(ctx)
	err = c.exec("VACUUM INTO ?", to)
	c.db.SetInterrupt(old)
	switch {
	case ctx.Err() != nil:
		return Copy{}, ctx.Err()
	case err != nil:
		return Copy{}, fmt.Errorf("copy %s to %s: %w", path, to, err)
	}
	if err := withCopy(to, settleCopy); err != nil {
		return Copy{}, unusable(to, err)
	}
	if err := flushToDisk(to); err != nil {
		return Copy{}, notWritable(to, fileperm.Cause(err))
	}
	return inspect(to)
}

// Restore makes a store at the path to, where nothing may be, of a copy that [Backup]
// has made. Fencing tokens go on far beyond those of the copy,
// so that no lease given out after it counts. When anything fails, no file is left.
// Errors: [ErrNotWritable], [ErrDamaged], [ErrNewerSchema].
func Restore(ctx context.Context, from io.Reader, to string) (restored Copy, err error) {
	if err := createNew(to); err != nil {
		return Copy{}, notWritable(to, fileperm.Cause(err))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	if err := copyFile(ctx, from, to); err != nil {
		return Copy{}, err
	}
	if restored, err = inspect(to); err != nil {
		return Copy{}, err
	}
	if err := withCopy(to, func(c *conn) error { return leap(c, to) }); err != nil {
		return Copy{}, unusable(to, err)
	}
	return restored, flushToDisk(to)
}

// inspect checks that a copy is whole, and reads what it is a copy of.
func inspect(path string) (found Copy, err error) {
	c, err := openConn(path, "PRAGMA temp_store = MEMORY;")
	if err != nil {
		return Copy{}, unusable(path, err)
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := checkOurs(c); err != nil {
		return Copy{}, unusable(path, err)
	}
	trouble := ""
	err = c.query("PRAGMA quick_check(1)", func(row *sqlite3.Stmt) (bool, error) {
		trouble = row.ColumnText(0)
		return false, nil
	})
	if err != nil {
		return Copy{}, unusable(path, err)
	}
	if trouble != "ok" {
		return Copy{}, fmt.Errorf("%w: %s: %s", ErrDamaged, path, trouble)
	}
	if found.Identity, err = readIdentity(c); err != nil {
		return Copy{}, unusable(path, err)
	}
	found.Position, err = position(c)
	if err != nil {
		return Copy{}, unusable(path, err)
	}
	return found, nil
}

// schemaOf returns the version of a file's schema.
func schemaOf(c *conn) (int64, error) { return c.number("PRAGMA user_version") }

// journalSchema is the first schema with a journal. A supervisor of an older version may
// have written the file that is copied.
const journalSchema = 7

// position returns the position of the outbox's newest event.
func position(c *conn) (int64, error) {
	schema, err := schemaOf(c)
	if err == nil && schema < journalSchema {
		old, err := readMarks(c)
		return old.outbox, err
	}
	if err != nil {
		return 0, err
	}
	return c.number("SELECT outbox FROM marks")
}

// settleCopy settles what is in the journal of a copy, so that a copy is complete without it.
func settleCopy(c *conn) error {
	if schema, err := schemaOf(c); err != nil || schema < journalSchema {
		return err
	}
	return settleJournal(c)
}

// withCopy runs body with a connection to a file that nobody else uses.
func withCopy(path string, body func(*conn) error) (err error) {
	c, err := openConn(path, "PRAGMA temp_store = MEMORY;")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return body(c)
}

// leap brings a copy up to date and its fencing tokens far ahead.
func leap(c *conn, path string) error {
	if err := migrate(c, path); err != nil {
		return err
	}
	if err := settleJournal(c); err != nil {
		return err
	}
	return c.exec("UPDATE marks SET token = token + ?", leaseLeap)
}

// createNew creates an empty file where nothing is.
func createNew(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, fileperm.FileMode)
	if err != nil {
		return err
	}
	return f.Close()
}

func copyFile(ctx context.Context, from io.Reader, to string) (err error) {
	target, err := os.OpenFile(to, os.O_WRONLY, 0)
	if err != nil {
		return notWritable(to, fileperm.Cause(err))
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if _, err := io.Copy(target, reader{ctx, from}); err != nil {
		return fmt.Errorf("copy the store to %s: %w", to, fileperm.Cause(err))
	}
	return nil
}

// reader is a reader that ends when ctx does.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// flushToDisk has what was written to a file reach the disk.
func flushToDisk(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
