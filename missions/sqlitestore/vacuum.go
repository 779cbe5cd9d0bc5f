package sqlitestore

// Deleted missions leave free pages in the file, which new missions use. Only when they are
// many, because there were once many more missions than now, are they given back to the
// file system. That needs a file with auto_vacuum, which only a file that this version has
// created has.
const (
	leastFree   = 4096 // free pages, 16 MiB, that are always kept
	freeOf      = 4    // free pages are kept up to this part of the file: a quarter
	vacuumPages = 256  // given back in one step, 1 MiB, so that commits wait a few milliseconds at most
	vacuumSteps = 64   // after missions were deleted
)

// vacuum gives back free pages, in steps between which others write.
func (b *Backend) vacuum() error {
	for range vacuumSteps {
		more, err := b.vacuumOnce()
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (b *Backend) vacuumOnce() (more bool, err error) {
	b.writing.Lock()
	defer b.writing.Unlock()
	err = guarded(func() (err error) {
		if err = b.writer.rollback(); err == nil {
			more, err = b.writer.vacuum()
		}
		return err
	})
	return more, err
}

// vacuum gives back some free pages, and reports whether there are more to give back.
func (c *conn) vacuum() (more bool, err error) {
	const incremental = 2
	if mode, err := c.number("PRAGMA auto_vacuum"); err != nil || mode != incremental {
		return false, err
	}
	pages, err := c.number("PRAGMA page_count")
	if err != nil {
		return false, err
	}
	free, err := c.number("PRAGMA freelist_count")
	if err != nil || free < leastFree || free < pages/freeOf {
		return false, err
	}
	return free-vacuumPages >= leastFree, c.exec("PRAGMA incremental_vacuum(256)")
}
