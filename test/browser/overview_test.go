package browser

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// The latest failures are grouped by the first line of their errors, with links to the
// missions of each group. Further failures arrive by themselves; requests are made only
// for those.
func TestFailuresAreGroupedByError(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.works(agent.Config{ID: "w", Name: "w", Types: []string{"copy", "mail"}, Handler: func(_ context.Context, task *agent.Task) (any, error) {
		text := "the disk is full\nat block " + task.Mission.ID
		if task.Mission.Type == "mail" {
			text = "no route to <host>"
		}
		return nil, agent.Permanent(errors.New(text))
	}})
	s.batch("copy", "copy %d", 3, "")
	s.batch("mail", "mail %d", 1, "")
	s.awaitCounts(func(c *api.Status) bool { return c.FailedMissions == 4 })
	b := openTab(t, s.HTTP, wide)
	b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": `{
		const real = window.fetch;
		window.asked = 0;
		window.fetch = (path, init) => { if (String(path).includes("status=FAILED")) window.asked++; return real(path, init); };
	}`}, nil)
	b.open("overview", "Overview")
	const rows = `[...document.querySelectorAll(".failures tbody tr")].map((tr) => [...tr.children].slice(0, 3).map((td) => td.textContent).join(" | ")).join("\n")`
	b.await("the groups", rows+` === "the disk is full | copy | 3\nno route to <host> | mail | 1"`)
	s.batch("copy", "copy %d again", 2, "")
	b.await("the new failures", rows+`.startsWith("the disk is full | copy | 5")`)
	if asked := eval[int](b, "asked"); asked < 2 || asked > 3 { // the two may come one after the other
		t.Errorf("it asked %d times for failed missions", asked)
	}
	b.press("the disk is full")
	b.awaitText("copy 3")
	b.awaitNoText("mail 1")
	b.awaitText("5 missions")
	if got := b.address(); got != "/missions?status=FAILED&type=copy&error=the+disk+is+full" {
		t.Errorf("the address is %s", got)
	}
	b.write("Error", "at block "+s.find("copy 2 again"))
	b.awaitText("1 mission")
	b.awaitText("copy 2 again")
	b.awaitNoText("copy 3")
}

// An Overview without missions shows what makes something happen. The commands run as they
// are shown, and are the banner's.
func TestTheFirstCommandsRunAsShown(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.open("overview", "Overview")
	b.awaitText("Get started")
	commands := eval[[]string](b, `[...document.querySelectorAll(".steps code")].map((e) => e.textContent)`)
	if len(commands) != 3 {
		t.Fatalf("the commands are %q", commands)
	}
	eval[bool](b, `(Object.defineProperty(navigator, "clipboard", {value: {writeText: async (text) => { window.copied = text; }}}), true)`)
	for _, command := range commands {
		if !strings.Contains(s.Logs.String(), command+"\n") {
			t.Errorf("the banner has no %q:\n%s", command, s.Logs)
		}
		b.press("Copy the command " + command)
		b.await("the copy", "window.copied === "+quote(command))
	}
	b.audit("the empty overview")

	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(running.Wait)
	t.Cleanup(cancel)
	background := func(command string) *bytes.Buffer {
		var out bytes.Buffer
		running.Go(func() {
			cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+command)
			cmd.Stdout, cmd.Stderr = &out, &out
			_ = cmd.Run() // it is killed
		})
		return &out
	}
	background(commands[0])
	out, err := exec.CommandContext(ctx, "sh", "-c", commands[1]).CombinedOutput()
	if err != nil || !strings.Contains(string(out), string(missions.Completed)) {
		t.Errorf("%s: %v\n%s", commands[1], err, out)
	}
	b.await("the mission", `document.querySelectorAll(".tile .figure")[2].textContent === "1"`)
	if !b.offers("Copy the command " + commands[2]) {
		t.Error("the third command is gone before it could be copied")
	}
	background(commands[2])
	s.awaitCounts(func(c *api.Status) bool { return c.CompletedMissions == 1 })
}
