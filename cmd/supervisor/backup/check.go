package backup

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/s2"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/fileperm"
)

// A backup may have been where others can write. What its manifest says is checked before
// anything is made of it: names, kinds of files, and sizes, compressed and not.

// maxManifest is far more than the manifest of all streams of a broker needs.
const maxManifest = 16 << 20

// What can be wrong with a backup, beside [fileperm.ErrNotRegular].
var (
	errPartName = errors.New("a backup has no such name")
	errPartSize = errors.New("its size differs from the manifest")
	errContent  = errors.New("its content differs from the manifest")
)

// readManifest reads what a backup holds.
func readManifest(dir string) (*manifest, error) {
	file, err := fileperm.OpenRegular(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not a backup: it has no %s", dir, manifestName)
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(file, maxManifest+1))
		_ = file.Close() // nothing was written
	}
	if err == nil && len(text) > maxManifest {
		err = fmt.Errorf("its %s has more than %d bytes", manifestName, maxManifest)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the backup %s: %w", dir, fileperm.Cause(err))
	}
	var m manifest
	// Names that occur twice are refused. Older backups have "Identity" and "Position".
	if err := json.Unmarshal(text, &m, json.MatchCaseInsensitiveNames(true)); err != nil {
		return nil, fmt.Errorf("cannot parse %s of the backup %s: %w", manifestName, dir, err)
	}
	if m.Format != backupFormat {
		return nil, fmt.Errorf("the backup %s has format %d, but this version reads format %d; restore it with supervisor %s",
			dir, m.Format, backupFormat, m.Version)
	}
	return &m, m.check(dir)
}

// check refuses names and sizes that no backup has.
func (m *manifest) check(dir string) error {
	for name, stream := range m.Streams {
		if !isStreamName(name) {
			return wrongPart(dir, fmt.Sprintf("the stream %q", name), errPartName)
		}
		if stream.Bytes <= 0 || stream.Content <= 0 {
			return wrongPart(dir, "the stream "+name, errPartSize)
		}
	}
	if m.StoreBytes <= 0 {
		return wrongPart(dir, config.StoreFileName, errPartSize)
	}
	return nil
}

// isStreamName reports whether JetStream has streams of that name. It is the name of a
// file as well.
func isStreamName(name string) bool {
	return name != "" && len(name) <= 255 && !strings.ContainsFunc(name, func(r rune) bool {
		return strings.ContainsRune(`.*>/\:`, r) || unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar
	})
}

func wrongPart(dir, part string, err error) error {
	return fmt.Errorf("cannot restore the backup %s: %s: %w", dir, part, err)
}

// openPart opens a file of a backup that has to have so many bytes.
func openPart(dir, name string, size int64) (*os.File, error) {
	if above := filepath.Dir(name); above != "." {
		if info, err := os.Lstat(filepath.Join(dir, above)); err == nil && !info.IsDir() {
			return nil, wrongPart(dir, above, errors.New("it is not a directory"))
		}
	}
	file, err := fileperm.OpenRegular(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the backup %s is incomplete: it has no %s", dir, name)
	}
	if errors.Is(err, fileperm.ErrNotRegular) {
		err = fileperm.ErrNotRegular // without the path, which is named already
	}
	if err != nil {
		return nil, wrongPart(dir, name, fileperm.Cause(err))
	}
	info, err := file.Stat()
	if err == nil && info.Size() != size {
		err = fmt.Errorf("%w: %d bytes instead of %d", errPartSize, info.Size(), size)
	}
	if err != nil {
		return nil, errors.Join(wrongPart(dir, name, err), file.Close())
	}
	return file, nil
}

// openSnapshot opens the copy of a stream once it was read from beginning to end.
func openSnapshot(dir, stream string, want streamCopy) (*os.File, error) {
	name := filepath.Join(streamsName, stream+snapSuffix)
	file, err := openPart(dir, name, want.Bytes)
	if err != nil {
		return nil, err
	}
	err = checkSnapshot(file, want)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(wrongPart(dir, name, err), file.Close())
	}
	return file, nil
}

// archiveMagic begins the content of a snapshot. Brokers before 2.15 give a tar.
const archiveMagic = "NATSARC1"

// checkSnapshot reads a snapshot, whose content has to have as many bytes as the manifest
// says. What an archive holds are messages, not files; a tar holds files, which the broker
// writes.
func checkSnapshot(r io.Reader, want streamCopy) error {
	content := &io.LimitedReader{R: s2.NewReader(io.LimitReader(r, want.Bytes)), N: want.Content + 1}
	buffered := bufio.NewReader(content)
	begins, err := buffered.Peek(len(archiveMagic))
	if err == nil && string(begins) != archiveMagic {
		err = checkTar(tar.NewReader(buffered), want.Content)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, buffered)
	}
	switch {
	case content.N == 0:
		return fmt.Errorf("%w: more than %d bytes after decompression", errContent, want.Content)
	case err != nil:
		return fmt.Errorf("%w: %w", errContent, err)
	case content.N != 1:
		return fmt.Errorf("%w: %d bytes after decompression instead of %d", errContent, want.Content+1-content.N, want.Content)
	}
	return nil
}

// checkTar refuses what JetStream does not put into a snapshot. A sparse file, which has
// more bytes than the tar, is among that.
func checkTar(files *tar.Reader, most int64) error {
	seen := map[string]bool{}
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := header.Name
		switch most -= header.Size; {
		case !filepath.IsLocal(name) || path.Clean(name) != name || strings.Contains(name, `\`):
			return fmt.Errorf("%q: %w", name, errPartName)
		case header.Typeflag != tar.TypeReg:
			return fmt.Errorf("%q: %w", name, fileperm.ErrNotRegular)
		case seen[name]:
			return fmt.Errorf("%q appears twice", name)
		case most < 0:
			return fmt.Errorf("%q is larger than the content", name)
		}
		seen[name] = true
	}
}

// measureSnapshot returns how many bytes a snapshot has, compressed and not.
func measureSnapshot(path string) (size, content int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	info, err := file.Stat()
	if err != nil {
		return 0, 0, err
	}
	content, err = io.Copy(io.Discard, s2.NewReader(file))
	return info.Size(), content, err
}

// wholeOf reads a file of a size to its end, and fails if it has become longer meanwhile.
func wholeOf(file io.Reader, size int64) io.Reader {
	return io.MultiReader(io.LimitReader(file, size), &mustEnd{file})
}

// mustEnd is the end of what it reads from; more is an error.
type mustEnd struct{ io.Reader }

func (m *mustEnd) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if n > 0 {
		return 0, errPartSize
	}
	return 0, err
}
