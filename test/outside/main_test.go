package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// The program does what it should with the supervisor of this checkout.
func TestAgainstASupervisor(t *testing.T) {
	url := supervisor(t)
	result, err := run(t.Context(), url)
	if err != nil || result != "COMPLETED 42" {
		t.Errorf("%q, %v", result, err)
	}
}

var broker = regexp.MustCompile(`nats://[0-9.:]+`)

// supervisor builds a supervisor, runs it until the test ends, and returns the URL of its
// broker.
func supervisor(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "supervisor")
	build := exec.Command("go", "build", "-o", program, "./cmd/supervisor")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the supervisor: %v\n%s", err, out)
	}
	serve := exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--http", "off", "--data-dir", t.TempDir())
	serve.Env = append(os.Environ(), "NATS_URL=", "NATS_CONTEXT=")
	serve.Stderr = t.Output()
	out, err := serve.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = serve.Process.Signal(os.Interrupt) // it may have ended
		_, _ = io.Copy(io.Discard, out)
		if err := serve.Wait(); err != nil {
			t.Errorf("the supervisor ended with %v", err)
		}
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if url := broker.FindString(lines.Text()); url != "" {
			return url
		}
	}
	t.Fatal("the supervisor has not said where its broker is")
	return ""
}
