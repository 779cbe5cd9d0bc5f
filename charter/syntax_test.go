package charter

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unicode/utf8"
)

// The reader agrees with encoding/json on what JSON is, except that it requires
// UTF-8 and limits nesting.
func FuzzReader(f *testing.F) {
	paths, err := filepath.Glob("testdata/v1/*.json")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, seed := range []string{
		"", " ", "-", "-0", "00", "1.", ".1", "1e+", "1E-2", "tru", "nullx", "[1,]", "[,1]", `{"a"}`, `{"a":1,}`, `{1:1}`,
		`"\u00g0"`, `"\u00e9\/\b"`, "\"\x1f\"", "\"\x7f\"", "\"\xc3\"", "[[[]]]", " [ ] ", "{ } ", "1 2", "\u00a01",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := newReader(text, 1)
		defer r.release()
		raw, err := r.value(1)
		if err == nil {
			err = r.end()
		}
		if errors.Is(err, errTooDeep) {
			return
		}
		if got, want := err == nil, json.Valid(text) && utf8.Valid(text); got != want {
			t.Fatalf("got %v, encoding/json says %v: %q", err, want, text)
		}
		if err == nil && raw[0] == '"' {
			wantUnquoted(t, raw)
		}
	})
}

// wantUnquoted compares unquote with encoding/json, which replaces half a surrogate
// pair where unquote rejects it.
func wantUnquoted(t *testing.T, quoted []byte) {
	t.Helper()
	var want string
	if err := json.Unmarshal(quoted, &want); err != nil {
		t.Fatal(err)
	}
	if got, ok := unquote(quoted); ok && string(got) != want {
		t.Fatalf("%s: got %q, want %q", quoted, got, want)
	}
}
