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
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+dir)
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || !strings.HasPrefix(url, "nats://") {
		t.Fatalf("the child said %q, %v", url, err)
	}

	js := connect(t, strings.TrimSpace(url))
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(ctx, "s.a", []byte("acknowledged")); err != nil {
		t.Fatal(err)
	}
	_, err = embedded.Start(ctx, embedded.Config{StoreDir: dir})
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
