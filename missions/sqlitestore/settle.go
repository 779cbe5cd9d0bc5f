package sqlitestore

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// settleTime bounds one transaction that settles, and so how long a commit waits for it.
const settleTime = 5 * time.Millisecond

// settle brings the tables up to date with everything that was committed before it began.
func (b *Backend) settle() error {
	b.settling.Lock()
	defer b.settling.Unlock()
	return b.settleLocked()
}

// settleLocked is settle for who holds settling.
func (b *Backend) settleLocked() error {
	for { // twice, if settling has failed before
		u, again := b.freeze()
		if u == nil {
			return nil
		}
		if u.todo == nil {
			u.todo = u.work()
		}
		for len(u.todo) > 0 {
			done, err := b.settleSome(u.todo)
			if err != nil {
				return err
			}
			u.todo = u.todo[done:]
			b.afterPart()
		}
		b.mu.Lock()
		b.frozen = nil
		b.mu.Unlock()
		b.done = u.last
		if u.deletes() {
			b.deleted.Store(true)
		}
		if !again {
			return nil
		}
	}
}

// freeze returns what is to be settled now, nil if it is nothing. again says that commits
// that came later, before now, are not in it.
func (b *Backend) freeze() (u *unsettled, again bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.frozen != nil {
		return b.frozen, true
	}
	if b.fresh.last == 0 {
		return nil, false
	}
	b.frozen, b.fresh = b.fresh, newUnsettled()
	return b.frozen, false
}

// settleSome runs some of the work in a transaction and returns how much of it.
func (b *Backend) settleSome(work []write) (done int, err error) {
	b.writing.Lock()
	defer b.writing.Unlock()
	begun := time.Now()
	err = guarded(func() error {
		if err := b.writer.begin("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		for done < len(work) && (done == 0 || time.Since(begun) < b.part) {
			if err := work[done](b.writer); err != nil {
				return err
			}
			done++
		}
		return b.writer.exec("COMMIT")
	})
	if err != nil {
		return 0, errors.Join(err, guarded(b.writer.rollback))
	}
	return done, nil
}

// write is a part of settling. It can be repeated.
type write func(*conn) error

// work returns what is to be written. Deleted missions come first, since their ids may have
// been given again; what the next start needs to know that everything is settled comes last.
func (u *unsettled) work() []write {
	work := make([]write, 0, len(u.missions)+len(u.leases)+len(u.agents)+1)
	inOrder := slices.Sorted(maps.Keys(u.missions))
	for _, seq := range inOrder {
		if m := u.missions[seq]; m.after == nil && m.before != nil {
			work = append(work, func(c *conn) error { return c.removeMission(m.before) })
		}
	}
	for _, seq := range inOrder {
		if m := u.missions[seq]; m.after != nil {
			work = append(work, m.write)
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(u.leases)) {
		l := u.leases[seq]
		work = append(work, func(c *conn) error { return c.writeLease(seq, l) })
	}
	for _, id := range slices.Sorted(maps.Keys(u.agents)) {
		a := u.agents[id]
		work = append(work, func(c *conn) error { return c.writeAgent(id, a) })
	}
	return append(work, u.writeRest)
}

// deletes reports whether missions are deleted from the tables.
func (u *unsettled) deletes() bool {
	for _, m := range u.missions {
		if m.after == nil && m.before != nil {
			return true
		}
	}
	return false
}
