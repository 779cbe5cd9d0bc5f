// Package dashboard is the web page for people: hand-written modules and style sheets,
// embedded unchanged.
package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed ui
var files embed.FS

// Prefix is where everything but the page itself is served.
const Prefix = "/ui/"

// policy lets the page load what comes from this server and nothing else. No page
// contains inline scripts or styles, so text that gets into a page can never become
// either.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// Paths returns the paths of everything but the page itself.
func Paths() (paths []string) {
	entries, err := files.ReadDir("ui")
	if err != nil {
		panic(err) // embedded files can be read
	}
	for _, entry := range entries {
		paths = append(paths, Prefix+entry.Name())
	}
	return paths
}

// Handler serves the page at / and its parts below [Prefix].
func Handler() http.Handler {
	assets := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, Prefix)
		if r.URL.Path == "/" {
			name = "index.html"
		}
		a, found := assets[name]
		if !found {
			http.NotFound(w, r)
			return
		}
		a.serve(w, r)
	})
}

// asset is a file as it is sent.
type asset struct {
	name, contentType, tag string
	plain                  []byte
	packed                 func() []byte // plain in gzip, made on first use
}

// contentTypes does not depend on the machine's MIME configuration.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

func load() map[string]*asset {
	assets := map[string]*asset{}
	for _, full := range Paths() {
		name := strings.TrimPrefix(full, Prefix)
		plain, err := files.ReadFile("ui/" + name)
		if err != nil {
			panic(err) // embedded files can be read
		}
		hash := sha256.Sum256(plain)
		assets[name] = &asset{
			name: name, contentType: contentTypes[path.Ext(name)], plain: plain,
			tag:    `"` + hex.EncodeToString(hash[:8]) + `"`,
			packed: sync.OnceValue(func() []byte { return pack(plain) }),
		}
	}
	return assets
}

func pack(plain []byte) []byte {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is valid
	}
	_, _ = z.Write(plain) // a buffer accepts everything
	_ = z.Close()
	return out.Bytes()
}

func setHeaders(h http.Header, contentType string) {
	h.Set("Content-Type", contentType)
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	if strings.HasPrefix(contentType, "text/html") {
		h.Set("Cross-Origin-Opener-Policy", "same-origin") // of a page; without TLS browsers ignore it
	}
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	setHeaders(h, a.contentType)
	h.Set("Cache-Control", "no-cache") // cached, and revalidated each time
	h.Set("Vary", "Accept-Encoding")
	body := a.plain
	h.Set("ETag", a.tag)
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = a.packed()
		h.Set("ETag", strings.TrimSuffix(a.tag, `"`)+`-gzip"`)
	}
	http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(body))
}
