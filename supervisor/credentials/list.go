package credentials

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"missioncontrol/fileperm"
)

// maxList is far more than the users of any broker need.
const maxList = 16 << 20

// list is a YAML file with one key that contains a list of entries.
type list[T any] struct {
	key   string
	head  string // a comment
	name  func(*T) string
	check func([]T) error
}

// read reads and checks a file.
func (l list[T]) read(path string) ([]T, error) {
	text, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	entries, err := l.parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return entries, nil
}

// readSmall reads a file that must be small.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && (info.IsDir() || info.Size() > maxList) {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, fileperm.Cause(err))
	}
	return text, nil
}

func (l list[T]) parse(text []byte) ([]T, error) {
	var file map[string][]T
	if err := strict(text, &file); err != nil {
		return nil, err
	}
	for key := range file {
		if key != l.key {
			return nil, fmt.Errorf("unknown key %s; the only key is %s", key, l.key)
		}
	}
	return file[l.key], l.check(file[l.key])
}

func (l list[T]) parseEntries(text []byte) ([]T, error) {
	var entries []T
	if err := strict(text, &entries); err != nil {
		return nil, err
	}
	return entries, l.check(entries)
}

// strict decodes YAML and refuses unknown fields. Its errors name the line but do not
// quote it.
func strict(text []byte, into any) error {
	err := yaml.UnmarshalWithOptions(text, into, yaml.Strict())
	if err == nil {
		return nil
	}
	var known yaml.Error
	if errors.As(err, &known) && known.GetToken() != nil {
		return fmt.Errorf("line %d has an unexpected value", known.GetToken().Position.Line)
	}
	return errors.New("it is not YAML of the expected form")
}

// addAlone adds an entry under a lock: if two processes read the same list and each
// write it with one entry more, the first entry would be lost.
func (l list[T]) addAlone(path string, entry T) error {
	return exclusively(filepath.Dir(target(path)), func() error { return l.add(path, entry) })
}

// target returns the file that a path leads to, after symbolic links.
func target(path string) string {
	if followed, err := filepath.EvalSymlinks(path); err == nil {
		return followed
	}
	return path // it does not exist yet
}

// add appends an entry, and leaves the rest of the file unchanged, including comments.
func (l list[T]) add(path string, entry T) error {
	text, err := readSmall(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte(l.head+l.key+":\n"), nil
	}
	if err != nil {
		return err
	}
	before, err := l.parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for i := range before {
		if l.name(&before[i]) == l.name(&entry) {
			return fmt.Errorf("%s: %s: %w", path, l.name(&entry), ErrExists)
		}
	}
	more, err := yaml.Marshal([]T{entry})
	if err != nil {
		return err
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	text = append(text, indent(more)...)
	after, err := l.parse(text)
	if err != nil || len(after) != len(before)+1 {
		return fmt.Errorf("%s does not end with `%s:` and an indented list; nothing was added", path, l.key)
	}
	return replace(path, text)
}

// indent indents every line by two more spaces.
func indent(text []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		out.WriteString("  ")
		out.Write(line)
	}
	return out.Bytes()
}

// replace writes a file that only its owner can read, completely or not at all. A
// symbolic link keeps pointing to it.
func replace(path string, text []byte) error {
	path = target(path)
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, fileperm.Cause(err))
	}
	defer func() { _ = os.Remove(file.Name()) }() // no longer exists after the rename
	_, err = file.Write(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, err)
	}
	return nil
}
