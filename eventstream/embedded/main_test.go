package embedded_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"missioncontrol/eventstream/embedded"
)

// childEnv makes the test binary run as a broker that waits to be killed.
const childEnv = "EMBEDDED_TEST_STORE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		runChild(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// runChild is the process that TestKill9 kills: a broker that prints its URL and
// runs until it is killed.
func runChild(dir string) {
	s, err := embedded.Start(context.Background(), embedded.Config{StoreDir: dir})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(s.ClientURL())
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the parent has ended
}
