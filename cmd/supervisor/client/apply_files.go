package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
	"missioncontrol/missions"
)

// maxApplied is how large a file can be.
const maxApplied = 16 << 20

// item is a thing that a file describes.
type item struct {
	kind   *kind
	wanted wanted
	where  string // in which file and line
}

// readItems returns all that some files describe, by kind. Nothing may be described twice.
func readItems(c *ui.Console, names []string) ([]item, error) {
	var all []item
	for _, name := range names {
		text, err := readApplied(c, name)
		if err != nil {
			return nil, err
		}
		if name == "-" {
			name = "standard input"
		}
		some, err := parseItems(text, name)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, ui.Usagef("%s describes nothing; the keys of a file are %s", strings.Join(names, ", "), kindKeys())
	}
	slices.SortStableFunc(all, func(a, b item) int { return kindPlace(a.kind) - kindPlace(b.kind) })
	first := map[string]string{}
	for _, it := range all {
		key := it.kind.noun + " " + it.wanted.ID()
		if other, twice := first[key]; twice {
			return nil, ui.Usagef("%s: the %s is already described in %s", it.where, key, other)
		}
		first[key] = it.where
	}
	return all, nil
}

func kindPlace(k *kind) int {
	return slices.IndexFunc(kinds, func(other kind) bool { return other.key == k.key })
}

func kindKeys() string {
	keys := make([]string, len(kinds))
	for i := range kinds {
		keys[i] = kinds[i].key
	}
	return strings.Join(keys, ", ")
}

func readApplied(c *ui.Console, name string) ([]byte, error) {
	input := c.In
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, ui.Usagef("-f: cannot read %s: %v", name, fileperm.Cause(err))
		}
		defer func() { _ = file.Close() }() // nothing was written
		input = file
	}
	text, err := io.ReadAll(io.LimitReader(input, maxApplied+1))
	switch {
	case err != nil:
		return nil, ui.Usagef("-f: cannot read %s: %v", name, fileperm.Cause(err))
	case len(text) > maxApplied:
		return nil, ui.Usagef("-f: %s is larger than %d MiB", name, maxApplied>>20)
	}
	return text, nil
}

// parseItems returns what a file describes.
func parseItems(text []byte, name string) (all []item, err error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, badYAML(name, err)
	}
	for _, document := range file.Docs {
		some, err := documentItems(document.Body, name)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// badYAML says where a file cannot be read, without the library's own text, which quotes the file.
func badYAML(name string, err error) error {
	var syntax yaml.Error
	if errors.As(err, &syntax) && syntax.GetToken() != nil {
		return ui.Usagef("%s, line %d: %s; a value that begins with * or @, such as a cron expression, needs quotes",
			name, syntax.GetToken().Position.Line, ui.Clean(syntax.GetMessage()))
	}
	return ui.Usagef("%s is not YAML", name)
}

// documentItems returns what a document describes.
func documentItems(body ast.Node, name string) (all []item, err error) {
	var content map[string]any
	var entries []*ast.MappingValueNode
	switch node := body.(type) {
	case nil, *ast.CommentGroupNode, *ast.NullNode:
		return nil, nil
	case *ast.MappingNode:
		entries = node.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{node}
	default:
		return nil, ui.Usagef("%s, line %d: it must be a list under one of the keys %s", name, body.GetToken().Position.Line, kindKeys())
	}
	if err := yaml.NodeToValue(body, &content); err != nil { // of all, for its anchors
		return nil, badYAML(name, err)
	}
	for _, entry := range entries {
		some, err := listItems(entry, content, name)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// listItems returns the things of a list.
func listItems(entry *ast.MappingValueNode, content map[string]any, name string) ([]item, error) {
	key := entry.Key.GetToken()
	where := func(line int) string { return fmt.Sprintf("%s, line %d", name, line) }
	place := slices.IndexFunc(kinds, func(k kind) bool { return k.key == key.Value })
	if place < 0 {
		return nil, ui.Usagef("%s: %q is not one of the keys %s", where(key.Position.Line), ui.Shorten(key.Value, 80), kindKeys())
	}
	list, ok := content[key.Value].([]any)
	nodes, isList := entry.Value.(*ast.SequenceNode)
	switch {
	case content[key.Value] == nil:
		return nil, nil
	case !ok || !isList || len(nodes.Values) != len(list):
		return nil, ui.Usagef("%s: %s must be a list", where(key.Position.Line), key.Value)
	}
	all := make([]item, len(list))
	for i, value := range list {
		it := item{kind: &kinds[place], where: where(nodes.Values[i].GetToken().Position.Line)}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, ui.Usagef("%s: it cannot be written as JSON: %s", it.where, ui.Clean(err.Error()))
		}
		if it.wanted, err = it.kind.decode(text); err != nil {
			return nil, badItem(&it, value, err)
		}
		all[i] = it
	}
	return all, nil
}

// badItem says what is wrong with a thing, and which it is.
func badItem(it *item, value any, err error) error {
	name := it.kind.noun
	if fields, is := value.(map[string]any); is {
		if id, is := fields["id"].(string); is {
			name += " " + ui.Shorten(id, 80)
		}
	}
	var invalid *missions.Error
	if errors.As(err, &invalid) {
		return ui.Usagef("%s: %s: %s", it.where, ui.Clean(name), ui.Clean(invalid.Error()))
	}
	return err
}
