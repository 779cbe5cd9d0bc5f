package credentials

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
)

// maxList is far more than all the users of a broker need.
const maxList = 16 << 20

// list is a YAML file with one key, below which entries stand.
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

// readSmall reads a file that has to be small.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && (info.IsDir() || info.Size() > maxList) {
		return nil, fmt.Errorf("%s is not a file that this could be in", path)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, rootCause(err))
	}
	return text, nil
}

// cause strips what errors of files repeat.
func rootCause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func (l list[T]) parse(text []byte) ([]T, error) {
	var file map[string][]T
	if err := strict(text, &file); err != nil {
		return nil, err
	}
	for key := range file {
		if key != l.key {
			return nil, fmt.Errorf("there is no %s here, only %s", key, l.key)
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

// strict decodes YAML and refuses unknown fields. Its errors name the line, and do not
// quote it.
func strict(text []byte, into any) error {
	err := yaml.UnmarshalWithOptions(text, into, yaml.Strict())
	if err == nil {
		return nil
	}
	var known yaml.Error
	if errors.As(err, &known) && known.GetToken() != nil {
		return fmt.Errorf("line %d is not what can stand there", known.GetToken().Position.Line)
	}
	return errors.New("it is not the YAML that was expected")
}

// addAlone adds an entry while nobody else does: of two who read the same list and
// write it with one entry more, the first one's would be gone.
func (l list[T]) addAlone(path string, entry T) error {
	return exclusively(filepath.Dir(target(path)), func() error { return l.add(path, entry) })
}

// target is the file that a name leads to in the end.
func target(path string) string {
	if followed, err := filepath.EvalSymlinks(path); err == nil {
		return followed
	}
	return path // which is not there yet
}

// add appends an entry, and leaves the rest of the file, comments included, as it is.
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
		return fmt.Errorf("%s is not written as `%s:` with an indented list at its end; nothing was added", path, l.key)
	}
	return replace(path, text)
}

// indent makes every line two spaces wider.
func indent(text []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		out.WriteString("  ")
		out.Write(line)
	}
	return out.Bytes()
}

// replace writes a file that only its owner can read, whole or not at all. A link goes
// on leading to it.
func replace(path string, text []byte) error {
	path = target(path)
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*") // 0600
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, rootCause(err))
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone already when it took the place
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
