package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/nats-io/nats-server/v2/server"
)

// compose is what these tests read from docker-compose.yml. Without a Docker engine
// its services cannot be started, but its content can be checked against the binary
// and the broker.
type compose struct {
	Services map[string]struct {
		Image       string
		Build       struct{ Target string }
		Command     []string
		Environment map[string]string
		Volumes     []string
	}
	Configs map[string]struct{ Content string }
	Volumes map[string]struct{}
}

func readCompose(t *testing.T) (c compose) {
	t.Helper()
	text, err := os.ReadFile("../docker-compose.yml")
	must(t, err)
	must(t, yaml.Unmarshal(text, &c))
	return c
}

// The binary accepts each command, and the brokers and the store it names are among
// the services.
func TestComposeCommandsAreOurs(t *testing.T) {
	t.Parallel()
	entrypoints := map[string][]string{"supervisor": {}, "agent": {"agent", "run"}}
	var ours []string
	c := readCompose(t)
	for name, service := range c.Services {
		entrypoint, ok := entrypoints[service.Build.Target]
		if !ok {
			continue
		}
		ours = append(ours, name)
		args := slices.Concat(entrypoint, service.Command)
		program := slices.Index(append(args, "--"), "--")
		// With --help at the end all arguments are parsed, and nothing is run.
		if _, stderr, code := run(t, nil, binary, append(slices.Clone(args[:program]), "--help")...); code != 0 {
			t.Errorf("%s: supervisor %s: %s", name, strings.Join(args, " "), stderr)
		}
		for _, arg := range args {
			_, list, _ := strings.Cut(arg, "=")
			for address := range strings.SplitSeq(list, ",") {
				u, err := url.Parse(address)
				if err != nil || u.Host == "" {
					continue
				}
				if _, there := c.Services[u.Hostname()]; !there {
					t.Errorf("%s: %s: there is no service %q", name, arg, u.Hostname())
				}
			}
		}
	}
	for _, name := range ours {
		if want := "http://" + name + ":8080"; c.Services[name].Build.Target == "supervisor" && c.Services[name].Environment["SUPERVISOR_ADVERTISE"] != want {
			t.Errorf("%s advertises %q, want %q", name, c.Services[name].Environment["SUPERVISOR_ADVERTISE"], want)
		}
	}
	slices.Sort(ours)
	if want := []string{"agent", "s1", "s2"}; !slices.Equal(ours, want) {
		t.Errorf("services of ours: %v, should be %v", ours, want)
	}
}

// The brokers have the version we test with, accept their configuration, and have
// routes to each other.
func TestComposeBrokers(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	file := filepath.Join(t.TempDir(), "nats.conf")
	must(t, os.WriteFile(file, []byte(c.Configs["nats.conf"].Content), 0o600))
	options, err := server.ProcessConfigFile(file)
	must(t, err)
	if !options.JetStream || options.StoreDir != "/data" || options.MaxPayload != 8<<20 {
		t.Errorf("the brokers' configuration: %+v", options)
	}
	var routes []string
	for _, route := range options.Routes {
		routes = append(routes, route.Hostname())
	}
	if want := []string{"n1", "n2", "n3"}; !slices.Equal(routes, want) {
		t.Errorf("routes: %v, should be %v", routes, want)
	}
	for _, name := range routes {
		broker := c.Services[name]
		if want := "nats:" + server.VERSION + "-alpine"; broker.Image != want {
			t.Errorf("%s: image %s, should be %s, the version in go.mod", name, broker.Image, want)
		}
		if !slices.Contains(broker.Command, "--name="+name) || !slices.Contains(broker.Volumes, name+":/data") {
			t.Errorf("%s shares its name or its data: %+v", name, broker)
		}
		if _, there := c.Volumes[name]; !there {
			t.Errorf("there is no volume %s", name)
		}
	}
}

// Redis has on disk what it accepted, and never evicts a mission.
func TestComposeRedisKeepsWhatItAccepts(t *testing.T) {
	t.Parallel()
	redis := readCompose(t).Services["redis"]
	command := strings.Join(redis.Command, " ")
	for _, want := range []string{"--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"} {
		if !strings.Contains(command, want) {
			t.Errorf("%q is missing in %q", want, command)
		}
	}
	if !slices.Contains(redis.Volumes, "redis:/data") {
		t.Errorf("volumes: %v", redis.Volumes)
	}
}

func readDockerfile(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../Dockerfile")
	must(t, err)
	return string(text)
}

// The image's health check, run as written against a supervisor whose broker is
// away: it is degraded but healthy. Once the supervisor is gone, the check fails.
func TestComposeHealthCheck(t *testing.T) {
	t.Parallel()
	match := regexp.MustCompile(`(?m)^HEALTHCHECK .*CMD (\[.*\])$`).FindStringSubmatch(readDockerfile(t))
	if match == nil {
		t.Fatal("the Dockerfile has no health check in exec form, which an image without a shell needs")
	}
	var check []string
	must(t, json.Unmarshal([]byte(match[1]), &check))
	p := start(t, t.TempDir(), "--server", fmt.Sprintf("nats://127.0.0.1:%d", freePort(t)))
	for i := range check {
		check[i] = strings.Replace(check[i], "127.0.0.1:8080", strings.TrimPrefix(p.HTTP, "http://"), 1)
	}
	stdout, stderr, code := run(t, nil, binary, check[1:]...)
	if code != 0 || !strings.Contains(stdout, "Status: degraded") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	p.stop()
	if _, _, code := run(t, nil, binary, check[1:]...); code != 1 {
		t.Errorf("exit code %d when nobody is there", code)
	}
}

// The image is built with the Go version of go.mod, and its settings are settings
// of serve.
func TestComposeImage(t *testing.T) {
	t.Parallel()
	dockerfile := readDockerfile(t)
	module, err := os.ReadFile("../go.mod")
	must(t, err)
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(module))[1]
	if !strings.Contains(dockerfile, "FROM golang:"+version+" AS build") {
		t.Errorf("go.mod wants Go %s", version)
	}
	help, _, _ := run(t, nil, binary, "serve", "--help")
	variables := regexp.MustCompile(`SUPERVISOR_[A-Z_]+`).FindAllString(dockerfile, -1)
	if len(variables) == 0 {
		t.Error("no settings were found in the Dockerfile")
	}
	for _, variable := range variables {
		if !strings.Contains(help, "$"+variable+")") {
			t.Errorf("serve has no setting %s", variable)
		}
	}
}

// As in the containers, where other machines can reach the address and no token is
// needed, a supervisor answers to the service names, and not to the name of another
// site.
func TestComposeHosts(t *testing.T) {
	t.Parallel()
	c := readCompose(t)
	args := []string{"serve", "--data-dir", t.TempDir(), "--listen", "127.0.0.1:0", "--http", "0.0.0.0:0", "--insecure", "--log-format", "json"}
	for _, arg := range c.Services["s1"].Command {
		if strings.HasPrefix(arg, "--http-host") {
			args = append(args, arg)
		}
	}
	p := spawn(t, t.TempDir(), nil, binary, args...)
	p.awaitPrinted(`"msg":"ready"`)
	address := httpAddress.FindString(p.output.String())
	address = "127.0.0.1" + address[strings.LastIndex(address, ":"):]
	for host, want := range map[string]int{
		"localhost:8080": http.StatusOK, "127.0.0.1:8080": http.StatusOK, "s1:8080": http.StatusOK, "s2:8080": http.StatusOK,
		"evil.example:8080": http.StatusForbidden,
	} {
		for _, path := range []string{"/metrics", "/api/missions", "/readyz"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
			must(t, err)
			request.Host = host
			reply, err := http.DefaultClient.Do(request)
			must(t, err)
			must(t, reply.Body.Close())
			if reply.StatusCode != want {
				t.Errorf("%s of %s: %s", path, host, reply.Status)
			}
		}
	}
}
