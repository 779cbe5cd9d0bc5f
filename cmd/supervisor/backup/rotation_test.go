package backup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Only what is a backup by its name and its content is deleted.
func TestOldBackupsAreDeleted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	day := time.Date(2026, 5, 1, 2, 15, 0, 0, time.UTC)
	for i := range 5 {
		place, err := stamped(dir, day.AddDate(0, 0, i))
		must(t, err)
		must(t, os.Mkdir(place, 0o700))
		must(t, os.WriteFile(filepath.Join(place, manifestName), nil, 0o600))
	}
	for _, other := range []string{"2026-04-01T021500.000Z", "2026-04-02T021500.000Z.partial", "photos", "2026-04-03"} {
		must(t, os.Mkdir(filepath.Join(dir, other), 0o700))
	}
	deleted, err := rotate(dir, 2)
	must(t, err)
	equal(t, "deleted", deleted, 3)
	var left []string
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	want := []string{"2026-04-01T021500.000Z", "2026-04-03", "2026-05-04T021500.000Z", "2026-05-05T021500.000Z", "photos"}
	if !slices.Equal(left, want) {
		t.Errorf("left are %v, want %v", left, want)
	}
}

// Backups of before have the fields of the store in another style.
func TestAnOlderManifestIsRead(t *testing.T) {
	t.Parallel()
	const now = `{"format": 2, "version": "1", "made_at": "2026-05-01T02:15:00Z", "store": {"identity": "i", "position": 7}, "store_bytes": 1, "streams": {}}`
	for _, text := range []string{now, strings.NewReplacer("identity", "Identity", "position", "Position").Replace(now)} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, manifestName), []byte(text), 0o600))
		m, err := readManifest(dir)
		must(t, err)
		equal(t, "the identity", m.Store.Identity, "i")
		equal(t, "the position", m.Store.Position, 7)
	}
}
