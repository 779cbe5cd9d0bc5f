// Package browser drives the dashboard of the built binary in a real Chromium.
package browser

import (
	"log"
	"os"
	"path/filepath"
	"testing"

	"missioncontrol/test/process"

	"go.uber.org/goleak"
)

var (
	binary   string    // the supervisor, built once for all tests
	chrome   *chromium // one browser for all tests, with a separate profile for each tab
	pictures = os.Getenv("SCREENSHOTS")
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "missioncontrol")
	if err != nil {
		log.Fatal(err)
	}
	end := func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}
	if binary, err = process.Build(dir); err != nil {
		log.Println(err)
		end(1)
	}
	if chrome, err = startChromium(filepath.Join(dir, "profile")); err != nil {
		log.Println(err)
		end(1)
	}
	code := m.Run()
	chrome.stop()
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop")); err != nil {
			log.Println(err)
			code = 1
		}
	}
	end(code)
}
