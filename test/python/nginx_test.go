package python

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"missioncontrol/eventstream/streamtest"
)

// startNginx runs nginx in front of a supervisor until the test ends, with what its proxy
// does by default, and returns its URL.
func startNginx(t *testing.T, supervisor string) (url string) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // where Debian has it, and not every PATH
	}
	dir := t.TempDir()
	address := fmt.Sprint("127.0.0.1:", streamtest.FreePorts(t, 1)[0])
	var temporary strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temporary, "%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	config := filepath.Join(dir, "nginx.conf")
	must(t, os.WriteFile(config, fmt.Appendf(nil, "daemon off;\nmaster_process off;\npid %s/pid;\nevents {}\nhttp {\naccess_log off;\n%s"+
		"server { listen %s; location / { proxy_pass %s; } }\n}\n", dir, temporary.String(), address, supervisor), 0o600))
	nginx := exec.Command(program, "-p", dir, "-e", "stderr", "-c", config)
	nginx.Stderr = os.Stderr
	if err := nginx.Start(); err != nil {
		t.Fatalf("the tests of agents behind a proxy need nginx; on Debian: apt-get install nginx-light: %v", err)
	}
	t.Cleanup(func() {
		_ = nginx.Process.Kill()
		_ = nginx.Wait()
	})
	await(t, "nginx listening on "+address, func(ctx context.Context) bool {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	})
	return "http://" + address
}
