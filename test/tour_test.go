package test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"missioncontrol/test/eventually"
	"missioncontrol/test/output"
)

// block is one command of a README's console block, and its output.
type block struct {
	command    string
	want       []string // lines; if empty, the output is not checked
	background bool     // it keeps running while the next ones run
	until      string   // a background command is ready once its output contains this
	line       int      // where its output begins in the README, from 0
}

// TestStart runs the README's first commands.
func TestStart(t *testing.T) {
	t.Parallel()
	newStage(t).play("../README.md", "Start", 3)
}

// TestTour runs every command of the README's tour, with the real nats CLI and our own.
func TestTour(t *testing.T) {
	t.Parallel()
	newStage(t).play("../README.md", "The tour", 8)
}

// TestCookbook runs every recipe of the cookbook beside a supervisor.
func TestCookbook(t *testing.T) {
	t.Parallel()
	book, err := os.ReadFile("../docs/COOKBOOK.md")
	must(t, err)
	recipes := regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(string(book), -1)
	if len(recipes) < 6 {
		t.Fatalf("there are %d recipes", len(recipes))
	}
	for _, recipe := range recipes {
		t.Run(recipe[1], func(t *testing.T) {
			s := newStage(t)
			s.startBackground(block{command: "supervisor", background: true, until: "Ctrl-C"}, func([]string) {})
			s.play("../docs/COOKBOOK.md", recipe[1], 3)
		})
	}
}

// play runs the commands of a section of a document, in order, and compares the output
// with the document. With TOUR_UPDATE=1 it writes the output into the document instead.
func (s *stage) play(document, section string, atLeast int) {
	t := s.t
	t.Helper()
	text, err := os.ReadFile(document)
	must(t, err)
	lines := strings.Split(string(text), "\n")
	blocks := commands(lines, section)
	if len(blocks) < atLeast {
		t.Fatalf("only %d commands in %q", len(blocks), section)
	}
	got := make([][]string, len(blocks))
	waits := make([]func(), len(blocks))
	for i, b := range blocks {
		if b.background {
			waits[i] = s.startBackground(b, func(printed []string) { got[i] = printed })
			continue
		}
		s.settle()
		got[i] = s.foreground(b)
	}
	for i := range slices.Backward(blocks) {
		if waits[i] != nil {
			waits[i]()
		}
	}
	if os.Getenv("TOUR_UPDATE") != "" {
		rewrite(t, document, lines, blocks, got, s)
		return
	}
	for i, b := range blocks {
		want, printed := s.normalize(b.want), s.normalize(got[i])
		if b.background {
			printed = printed[:min(len(printed), len(want))]
		}
		if !slices.Equal(want, printed) {
			t.Errorf("$ %s\n--- %s\n%s\n--- printed\n%s", b.command, document, strings.Join(want, "\n"), strings.Join(printed, "\n"))
		}
	}
}

var directive = regexp.MustCompile(`^<!-- background(?: until "(.*)")? -->$`)

// commands reads the console blocks between a heading and the next one of that level.
func commands(lines []string, section string) (blocks []block) {
	inSection, inBlock := false, false
	var next block
	for i, line := range lines {
		switch m := directive.FindStringSubmatch(line); {
		case strings.HasPrefix(line, "## "):
			inSection = line == "## "+section
		case !inSection:
		case m != nil:
			next.background, next.until = true, m[1]
		case line == "```console":
			inBlock = true
		case line == "```":
			inBlock = false
			if next.command != "" {
				blocks = append(blocks, next)
			}
			next = block{}
		case inBlock && strings.HasPrefix(line, "$ "):
			if next.command != "" {
				blocks = append(blocks, next)
				next = block{}
			}
			next.command, next.line = strings.TrimPrefix(line, "$ "), i+1
		case inBlock && strings.HasSuffix(next.command, `\`) && len(next.want) == 0:
			next.command = strings.TrimSuffix(next.command, `\`) + strings.TrimSpace(line)
			next.line = i + 1
		case inBlock:
			next.want = append(next.want, line)
		}
	}
	return blocks
}

// stage is the machine of the README's reader: a data directory, two free ports, and
// the binary on the path.
type stage struct {
	t   *testing.T
	dir string
	env []string
}

func newStage(t *testing.T) *stage {
	dir := t.TempDir()
	broker := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	root, err := filepath.Abs("..")
	must(t, err)
	path := strings.Join([]string{filepath.Dir(binary), filepath.Join(root, ".cache", "bin"), os.Getenv("PATH")}, ":")
	return &stage{t: t, dir: dir, env: append(os.Environ(),
		"PATH="+path, "SUPERVISOR_LISTEN="+broker, "NATS_URL=nats://"+broker,
		"SUPERVISOR_HTTP=127.0.0.1:"+fmt.Sprint(freePort(t)), "SUPERVISOR_DATA_DIR="+filepath.Join(dir, "data"),
		"XDG_CONFIG_HOME="+dir, "TMPDIR="+dir, "NO_COLOR=1", "COLUMNS=120", "LC_ALL=C.UTF-8", "TZ=UTC")}
}

func (s *stage) command(ctx context.Context, b block, shown *output.Buffer) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", b.command)
	cmd.Dir, cmd.Env = "..", s.env
	cmd.Stdout, cmd.Stderr = shown, shown
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// settle waits until every event so far is in the stream: a person is slower than
// the relay, but a test may not be.
func (s *stage) settle() {
	s.t.Helper()
	var health string
	eventually.Holds(s.t, func() bool {
		health = get(s.t, "http://"+value(s.env, "SUPERVISOR_HTTP")+"/api/supervisor/health")
		return strings.Contains(health, `"waiting":0`)
	}, func() string { return "the outbox does not empty: " + health })
}

func (s *stage) foreground(b block) []string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*testTimeout)
	defer cancel()
	shown := &output.Buffer{}
	cmd := s.command(ctx, b, shown)
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("$ %s\n%v\n%s", b.command, err, shown)
	}
	return printed(shown.String())
}

// startBackground runs a command in the background. The function it returns waits
// until the command has printed what the README shows, stops it, and passes on its
// output.
func (s *stage) startBackground(b block, take func([]string)) (wait func()) {
	s.t.Helper()
	shown := &output.Buffer{}
	cmd := s.command(s.t.Context(), b, shown)
	must(s.t, cmd.Start())
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	s.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-exited
	})
	if b.until != "" {
		s.await(b, shown, exited, func(text string) bool { return strings.Contains(text, b.until) })
	}
	return func() {
		s.await(b, shown, exited, func(text string) bool { return len(printed(text)) >= len(b.want) })
		take(printed(shown.String()))
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		<-exited
	}
}

// await waits until a command's output is as wanted.
func (s *stage) await(b block, shown *output.Buffer, exited <-chan struct{}, wanted func(string) bool) {
	s.t.Helper()
	if !shown.Await(wanted, exited, 4*testTimeout) { // the first build may be included
		s.t.Fatalf("$ %s\ndid not print what the README shows:\n%s", b.command, shown)
	}
}

func printed(text string) []string {
	text = strings.TrimRight(text, "\n ")
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \r\t")
	}
	return lines
}

// changing lists what differs between runs, and what it is replaced with for the
// comparison.
var changing = []struct {
	pattern *regexp.Regexp
	as      string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`\bcat-[0-9a-f]{8}\b`), "AGENT"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z)?`), "TIME"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d(\.\d+)?\b`), "TIME"},
	{regexp.MustCompile(`\b1\d{9}(\.\d+)?\b`), "TIME"},
	{regexp.MustCompile(`(_seconds"?: ?)\d+(\.\d+)?`), "${1}SECONDS"},
	{regexp.MustCompile(`\b(\d+(\.\d+)?(µs|ms|ns|s|m|h))+\b`), "DURATION"},
	{regexp.MustCompile(`^now\b`), "DURATION"},
	{regexp.MustCompile(`\b[0-9A-Za-z]{20,22}\b`), "NUID"},
	{regexp.MustCompile(`"?(outbox_position|published|waiting|lease|capacity_seconds|total_bytes)"?: ?\d+`), "$1 N"},
	{regexp.MustCompile(`\b\d+(\.\d+)? (B|KiB|MiB|bytes)\b`), "SIZE"},
	{regexp.MustCompile(`v?\d+\.\d+\.\d+(-[0-9a-z.+-]+)?`), "VERSION"},
	{regexp.MustCompile(`[─-╿]+`), "─"},
	{regexp.MustCompile(` +`), " "},
}

func (s *stage) normalize(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		line = strings.ReplaceAll(line, filepath.Join(s.dir, "data"), shownDataDir)
		line = otherBroker.ReplaceAllString(line, "")
		for _, c := range changing {
			line = c.pattern.ReplaceAllString(line, c.as)
		}
		out[i] = strings.TrimSpace(line)
	}
	sortHeaders(out)
	return out
}

var header = regexp.MustCompile(`^[A-Za-z-]+: `)

// sortHeaders sorts the headers of a message, which the nats CLI prints in any
// order.
func sortHeaders(lines []string) {
	for i := 0; i < len(lines); i++ {
		end := i
		for end < len(lines) && header.MatchString(lines[end]) && strings.HasPrefix(lines[max(i-1, 0)], "[#") {
			end++
		}
		slices.Sort(lines[i:max(end, i)])
	}
}

// otherBroker matches what the banner adds to its commands if the broker is not the
// usual one.
var otherBroker = regexp.MustCompile(` -s nats://127\.0\.0\.1:\d+`)

// shownDataDir is the README's data directory.
const shownDataDir = "/tmp/tour"

// rewrite writes the commands' output into the README.
func rewrite(t *testing.T, document string, lines []string, blocks []block, got [][]string, s *stage) {
	t.Helper()
	broker := regexp.MustCompile(`127\.0\.0\.1:\d+`)
	http := value(s.env, "SUPERVISOR_HTTP")
	for i := len(blocks) - 1; i >= 0; i-- {
		b := blocks[i]
		if b.background && len(b.want) == 0 {
			continue
		}
		var shown []string
		for _, line := range got[i] {
			line = strings.ReplaceAll(line, filepath.Join(s.dir, "data"), shownDataDir)
			line = otherBroker.ReplaceAllString(line, "")
			line = strings.ReplaceAll(line, http, "127.0.0.1:8080")
			line = broker.ReplaceAllStringFunc(line, func(address string) string {
				if address == "127.0.0.1:8080" {
					return address
				}
				return "127.0.0.1:4222"
			})
			shown = append(shown, line)
		}
		lines = slices.Replace(lines, b.line, b.line+len(b.want), shown...)
	}
	var out bytes.Buffer
	out.WriteString(strings.Join(lines, "\n"))
	must(t, os.WriteFile(document, out.Bytes(), 0o644))
}

func value(env []string, name string) (v string) {
	for _, entry := range env {
		if rest, ok := strings.CutPrefix(entry, name+"="); ok {
			v = rest
		}
	}
	return v
}
