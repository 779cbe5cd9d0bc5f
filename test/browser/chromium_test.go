package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
)

// chromium is a running browser. It is controlled with the DevTools protocol over
// two pipes, in which a NUL ends each message; see
// https://chromedevtools.github.io/devtools-protocol/.
type chromium struct {
	cmd *exec.Cmd
	out *os.File // to the browser

	mu       sync.Mutex
	last     int
	waiting  map[int]chan reply
	sessions map[string]func(method string, params json.RawMessage)
	gone     chan struct{} // closed when the browser has exited
}

type reply struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

// flags start a browser without a window and without prompts.
var flags = []string{"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
	"--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
	"--disable-default-apps", "--hide-scrollbars", "--mute-audio", "--font-render-hinting=none", "--remote-debugging-pipe",
	// For the tests behind a proxy with a name.
	"--host-resolver-rules=MAP " + proxyName + " 127.0.0.1", "--ignore-certificate-errors"}

func startChromium(profile string) (*chromium, error) {
	program, err := exec.LookPath("chromium")
	if err != nil {
		return nil, errors.New("the tests of the dashboard need Chromium; on Debian: apt-get install chromium")
	}
	in, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	theirIn, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := &chromium{out: out, waiting: map[int]chan reply{}, sessions: map[string]func(string, json.RawMessage){}, gone: make(chan struct{})}
	c.cmd = exec.Command(program, append(flags, "--user-data-dir="+profile)...)
	c.cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start Chromium: %w", err)
	}
	_, _ = theirIn.Close(), theirOut.Close() // the browser has opened its own
	go c.read(in)
	return c, nil
}

// read passes messages to their receivers, until the browser exits.
func (c *chromium) read(in io.Reader) {
	defer close(c.gone)
	for from := bufio.NewReaderSize(in, 1<<20); ; {
		text, err := from.ReadBytes(0)
		if err != nil {
			return
		}
		var message struct {
			ID        int
			SessionID string
			Method    string
			Params    json.RawMessage
			reply
		}
		if json.Unmarshal(text[:len(text)-1], &message) != nil {
			continue
		}
		c.mu.Lock()
		waiting, onEvent := c.waiting[message.ID], c.sessions[message.SessionID]
		delete(c.waiting, message.ID)
		c.mu.Unlock()
		switch {
		case waiting != nil:
			waiting <- message.reply
		case message.Method != "" && onEvent != nil:
			onEvent(message.Method, message.Params)
		}
	}
}

// call calls a method of the protocol in a session ("" for the browser itself) and
// decodes its result into result, which may be nil.
func (c *chromium) call(ctx context.Context, session, method string, params, result any) error {
	answer := make(chan reply, 1)
	c.mu.Lock()
	c.last++
	id := c.last
	c.waiting[id] = answer
	message := map[string]any{"id": id, "method": method}
	if params != nil {
		message["params"] = params
	}
	if session != "" {
		message["sessionId"] = session
	}
	text, err := json.Marshal(message)
	if err == nil {
		_, err = c.out.Write(append(text, 0))
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case r := <-answer:
		if r.Error != nil {
			return fmt.Errorf("%s: %s", method, r.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(r.Result, result)
	case <-c.gone:
		return errors.New("the browser has ended")
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// attach opens a tab in a profile, "" for one of its own, and returns its session.
func (c *chromium) attach(ctx context.Context, profile string, onEvent func(method string, params json.RawMessage)) (session, in string, err error) {
	var made struct{ BrowserContextID, TargetID, SessionID string }
	if profile == "" {
		if err = c.call(ctx, "", "Target.createBrowserContext", nil, &made); err != nil {
			return "", "", err
		}
		profile = made.BrowserContextID
	}
	// Each is a window of its own: a tab behind another is hidden.
	if err = c.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": profile, "newWindow": true}, &made); err != nil {
		return "", "", err
	}
	if err = c.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": made.TargetID, "flatten": true}, &made); err != nil {
		return "", "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions[made.SessionID] = onEvent
	return made.SessionID, profile, nil
}

// stop stops the browser.
func (c *chromium) stop() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	<-c.gone
	_ = c.out.Close()
}
