package test

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"missioncontrol/missions/redisstore/redistest"
	"missioncontrol/test/tlstest"
)

// unit reads the settings of a systemd unit in order, as "Section.Name".
func unit(t *testing.T, path string) (settings [][2]string) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer func() { _ = f.Close() }()
	section := ""
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		name, value, isSetting := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		case isSetting:
			settings = append(settings, [2]string{section + "." + name, value})
		default:
			t.Errorf("%s: %q is not a line of a unit", path, line)
		}
	}
	must(t, lines.Err())
	return settings
}

// systemd holds the directories and the socket of a service that it starts.
type systemd struct{ state, credentials, socket string }

// command returns the command that systemd would run for a unit and its drop-ins,
// prepared as systemd would, with the credentials already in place.
func (s *systemd) command(t *testing.T, files ...string) *exec.Cmd {
	t.Helper()
	cmd := &exec.Cmd{}
	expand := strings.NewReplacer("%d", s.credentials, "${STATE_DIRECTORY}", s.state).Replace
	for _, file := range files {
		for _, setting := range unit(t, file) {
			switch name, value := setting[0], setting[1]; name {
			case "Service.ExecStart":
				args := strings.Fields(expand(value))
				cmd = exec.Command(binary, args[1:]...)
				cmd.Env = []string{"NOTIFY_SOCKET=" + s.socket}
			case "Service.Environment":
				cmd.Env = append(cmd.Env, strings.Replace(expand(value), "0.0.0.0:4222", "0.0.0.0:0", 1))
			case "Service.LoadCredential":
				name, from, _ := strings.Cut(value, ":")
				if _, err := os.Stat(filepath.Join(s.credentials, name)); err != nil || filepath.Dir(from) != "/etc/missioncontrol" {
					t.Errorf("%s: the credential %s is from %s", file, name, from)
				}
			}
		}
	}
	return cmd
}

// The units' command notifies systemd when it is ready and when it stops.
func TestTheServiceOfSystemd(t *testing.T) {
	t.Parallel()
	const main, listen = "../deploy/systemd/missioncontrol.service", "../deploy/systemd/missioncontrol.service.d/listen.conf"
	for name, files := range map[string][]string{"alone": {main}, "listening": {main, listen}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := systemd{state: t.TempDir(), credentials: t.TempDir(), socket: filepath.Join(t.TempDir(), "notify")}
			socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.socket, Net: "unixgram"})
			must(t, err)
			t.Cleanup(func() { _ = socket.Close() })
			in := func(name string) string { return filepath.Join(s.credentials, name) }
			auth(t, "add", "admin", "root", "--users", in("users.yaml"))
			auth(t, "token", "viewer", "grafana", "--tokens", in("tokens.yaml"))
			pair := tlstest.New(t).Server()
			must(t, os.Rename(pair.Cert, in("tls.pem")))
			must(t, os.Rename(pair.Key, in("tls.key")))

			cmd := s.command(t, files...)
			cmd.Env = append(cmd.Env, "SUPERVISOR_LISTEN=127.0.0.1:0", "SUPERVISOR_HTTP=127.0.0.1:0")
			if name == "listening" {
				cmd.Env = append(cmd.Env, "SUPERVISOR_LISTEN=0.0.0.0:0", "SUPERVISOR_HTTP=0.0.0.0:0")
			}
			p := spawn(t, t.TempDir(), cmd.Env, cmd.Path, cmd.Args[1:]...)
			output := make(chan string)
			go func() {
				defer close(output)
				buf := make([]byte, 100)
				for {
					n, err := socket.Read(buf)
					if err != nil {
						return
					}
					output <- string(buf[:n])
				}
			}()
			if got := <-output; got != "READY=1" {
				t.Errorf("it said %q, and should be ready", got)
			}
			p.awaitPrinted("Ctrl-C")
			must(t, p.cmd.Process.Signal(os.Interrupt))
			if got := <-output; got != "STOPPING=1" {
				t.Errorf("it said %q, and should be stopping", got)
			}
			<-p.exited
			must(t, socket.Close())
			for range output { // until it has exited
			}
		})
	}
}

// systemd itself finds no errors in the units, if it is available.
func TestSystemdUnderstandsTheUnits(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("there is no systemd-analyze; only TestTheServiceOfSystemd reads the units")
		return
	}
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS("../deploy/systemd")))
	units := []string{"missioncontrol.service", "missioncontrol-backup.service", "missioncontrol-backup.timer"}
	for i, name := range units {
		units[i] = filepath.Join(dir, name)
		text, err := os.ReadFile(units[i])
		must(t, err)
		must(t, os.WriteFile(units[i], []byte(strings.ReplaceAll(string(text), "/usr/local/bin/supervisor", binary)), 0o600))
	}
	stdout, stderr, code := run(t, nil, analyze, append([]string{"verify", "--man=no", "--recursive-errors=no"}, units...)...)
	if output := strings.TrimSpace(stdout + stderr); code != 0 || output != "" {
		t.Errorf("systemd-analyze verify: exit code %d\n%s", code, output)
	}
}

// deployment is what these tests read from the Deployment. test/manifests checks
// that all of it is valid for Kubernetes.
type deployment struct {
	Spec struct {
		Replicas int
		Template struct {
			Spec struct {
				Containers []struct {
					Args []string
					Env  []struct {
						Name, Value string
						ValueFrom   struct {
							FieldRef struct {
								FieldPath string `yaml:"fieldPath"`
							} `yaml:"fieldRef"`
						} `yaml:"valueFrom"`
					}
					StartupProbe, LivenessProbe, ReadinessProbe struct {
						HTTPGet struct{ Path string } `yaml:"httpGet"`
					}
					VolumeMounts []struct {
						Name      string
						MountPath string `yaml:"mountPath"`
					} `yaml:"volumeMounts"`
				}
				Volumes []struct {
					Name   string
					Secret struct {
						Items []struct{ Key, Path string }
					}
				}
			}
		}
	}
}

var httpAddress = regexp.MustCompile(`http://[^"]+`)

// The Deployment's container starts with the Secret described in OPERATIONS.md, and
// its probes succeed.
func TestTheDeploymentOfKubernetes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../deploy/kubernetes/deployment.yaml")
	must(t, err)
	var d deployment
	must(t, yaml.Unmarshal(text, &d))
	pod := d.Spec.Template.Spec
	container := pod.Containers[0]

	g := guardExternal(t, "--jwt")
	secret := t.TempDir()
	must(t, os.CopyFS(secret, os.DirFS(g.secrets)))
	must(t, os.WriteFile(filepath.Join(secret, "store"), []byte(redistest.Start(t).URL()+"\n"), 0o600))
	auth(t, "token", "viewer", "grafana", "--tokens", filepath.Join(secret, "tokens.yaml"))

	mounted := t.TempDir()
	for _, item := range pod.Volumes[0].Secret.Items {
		content, err := os.ReadFile(filepath.Join(secret, item.Key))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(mounted, item.Path), content, 0o400))
	}
	help, _, _ := run(t, nil, binary, "serve", "--help")
	var env []string
	podIP := ""
	for _, v := range container.Env {
		if v.ValueFrom.FieldRef.FieldPath == "status.podIP" {
			podIP = v.Name
		}
		if strings.HasPrefix(v.Name, "SUPERVISOR_") && !strings.Contains(help, "($"+v.Name+")") {
			t.Errorf("serve knows no %s", v.Name)
		}
		value := strings.Replace(v.Value, container.VolumeMounts[0].MountPath, mounted, 1)
		switch v.Name {
		case "SUPERVISOR_SERVER":
			value = g.broker
		case "SUPERVISOR_ADVERTISE":
			if want := "http://$(" + podIP + "):8080"; podIP == "" || value != want {
				t.Errorf("a pod advertises %q, want %q, with a variable from before it", value, want)
			}
			value = strings.Replace(value, "$("+podIP+")", "127.0.0.1", 1)
		case "SUPERVISOR_HTTP":
			value = strings.Replace(value, ":8080", ":0", 1)
		}
		env = append(env, v.Name+"="+value)
	}
	p := spawn(t, t.TempDir(), env, binary, container.Args...)
	p.awaitPrinted(`"msg":"ready"`)
	address := httpAddress.FindString(p.output.String())
	address = "http://127.0.0.1" + address[strings.LastIndex(address, ":"):]
	for _, path := range []string{
		container.StartupProbe.HTTPGet.Path, container.LivenessProbe.HTTPGet.Path, container.ReadinessProbe.HTTPGet.Path,
	} {
		reply, err := http.Get(address + path)
		must(t, err)
		must(t, reply.Body.Close())
		if reply.StatusCode != http.StatusOK {
			t.Errorf("the probe of %s gets %s", path, reply.Status)
		}
	}
}
