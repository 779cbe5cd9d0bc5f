package test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/test/output"
)

// puppetEnv names the agent that this test binary runs as, in a separate process.
const puppetEnv = "MISSIONCONTROL_TEST_PUPPET"

// puppet is an agent in a separate process that always reports under its old lease.
type puppet struct {
	*child
	stdin io.WriteCloser
}

// startPuppet starts an agent that claims one mission of its type and sends
// heartbeats.
func startPuppet(t *testing.T, url, id string) *puppet {
	t.Helper()
	p := &puppet{child: &child{t: t, cmd: exec.Command(os.Args[0]), output: &output.Buffer{}, exited: make(chan struct{})}}
	p.cmd.Env = append(os.Environ(), puppetEnv+"="+id, "NATS_URL="+url)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := p.cmd.StdinPipe()
	must(t, err)
	p.stdin = stdin
	must(t, p.cmd.Start())
	go func() { _ = p.cmd.Wait(); close(p.exited) }()
	t.Cleanup(p.kill)
	return p
}

func (p *puppet) signal(s syscall.Signal) {
	p.t.Helper()
	must(p.t, p.cmd.Process.Signal(s))
}

func (p *puppet) tell(line string) {
	p.t.Helper()
	_, err := fmt.Fprintln(p.stdin, line)
	must(p.t, err)
}

// runPuppet runs the puppet's process. For each line of input it reports in every
// possible way, and prints the answers.
func runPuppet(id string) {
	ctx := context.Background()
	check := func(what string, err error) {
		var refusal *api.Error
		switch {
		case errors.As(err, &refusal):
			fmt.Printf("%s: %s\n", what, refusal.Code)
		case err != nil:
			fmt.Printf("%s: %v\n", what, err)
			os.Exit(1)
		}
	}
	nc, err := nats.Connect(os.Getenv("NATS_URL"), nats.Name(api.ConnectionName(id)))
	check("connect", err)
	agent := client.New(nc).Agent(id)
	pace, err := agent.Register(ctx, api.RegisterRequest{Name: id, Types: []string{"held-by-" + id}, Capacity: 1})
	check("register", err)
	claimed, err := agent.Claim(ctx, api.ClaimRequest{Max: 1, WaitSeconds: 20})
	check("claim", err)
	lease := api.LeaseRef{MissionID: claimed.Missions[0].ID, Lease: claimed.Missions[0].Lease}
	go func() {
		for range time.Tick(time.Duration(pace.HeartbeatSeconds * float64(time.Second))) {
			_, err := agent.Heartbeat(ctx, api.HeartbeatRequest{Running: &[]api.Held{{LeaseRef: lease}}})
			check("heartbeat", err)
		}
	}()
	fmt.Println("holds", lease.MissionID)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		check("progress", agent.Progress(ctx, api.ProgressRequest{LeaseRef: lease, Percent: ptr(99.0)}))
		check("log", agent.Log(ctx, api.LogAppendRequest{LeaseRef: lease, Message: "still here"}))
		check("complete", agent.Complete(ctx, api.Completion{LeaseRef: lease, Result: []byte(`"the sleeper's"`)}))
		check("fail", agent.Fail(ctx, api.Failure{LeaseRef: lease, Error: "the sleeper's"}))
		check("release", agent.Release(ctx, lease))
		fmt.Println("reported")
	}
}
