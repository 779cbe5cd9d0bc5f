package backup

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/ui"
)

// However a restore fails while it moves the data to its place, no supervisor starts on
// incomplete data.
func TestAHalfRestoredDirectoryKeepsItsMark(t *testing.T) {
	t.Parallel()
	dataDir := t.TempDir()
	work := filepath.Join(dataDir, config.RestoringName)
	must(t, os.MkdirAll(filepath.Join(work, config.JetStreamName), 0o700))
	must(t, os.WriteFile(filepath.Join(work, config.StoreFileName), []byte("x"), 0o600))
	inTheWay := filepath.Join(dataDir, config.StoreFileName)
	must(t, os.MkdirAll(filepath.Join(inTheWay, "full"), 0o700))
	if err := moveIn(work, dataDir); err == nil {
		t.Fatal("a file was moved onto a directory")
	}
	if err := config.RefuseHalfRestored(dataDir); err == nil {
		t.Error("the streams are there without the store, and nothing tells of it")
	}
	must(t, os.RemoveAll(inTheWay))
	must(t, os.RemoveAll(filepath.Join(dataDir, config.JetStreamName)))
	must(t, os.MkdirAll(filepath.Join(work, config.JetStreamName), 0o700))
	must(t, moveIn(work, dataDir))
	must(t, config.RefuseHalfRestored(dataDir))
}

// bcryptOfNothing is the hash of an empty password.
const bcryptOfNothing = "$2a$11$WEPRQdBERN3XQDmi2cqb8.P3Iv1/RttcWwhfT/9IuOz5ULtIQmNWG"

// The configuration file of backup may have every setting of serve.
func TestABackupTakesTheConfigurationFileOfServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, config.StoreFileName), nil, 0o600))
	file := filepath.Join(dir, "mc.yaml")
	must(t, os.WriteFile(file, []byte("data_dir: "+dir+"\nlease: 20s\nalerts:\n  - {name: big, metric: missions.total, comparison: '>=', threshold: 1_000_000}\n"+
		"users:\n  - {name: mary, role: viewer, password_hash: "+bcryptOfNothing+"}\n"), 0o600))
	c := ui.NewConsole(nil, io.Discard, io.Discard, "")
	cmd := Command(c)
	must(t, cmd.ParseFlags([]string{"--config", file}))
	store, err := storeToCopy(c, cmd)
	must(t, err)
	equal(t, "the store to copy", store, filepath.Join(dir, config.StoreFileName))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}
