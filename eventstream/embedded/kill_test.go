//go:build unix

package embedded_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/eventstream/embedded"
)

func TestKill9(t *testing.T) {
	t.Parallel()
	dir, ctx := t.TempDir(), testContext(t)
	child, js := startChild(t, dir)
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(ctx, "s.a", []byte("acknowledged")); err != nil {
		t.Fatal(err)
	}
	_, err := embedded.Start(ctx, embedded.Config{StoreDir: dir})
	if !errors.Is(err, embedded.ErrDirLocked) || !strings.Contains(err.Error(), fmt.Sprintf("(pid %d)", child.Process.Pid)) {
		t.Fatalf("error = %v, want ErrDirLocked that names the child", err)
	}

	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // returns the kill as an error

	s := start(t, embedded.Config{StoreDir: dir})
	if got := stored(t, s); got != "acknowledged" {
		t.Errorf("after kill -9 the stream holds %q, want %q", got, "acknowledged")
	}
}

// startChild runs a broker on a directory in a process of its own, which is killed when
// the test ends.
func startChild(t *testing.T, dir string) (*exec.Cmd, jetstream.JetStream) {
	t.Helper()
	child := exec.CommandContext(testContext(t), os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+dir)
	stdin, err := child.StdinPipe()
	must(t, err)
	stdout, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait(); _ = stdin.Close() })
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || !strings.HasPrefix(url, "nats://") {
		t.Fatalf("the child said %q, %v", url, err)
	}
	return child, connect(t, strings.TrimSpace(url))
}
