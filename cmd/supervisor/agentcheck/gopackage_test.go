package agentcheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"missioncontrol/supervisor/agent"
)

// goPackage names the test agent that is built with package agent.
const goPackage = "package agent"

// runGoPackage is the agent that a user of the package writes for these checks.
func runGoPackage() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := agent.ConnectAndRun(ctx, os.Getenv("CHECK_NATS_URL"), agent.Config{
		ID: os.Getenv("CHECK_AGENT_ID"), Types: []string{missionType}, Concurrency: slots, Handler: obey,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// obey does what a mission's data say, and reads signals meanwhile.
func obey(ctx context.Context, t *agent.Task) (any, error) {
	var data work
	if err := json.Unmarshal(t.Mission.Data, &data); err != nil {
		return nil, agent.Permanent(err)
	}
	done := time.After(time.Duration(data.WorkSeconds * float64(time.Second)))
	for signals := t.Signals(); ; {
		select {
		case _, open := <-signals:
			if !open {
				signals = nil
			}
			continue
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-done:
		}
		break
	}
	switch {
	case data.Fail != "" && data.Permanent:
		return nil, agent.Permanent(errors.New(data.Fail))
	case data.Fail != "":
		return nil, errors.New(data.Fail)
	}
	return data.Result, nil
}
