package sqlitestore

import "context"

// Deleted missions leave free pages in the file, which new missions use. Only when they are
// many, because there were once many more missions than now, are they given back to the
// file system. That needs a file with auto_vacuum, which only a file that this version has
// created has.
const (
	leastFree   = 4096 // free pages, 16 MiB, that are always kept
	freeOf      = 4    // free pages are kept up to this part of the file: a quarter
	vacuumPages = 256  // given back in one step, 1 MiB, so that others wait a few milliseconds at most
	vacuumSteps = 64   // for each retention
)

// vacuum gives back free pages, in steps that share the writer's time with all others.
func (s *Store) vacuum(ctx context.Context) error {
	for range vacuumSteps {
		more := false
		err := s.write(ctx, laneHouse, func(t *tx) (err error) {
			more, err = t.vacuum()
			return err
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// vacuum gives back some free pages, and reports whether there are more to give back.
func (t *tx) vacuum() (more bool, err error) {
	const incremental = 2
	if mode, err := t.number("PRAGMA auto_vacuum"); err != nil || mode != incremental {
		return false, err
	}
	pages, err := t.number("PRAGMA page_count")
	if err != nil {
		return false, err
	}
	free, err := t.number("PRAGMA freelist_count")
	if err != nil || free < leastFree || free < pages/freeOf {
		return false, err
	}
	return free-vacuumPages >= leastFree, t.exec("PRAGMA incremental_vacuum(256)")
}
