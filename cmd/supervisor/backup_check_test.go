//go:build unix

package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/s2"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/supervisor/api"
)

// The layout of a backup.
const (
	manifestName = "backup.json"
	streamsName  = "streams"
	archiveMagic = "NATSARC1" // begins the content of a snapshot
)

func streamFile(dir, stream string) string { return filepath.Join(dir, streamsName, stream+".snap") }

// newBackup makes a backup of a supervisor with a mission.
func newBackup(t *testing.T) (dir string) {
	t.Helper()
	dataDir := t.TempDir()
	b := startTestbed(t, config.Config{Listen: "127.0.0.1:0", HTTP: "off", DataDir: dataDir,
		Lease: 5e9, Heartbeat: 5e8, Retention: 3600e9, OutboxLimit: 1000, Replicas: 1})
	b.awaitEvents(t)
	_, _, err := b.client.Create(t.Context(), api.MissionSpec{ID: "kept", Name: "kept"})
	must(t, err)
	dir = filepath.Join(t.TempDir(), "copy")
	b.ok(t, "backup", dir, "--data-dir", dataDir)
	return dir
}

// snapshotOf is a stream's snapshot with these files in it.
func snapshotOf(t *testing.T, headers ...*tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	compressed := s2.NewWriter(&out)
	files := tar.NewWriter(compressed)
	for _, header := range headers {
		must(t, files.WriteHeader(header))
		_, err := io.CopyN(files, zeros{}, header.Size)
		must(t, err)
	}
	must(t, files.Close())
	must(t, compressed.Close())
	return out.Bytes()
}

// archiveOf is a snapshot that begins as JetStream's do and goes on with zeros.
func archiveOf(t *testing.T, zeroBytes int64) []byte {
	t.Helper()
	var out bytes.Buffer
	compressed := s2.NewWriter(&out)
	_, err := io.WriteString(compressed, archiveMagic)
	must(t, err)
	_, err = io.CopyN(compressed, zeros{}, zeroBytes)
	must(t, err)
	must(t, compressed.Close())
	return out.Bytes()
}

// sparse is a snapshot with a file of a terabyte that takes a few bytes of the tar.
func sparse(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	compressed := s2.NewWriter(&out)
	files := tar.NewWriter(compressed)
	record := func(key, value string) string {
		for n := len(key) + len(value) + 3; ; n++ {
			if text := fmt.Sprintf("%d %s=%s\n", n, key, value); len(text) == n {
				return text
			}
		}
	}
	pax := record("GNU.sparse.major", "0") + record("GNU.sparse.minor", "1") + record("GNU.sparse.name", "bomb") +
		record("GNU.sparse.size", "1099511627776") + record("GNU.sparse.numblocks", "1") + record("GNU.sparse.map", "0,1")
	// The writer makes no sparse files, so that the header is put together here.
	must(t, files.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "x", Size: int64(len(pax)), Format: tar.FormatUSTAR}))
	_, err := io.WriteString(files, pax)
	must(t, err)
	must(t, files.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "bomb", Size: 1, Format: tar.FormatUSTAR}))
	_, err = io.WriteString(files, "x")
	must(t, err)
	must(t, files.Close())
	must(t, compressed.Close())
	text, err := io.ReadAll(s2.NewReader(&out))
	must(t, err)
	text[156] = tar.TypeXHeader
	copy(text[148:156], "        ") // the sum is made with these
	sum := 0
	for _, b := range text[:512] {
		sum += int(b)
	}
	copy(text[148:156], fmt.Sprintf("%06o\x00 ", sum))
	out.Reset()
	compressed.Reset(&out)
	_, err = compressed.Write(text)
	must(t, err)
	must(t, compressed.Close())
	return out.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// edit changes the manifest of a backup as text.
func edit(t *testing.T, dir, old, by string) {
	t.Helper()
	path := filepath.Join(dir, manifestName)
	text, err := os.ReadFile(path)
	must(t, err)
	changed := strings.ReplaceAll(string(text), old, by)
	if changed == string(text) {
		t.Fatalf("%q does not stand in %s", old, text)
	}
	must(t, os.WriteFile(path, []byte(changed), 0o600))
}

// editManifest changes the manifest of a backup as JSON.
func editManifest(t *testing.T, dir string, change func(m map[string]any)) {
	t.Helper()
	path := filepath.Join(dir, manifestName)
	text, err := os.ReadFile(path)
	must(t, err)
	var m map[string]any
	must(t, json.Unmarshal(text, &m))
	change(m)
	text, err = json.Marshal(m)
	must(t, err)
	must(t, os.WriteFile(path, text, 0o600))
}

func streamOf(m map[string]any) map[string]any {
	return m["streams"].(map[string]any)["EVENTS"].(map[string]any)
}

// replaceSnapshot puts another snapshot into a backup, and has the manifest say how large
// it is, and that its content has so many bytes; 0 for what it said before.
func replaceSnapshot(content int, snapshot func(t *testing.T) []byte) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		file := snapshot(t)
		must(t, os.WriteFile(streamFile(dir, "EVENTS"), file, 0o600))
		editManifest(t, dir, func(m map[string]any) {
			streamOf(m)["bytes"] = len(file)
			if content > 0 {
				streamOf(m)["content_bytes"] = content
			}
		})
	}
}

// inPlaceOf puts something else where a file of a backup was, which goes to file.orig.
func inPlaceOf(name string, put func(path string) error) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		path := filepath.Join(dir, name)
		must(t, os.Rename(path, path+".orig"))
		must(t, put(path))
	}
}

func link(path string) error { return os.Symlink(path+".orig", path) }
func pipe(path string) error { return syscall.Mkfifo(path, 0o600) }
func dir(path string) error  { return os.Mkdir(path, 0o700) }

// much is far more than is in the backup.
const much = 64 << 20

// Somebody who could write where a backup was gets nothing restored but a backup: no names
// that lead elsewhere, nothing but files, and no more than the manifest says.
func TestRestoreChecksWhatItReads(t *testing.T) {
	t.Parallel()
	good := newBackup(t)
	snapshot := filepath.Join(streamsName, "EVENTS.snap")
	renamed := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			editManifest(t, dir, func(m map[string]any) {
				streams := m["streams"].(map[string]any)
				streams[name] = streams["EVENTS"]
			})
		}
	}
	reg := func(name string, size int64) *tar.Header {
		return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600}
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string
	}{
		"a name that leads out":       {renamed("../../x"), `the stream "../../x": a backup has no such name`},
		"an absolute name":            {renamed("/etc/x"), "a backup has no such name"},
		"a name in a directory":       {renamed("a/b"), "a backup has no such name"},
		"dots":                        {renamed(".."), "a backup has no such name"},
		"no name":                     {renamed(""), "a backup has no such name"},
		"a name with a control":       {renamed("a\x1b[2J"), "a backup has no such name"},
		"a name twice":                {func(t *testing.T, dir string) { t.Helper(); edit(t, dir, `"EVENTS": {`, `"EVENTS": {}, "EVENTS": {`) }, "duplicate"},
		"no size":                     {func(t *testing.T, dir string) { t.Helper(); edit(t, dir, `"store_bytes"`, `"other_bytes"`) }, "its size differs"},
		"the first format":            {func(t *testing.T, dir string) { t.Helper(); edit(t, dir, `"format": 2`, `"format": 1`) }, "has format 1, but this version reads format 2"},
		"a manifest that is a link":   {inPlaceOf(manifestName, link), "it is not a regular file"},
		"a manifest that is a pipe":   {inPlaceOf(manifestName, pipe), "it is not a regular file"},
		"a store that is a link":      {inPlaceOf(config.StoreFileName, link), "missions.db: it is not a regular file"},
		"a store that is a pipe":      {inPlaceOf(config.StoreFileName, pipe), "missions.db: it is not a regular file"},
		"a store that is a directory": {inPlaceOf(config.StoreFileName, dir), "missions.db: it is not a regular file"},
		"a stream that is a link":     {inPlaceOf(snapshot, link), "EVENTS.snap: it is not a regular file"},
		"a stream that is a pipe":     {inPlaceOf(snapshot, pipe), "EVENTS.snap: it is not a regular file"},
		"streams that are a link":     {inPlaceOf(streamsName, link), "streams: it is not a directory"},
		"a store that is longer": {func(t *testing.T, dir string) {
			t.Helper()
			must(t, os.Truncate(filepath.Join(dir, config.StoreFileName), much))
		}, "its size differs"},
		"a store that is shorter": {func(t *testing.T, dir string) {
			t.Helper()
			must(t, os.Truncate(filepath.Join(dir, config.StoreFileName), 4096))
		}, "its size differs"},
		"a stream that is longer": {func(t *testing.T, dir string) {
			t.Helper()
			must(t, os.Truncate(filepath.Join(dir, snapshot), much))
		}, "its size differs"},
		"a stream that is no snapshot": {replaceSnapshot(0, func(*testing.T) []byte { return []byte("text") }), "its content differs from the manifest"},
		"a tar that is a bomb": {replaceSnapshot(0, func(t *testing.T) []byte { return snapshotOf(t, reg("msgs/1.blk", much)) }),
			"bytes after decompression"},
		"an archive that is a bomb": {replaceSnapshot(0, func(t *testing.T) []byte { return archiveOf(t, much) }),
			"bytes after decompression"},
		"a sparse file":            {replaceSnapshot(4096, sparse), `"bomb" is larger than the content`},
		"a stream with less in it": {replaceSnapshot(4096, func(t *testing.T) []byte { return snapshotOf(t) }), "bytes after decompression instead of"},
		"a file that leads out":    {replaceSnapshot(4096, func(t *testing.T) []byte { return snapshotOf(t, reg("../../x", 1)) }), `"../../x": a backup has no such name`},
		"a link in a stream": {replaceSnapshot(4096, func(t *testing.T) []byte {
			return snapshotOf(t, &tar.Header{Typeflag: tar.TypeSymlink, Name: "meta.inf", Linkname: "/etc/passwd"})
		}), `"meta.inf": it is not a regular file`},
		"a file twice": {replaceSnapshot(4096, func(t *testing.T) []byte { return snapshotOf(t, reg("a", 1), reg("a", 1)) }), `"a" appears twice`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spoiled := filepath.Join(t.TempDir(), "copy")
			must(t, os.CopyFS(spoiled, os.DirFS(good)))
			c.spoil(t, spoiled)
			dataDir := filepath.Join(t.TempDir(), "data")
			call := newCall(nil).start(t, "restore", spoiled, "--data-dir", dataDir)
			if code := call.wait(t); code != exitFailure || !strings.Contains(call.err.String(), c.want) || strings.Count(call.err.String(), "\n") != 1 {
				t.Errorf("exit code %d and %q, want %q", code, call.err.String(), c.want)
			}
			if left, err := os.ReadDir(dataDir); err == nil && len(left) > 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
	t.Run("good", func(t *testing.T) {
		t.Parallel()
		dataDir := filepath.Join(t.TempDir(), "data")
		call := newCall(nil).start(t, "restore", good, "--data-dir", dataDir)
		equal(t, "exit code", call.wait(t), exitOK)
		wantPrivate(t, dataDir)
		wantPrivate(t, good)
	})
}

// wantPrivate checks that nobody but the owner has any rights below a directory.
func wantPrivate(t *testing.T, dir string) {
	t.Helper()
	files := 0
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		files++
		return err
	}))
	if files < 4 {
		t.Errorf("%d files below %s", files, dir)
	}
}
