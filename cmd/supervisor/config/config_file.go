package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
)

// maxConfigFile is far more than all settings need.
const maxConfigFile = 1 << 20

// readConfigFile reads a file of settings: a YAML mapping from keys to single values, or
// to lists for settings that take several values. It rejects keys that are not in the
// table, by name.
func readConfigFile(path string, table []setting) (values, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ui.Usagef("the configuration file %s does not exist", path)
	case err == nil && (info.IsDir() || info.Size() > maxConfigFile):
		return nil, ui.Usagef("the configuration file %s is not a regular file", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, ui.Usagef("the configuration file %s cannot be read: %v", path, fileperm.Cause(err))
	}
	return parseConfig(text, path, table)
}

func parseConfig(text []byte, path string, table []setting) (values, error) {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		var syntax yaml.Error
		if errors.As(err, &syntax) && syntax.GetToken() != nil {
			return nil, ui.Usagef("%s, line %d: %s", path, syntax.GetToken().Position.Line, syntax.GetMessage())
		}
		return nil, ui.Usagef("%s is not YAML", path) // the library's own text would quote the file, including passwords
	}
	out := values{}
	for _, document := range file.Docs {
		entries, err := mappingOf(document.Body, path)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if err := addEntry(out, entry, path, table, text); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// listText returns the YAML of a setting that is a list, so that its lines have the numbers
// that they have in the file.
func listText(entry *ast.MappingValueNode, file []byte) string {
	key := entry.Key.GetToken()
	lines := strings.Split(string(file), "\n")
	if n := key.Position.Line - 1; n < len(lines) {
		first := lines[n]
		begin := strings.Index(first, key.Value) + len(key.Value)
		begin += strings.Index(first[begin:], ":") + 1
		block := strings.Repeat(" ", begin) + first[begin:]
		for _, line := range lines[n+1:] {
			if line != "" && !strings.ContainsAny(line[:1], " \t\r-#") || strings.HasPrefix(line, "---") {
				break
			}
			block += "\n" + line
		}
		text := strings.Repeat("\n", n) + block
		if whole, err := parser.ParseBytes([]byte(text), 0); err == nil && len(whole.Docs) == 1 && whole.Docs[0].Body != nil &&
			whole.Docs[0].Body.String() == entry.Value.String() {
			return text
		}
	}
	text := entry.Value.String() // the lines are not as in the file
	if text == "" || text == "null" {
		return "[]" // a list without a value is an empty list
	}
	return text
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
	return nil, ui.Usagef("%s must consist of lines like data_dir: /var/lib/missioncontrol", path)
}

func addEntry(out values, entry *ast.MappingValueNode, path string, table []setting, file []byte) error {
	key := entry.Key.GetToken().Value
	where := fmt.Sprintf("%s in %s, line %d", key, path, entry.Key.GetToken().Position.Line)
	row := find(table, key)
	if row == nil || row.flagOnly {
		return ui.Usagef("%s: there is no such setting%s", where, nearest(table, key))
	}
	if _, ok := out[key]; ok {
		return ui.Usagef("%s: it is given twice", where)
	}
	text, ok := scalar(entry.Value)
	if list, is := entry.Value.(*ast.SequenceNode); is && row.several {
		text, ok = scalars(list)
	}
	if row.fileOnly {
		text, ok = listText(entry, file), true
	}
	if !ok {
		return ui.Usagef("%s: it must be a single value", where)
	}
	if text != "" {
		out[key] = value{text, sourceFile, where}
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
	var texts []string
	for _, node := range list.Values {
		text, ok := scalar(node)
		if !ok {
			return "", false
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ","), true
}

// nearest suggests the key that was probably meant.
func nearest(table []setting, key string) string {
	simple := func(s string) string { return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(s)) }
	var keys []string
	for i := range table {
		switch row := &table[i]; {
		case row.flagOnly:
		case simple(row.key) == simple(key):
			return "; did you mean " + row.key + "?"
		default:
			keys = append(keys, row.key)
		}
	}
	return "; the settings are " + strings.Join(keys, ", ")
}
