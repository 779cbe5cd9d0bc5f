package demo

import (
	"context"
	"net"
	"strings"

	"missioncontrol/cmd/supervisor/serve"
	"missioncontrol/cmd/supervisor/ui"
)

// anyPort is an address with a port that is free.
const anyPort = "127.0.0.1:0"

// choose returns the address that somebody asked for; else the usual one, or any, if that is
// taken, and says so.
func choose(ctx context.Context, c *ui.Console, what, asked, usual string) string {
	if asked != "" {
		return asked
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", usual)
	if err != nil {
		c.Err.Printf("%s is taken, so the demo's %s gets another port.\n", usual, what)
		return anyPort
	}
	_ = listener.Close() // nobody has used it
	return usual
}

// brokerURL returns where agents and commands find the broker.
func brokerURL(info serve.Info) string {
	url, _, _ := strings.Cut(info.Broker, " ")
	return url
}

// banner says what there is to see.
func banner(out *ui.Screen, info serve.Info, dir string) {
	program := serve.ProgramName()
	where := ""
	if url := brokerURL(info); url != "nats://"+usualBroker {
		where = " -s " + url
	}
	b := out.Card("Mission Control " + info.Version + ": the demo")
	if info.HTTP != "off" {
		b.Line("Dashboard", out.Paint(ui.Cyan, info.HTTP))
	}
	b.Line("Broker", brokerURL(info))
	b.Line("Data", dir+", which is removed at the end")
	b.Gap()
	b.Line("Agents", "writer-1, writer-2, coder-1, tester-1 and deployer-1 work, fail and spend")
	b.Line("Needs you", deployID+" waits for your answer")
	b.Line("Schedule", scheduleID+" creates a mission every 20 seconds")
	b.Line("Limit", limitName+" lets 3 missions write at once, 2 for each customer")
	b.Line("Batch", batchID+" is a set of tests; the mission "+notesID+" waits for it")
	b.Gap()
	b.Line("Try", out.Paint(ui.Cyan, program+" top"+where))
	b.Line("then", out.Paint(ui.Cyan, program+" missions signal"+where+" "+deployID+" approved yes"))
	b.Line("and", out.Paint(ui.Cyan, program+" events"+where+" --follow"))
	b.Gap()
	b.Line("Stop", "Ctrl-C")
	b.Print()
}
