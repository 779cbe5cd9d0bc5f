package browser

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"missioncontrol/eventstream/streamtest"
	"missioncontrol/test/tlstest"
)

// proxyName is the name in the documented configurations.
const proxyName = "mc.example.com"

// Behind nginx as OPERATIONS.md configures it, with and without a path, over TLS and
// plain HTTP, and without a proxy but with a name, people sign in, change missions and
// see them live.
func TestBehindAProxy(t *testing.T) {
	t.Parallel()
	documented := nginxBlocks(t)
	for name, c := range map[string]struct {
		server string // of nginx; "" for none
		path   string
		cookie string // name, path, whether Secure
	}{
		"a whole host": {documented[0], "", "__Host-missioncontrol / true"},
		"a path":       {withLocation(documented[0], documented[1]), "/mc", "__Secure-missioncontrol /mc/ true"},
		"as little as there can be": {"server { listen 443; location /mc/ { proxy_pass http://127.0.0.1:8080/; } }", "/mc",
			"missioncontrol /mc/ false"},
		"a name and no proxy": {"", "", "missioncontrol / false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tokens, secret := tokensFile(t, "operator", "mary")
			s := start(t, "--tokens-file", tokens, "--http-host", proxyName)
			base := strings.Replace(s.HTTP, "127.0.0.1", proxyName, 1)
			if c.server != "" {
				base = startNginx(t, c.server, strings.TrimPrefix(s.HTTP, "http://")) + c.path
			}
			b := openTab(t, base, wide)
			b.signIn("missions", secret)
			b.awaitText("No missions yet")
			b.awaitText("Connected")
			b.press("New mission")
			b.write("Name", "behind it")
			b.press("Create mission")
			b.awaitText("created, PENDING")
			b.open("events", "Events")
			b.awaitText("behind it (default")
			b.open("limits", "Limits")
			b.press("Pause everything")
			b.write("Type “pause” to confirm", "pause")
			b.key("Enter")
			b.awaitText("By mary, since")
			b.press("everything")
			b.await("its page", `document.querySelector("main h1")?.textContent.startsWith("everything")`)
			b.pressTwice("Resume")
			b.await("the end", `!`+pausedBanner)
			var jar struct {
				Cookies []struct {
					Name, Path string
					Secure     bool
				}
			}
			b.call("Network.getCookies", map[string]any{"urls": []string{base + "/"}}, &jar)
			if got := fmt.Sprintf("%v", jar.Cookies); got != "[{"+c.cookie+"}]" {
				t.Errorf("the cookies are %s, want %s", got, c.cookie)
			}
			b.call("Page.navigate", map[string]any{"url": base + "/missions?status=PENDING"}, nil)
			b.await("the page that was typed", `location.hash === "#/missions?status=PENDING" && document.body?.innerText.includes("behind it")`)
			b.call("Page.navigate", map[string]any{"url": base + "/no/where"}, nil)
			b.awaitText("There is no such page")
			b.await("its style sheet, which moves the link", `document.readyState === "complete"`)
			b.press("Open the dashboard")
			b.await("the overview", `document.querySelector("main h1")?.textContent === "Overview"`)
			b.press("Sign out")
			b.awaitText("Paste the token")
		})
	}
}

// nginxBlocks returns the configurations of nginx in OPERATIONS.md.
func nginxBlocks(t *testing.T) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash("../../docs/OPERATIONS.md"))
	must(t, err)
	for _, found := range regexp.MustCompile("(?s)```nginx\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, found[1])
	}
	if len(blocks) != 2 {
		t.Fatalf("%d configurations of nginx are documented, want 2", len(blocks))
	}
	return blocks
}

// withLocation returns a server with another location.
func withLocation(server, location string) string {
	before, _, _ := strings.Cut(server, "    location ")
	return before + location + "}\n"
}

// startNginx runs nginx in front of a supervisor until the test ends, and returns its
// URL.
func startNginx(t *testing.T, server, supervisor string) (url string) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // where Debian has it, and not every PATH
	}
	dir := t.TempDir()
	address := fmt.Sprint("127.0.0.1:", streamtest.FreePorts(t, 1)[0])
	pair := tlstest.New(t).Server()
	server = strings.NewReplacer("listen 443", "listen "+address, "127.0.0.1:8080", supervisor,
		"/etc/ssl/mc.example.com.pem", pair.Cert, "/etc/ssl/mc.example.com.key", pair.Key).Replace(server)
	config := filepath.Join(dir, "nginx.conf")
	var temporary string
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary += fmt.Sprintf("%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	must(t, os.WriteFile(config, []byte(fmt.Sprintf("daemon off;\nmaster_process off;\npid %s/pid;\nevents {}\nhttp {\naccess_log off;\n%s%s}\n", dir, temporary, server)), 0o600))
	nginx := exec.Command(program, "-p", dir, "-e", "stderr", "-c", config)
	nginx.Stderr = os.Stderr
	if err := nginx.Start(); err != nil {
		t.Fatalf("the tests of the dashboard behind a proxy need nginx; on Debian: apt-get install nginx-light: %v", err)
	}
	t.Cleanup(func() {
		_ = nginx.Process.Kill()
		_ = nginx.Wait()
	})
	awaitListener(t, address)
	_, port, err := net.SplitHostPort(address)
	must(t, err)
	scheme := "http://"
	if strings.Contains(server, " ssl;") {
		scheme = "https://"
	}
	return scheme + proxyName + ":" + port
}

func awaitListener(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			must(t, conn.Close())
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("nobody listens on %s: %v", address, err)
		}
	}
}

// tokensFile makes a token and returns it with the file that it is allowed in.
func tokensFile(t *testing.T, role, name string) (file, secret string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "tokens.yaml")
	out, err := exec.Command(binary, "auth", "token", role, name, "--tokens", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(file), name+".token"))
	must(t, err)
	return file, strings.TrimSpace(string(text))
}

// A page whose scripts do not come, or may not run, says what to do.
func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.call("Network.setBlockedURLs", map[string]any{"urls": []string{"*/ui/main.js"}}, nil)
	b.call("Page.navigate", map[string]any{"url": s.HTTP}, nil)
	b.awaitText("its scripts cannot be loaded")
	off := openTab(t, s.HTTP, wide)
	off.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	off.call("Page.navigate", map[string]any{"url": s.HTTP}, nil)
	off.awaitText("The dashboard needs JavaScript")
}
