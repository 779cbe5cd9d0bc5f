package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"missioncontrol/cmd/supervisor/ui"
)

// maxConfigFile is far more than all settings need.
const maxConfigFile = 1 << 20

// readConfigFile reads a file of settings: a YAML mapping from keys to single values, or
// to lists for settings that take several values. It rejects keys that are not in the
// table, by name.
func readConfigFile(path string, table []setting) (map[string]value, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ui.Usagef("the configuration file %s does not exist", path)
	}
	if err != nil {
		return nil, ui.Usagef("the configuration file %s cannot be read: %v", path, ui.RootCause(err))
	}
	if info.IsDir() || info.Size() > maxConfigFile {
		return nil, ui.Usagef("the configuration file %s is not a file of settings", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, ui.Usagef("the configuration file %s cannot be read: %v", path, ui.RootCause(err))
	}
	return parseConfig(text, path, table)
}

func parseConfig(text []byte, path string, table []setting) (map[string]value, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			return nil, ui.Usagef("%s, line %d: %s", path, syntax.GetToken().Position.Line, syntax.GetMessage())
		}
		return nil, ui.Usagef("%s is not YAML", path) // the library's own text would quote the file, including passwords
	}
	out := map[string]value{}
	for _, document := range file.Docs {
		entries, err := mappingOf(document.Body, path)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if err := addEntry(out, entry, path, table); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func mappingOf(body ast.Node, path string) ([]*ast.MappingValueNode, error) {
	switch node := body.(type) {
	case nil, *ast.CommentGroupNode, *ast.NullNode:
		return nil, nil
	case *ast.MappingNode:
		return node.Values, nil
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{node}, nil
	}
	return nil, ui.Usagef("%s has to hold lines like data_dir: /var/lib/missioncontrol", path)
}

func addEntry(out map[string]value, entry *ast.MappingValueNode, path string, table []setting) error {
	key := entry.Key.GetToken().Value
	where := fmt.Sprintf("%s in %s, line %d", key, path, entry.Key.GetToken().Position.Line)
	if !hasKey(table, key) {
		return ui.Usagef("%s: there is no such setting%s", where, nearest(table, key))
	}
	if _, ok := out[key]; ok {
		return ui.Usagef("%s: it is given twice", where)
	}
	text, ok := scalar(entry.Value)
	if values, is := entry.Value.(*ast.SequenceNode); is && takesSeveral(table, key) {
		text, ok = scalars(values)
	}
	if isList(table, key) {
		if text, ok = entry.Value.String(), true; text == "" || text == "null" {
			text = "[]" // a list without a value is an empty list
		}
	}
	if !ok {
		return ui.Usagef("%s: it has to be a single value", where)
	}
	if text != "" {
		out[key] = value{text, doorFile, where}
	}
	return nil
}

// scalar returns a value as written in the file: off stays off, and 10s stays 10s,
// whatever YAML makes of them.
func scalar(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case nil, *ast.NullNode:
		return "", true
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// scalars returns the values of a list, separated by commas.
func scalars(list *ast.SequenceNode) (string, bool) {
	texts := make([]string, len(list.Values))
	for i, node := range list.Values {
		var ok bool
		if texts[i], ok = scalar(node); !ok {
			return "", false
		}
	}
	return strings.Join(texts, ","), true
}

func hasKey(table []setting, key string) bool {
	for i := range table {
		if table[i].key == key {
			return true
		}
	}
	return false
}

// takesSeveral reports whether a key may have several values.
func takesSeveral(table []setting, key string) bool {
	return slices.ContainsFunc(table, func(s setting) bool { return s.key == key && s.several })
}

// isList reports whether a key's value is a YAML list rather than a word.
func isList(table []setting, key string) bool {
	for i := range table {
		if table[i].key == key {
			return table[i].list
		}
	}
	return false
}

// nearest suggests the key that was probably meant.
func nearest(table []setting, key string) string {
	simple := func(s string) string { return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(s)) }
	for i := range table {
		if simple(table[i].key) == simple(key) {
			return "; did you mean " + table[i].key + "?"
		}
	}
	keys := make([]string, len(table))
	for i := range table {
		keys[i] = table[i].key
	}
	return "; settings are " + strings.Join(keys, ", ")
}
