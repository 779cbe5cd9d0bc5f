package main

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestVersionIsSemVer(t *testing.T) {
	t.Parallel()
	equal(t, "released", versionFrom("1.2.3", nil), "1.2.3")
	equal(t, "not a version", versionFrom("v1", nil), "0.1.0-dev")
	equal(t, "unknown", versionFrom("", nil), "0.1.0-dev")
	installed := &debug.BuildInfo{Main: debug.Module{Version: "v1.4.0"}}
	equal(t, "installed", versionFrom("", installed), "1.4.0")
	untagged := &debug.BuildInfo{
		Main:     debug.Module{Version: "v0.0.0-20260131150405-0123456789ab"},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}},
	}
	equal(t, "untagged", versionFrom("", untagged), "0.1.0-dev+0123456789ab")
	if !semVer.MatchString(version()) {
		t.Errorf("%q is not SemVer", version())
	}
	c := newCall(nil).start(t, "version")
	equal(t, "exit code", c.wait(t), 0)
	contains(t, c.out.String(), "supervisor "+version()+" (go", "/")
	if strings.Count(c.out.String(), "\n") != 1 {
		t.Errorf("more than a line: %q", c.out)
	}
}
