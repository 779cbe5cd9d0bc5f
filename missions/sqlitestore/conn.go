package sqlitestore

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// conn is one connection with its prepared statements. It is not safe for
// concurrent use; the writer owns one, and readers borrow theirs from a pool.
type conn struct {
	db      *sqlite3.Conn
	stmts   map[string]*sqlite3.Stmt
	updates map[int]string // the statements that update makes
}

// openConn opens the file at path, whatever characters the path has: it is not a
// URI.
func openConn(path string, pragmas string) (*conn, error) {
	name, err := uri(path)
	if err != nil {
		return nil, err
	}
	db, err := sqlite3.OpenFlags(name, sqlite3.OPEN_READWRITE|sqlite3.OPEN_CREATE|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	if err := db.Exec(pragmas + "; PRAGMA synchronous = FULL"); err != nil { // as a journal needs it
		_ = db.Close()
		return nil, err
	}
	return &conn{db: db, stmts: map[string]*sqlite3.Stmt{}, updates: map[int]string{}}, nil
}

func (c *conn) close() error {
	c.forgetStatements()
	return c.db.Close()
}

// forgetStatements closes the prepared statements.
func (c *conn) forgetStatements() {
	for _, stmt := range c.stmts {
		_ = stmt.Close()
	}
	clear(c.stmts)
}

// snapshot runs body on one state of the database. Its statements end when ctx
// does.
func (c *conn) snapshot(ctx context.Context, body func(*conn) error) error {
	if err := c.begin("BEGIN"); err != nil {
		return err
	}
	return c.inSnapshot(ctx, body)
}

// inSnapshot runs body in the transaction under way, and ends it.
func (c *conn) inSnapshot(ctx context.Context, body func(*conn) error) error {
	err := c.interruptible(ctx, func() error { return body(c) })
	if end := c.rollback(); err == nil {
		err = end
	}
	return err
}

// interruptible runs body, whose statements end when ctx does.
func (c *conn) interruptible(ctx context.Context, body func() error) error {
	old := c.db.SetInterrupt(ctx)
	err := guarded(body)
	c.db.SetInterrupt(old)
	return err
}

// begin starts a transaction. One that could not be ended in its time ends now.
func (c *conn) begin(sql string) error {
	if err := c.rollback(); err != nil {
		return err
	}
	return c.exec(sql)
}

// rollback ends the transaction under way, if there is one, and drops what it
// changed.
func (c *conn) rollback() error {
	if c.db.GetAutocommit() {
		return nil
	}
	return c.exec("ROLLBACK")
}

// guarded turns a panic in body, such as a damaged row may cause, into an error.
func guarded(body func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return body()
}

// prepared returns the statement for sql, ready to be stepped with args bound.
func (c *conn) prepared(sql string, args []any) (*sqlite3.Stmt, error) {
	stmt, ok := c.stmts[sql]
	if !ok {
		var err error
		if stmt, _, err = c.db.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT); err != nil {
			return nil, fmt.Errorf("prepare %q: %w", sql, err)
		}
		c.stmts[sql] = stmt
	}
	for i, arg := range args {
		if err := bind(stmt, i+1, arg); err != nil {
			return nil, fmt.Errorf("bind parameter %d of %q: %w", i+1, sql, err)
		}
	}
	return stmt, nil
}

func bind(stmt *sqlite3.Stmt, i int, arg any) error {
	switch v := arg.(type) {
	case nil:
		return stmt.BindNull(i)
	case int64:
		return stmt.BindInt64(i, v)
	case int:
		return stmt.BindInt64(i, int64(v))
	case string:
		return stmt.BindText(i, v)
	case []byte:
		if len(v) == 0 {
			return stmt.BindNull(i)
		}
		return stmt.BindBlob(i, v)
	case float64:
		return stmt.BindFloat(i, v)
	case bool:
		return stmt.BindBool(i, v)
	case missions.Time:
		if v == 0 {
			return stmt.BindNull(i)
		}
		return stmt.BindInt64(i, int64(v))
	case blob:
		return stmt.BindBlob(i, []byte(v))
	case optional:
		if v == "" {
			return stmt.BindNull(i)
		}
		return stmt.BindText(i, string(v))
	}
	return fmt.Errorf("a %T cannot be bound", arg)
}

// optional is a string kept as NULL when it is empty, blob one kept as the bytes it has.
type (
	optional string
	blob     string
)

// exec runs a statement that returns no rows.
func (c *conn) exec(sql string, args ...any) error {
	return c.query(sql, func(*sqlite3.Stmt) (bool, error) { return true, nil }, args...)
}

// query steps through the rows of a statement until each returns false. The
// same SQL must not be run again from within each.
func (c *conn) query(sql string, each func(*sqlite3.Stmt) (more bool, err error), args ...any) error {
	stmt, err := c.prepared(sql, args)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Reset() }() // its error is the one that Step has met
	for stmt.Step() {
		if more, err := each(stmt); err != nil || !more {
			return err
		}
	}
	if err := stmt.Err(); err != nil {
		return fmt.Errorf("%.60q: %w", sql, err)
	}
	return nil
}

// number runs a query for one integer; a missing row or NULL is 0.
func (c *conn) number(sql string, args ...any) (n int64, err error) {
	err = c.query(sql, func(row *sqlite3.Stmt) (bool, error) {
		n = row.ColumnInt64(0)
		return false, nil
	}, args...)
	return n, err
}

// numbers runs a query for a column of integers.
func (c *conn) numbers(sql string, args ...any) (all []int64, err error) {
	err = c.query(sql, func(row *sqlite3.Stmt) (bool, error) {
		all = append(all, row.ColumnInt64(0))
		return true, nil
	}, args...)
	return all, err
}
