package browser

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// testTimeout limits every wait; only a failure uses it up.
const testTimeout = 2 * time.Minute

// tab is a page in its own browser profile. The test fails on exceptions,
// violations of the page's policy, and requests to other hosts.
type tab struct {
	t       *testing.T
	base    string
	session string
	profile string

	mu         sync.Mutex
	complaints []string
	bytes      map[string]int // received, by request ID
}

// look is how a page is displayed.
type look struct {
	width, height int
	dark          bool
}

var (
	wide   = look{width: 1360, height: 860}
	night  = look{width: 1360, height: 860, dark: true}
	narrow = look{width: 390, height: 844}
)

func openTab(t *testing.T, base string, l look) *tab {
	t.Helper()
	return openTabIn(t, "", base, l)
}

// openTabIn opens a tab in a profile, "" for one of its own.
func openTabIn(t *testing.T, profile, base string, l look) *tab {
	t.Helper()
	b := &tab{t: t, base: base, bytes: map[string]int{}}
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	session, in, err := chrome.attach(ctx, profile, b.onEvent)
	must(t, err)
	b.session, b.profile = session, in
	t.Cleanup(func() {
		if profile == "" {
			ctx, cancel := context.WithTimeout(context.Background(), testTimeout) // a page that hangs is not closed
			defer cancel()
			_ = chrome.call(ctx, "", "Target.disposeBrowserContext", map[string]any{"browserContextId": in}, nil)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, complaint := range b.complaints {
			t.Errorf("the browser complains: %s", complaint)
		}
	})
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(domain+".enable", nil, nil)
	}
	b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": recordTexts}, nil)
	b.as(l)
	return b
}

// recordTexts keeps the texts that the page has shown: some are gone before a busy machine looks.
const recordTexts = `window.shown = []; new MutationObserver((changes) => {
	for (const change of changes) for (const node of change.addedNodes) if (node.textContent) window.shown.push(node.textContent.slice(0, 2000));
	window.shown.splice(0, window.shown.length - 5000);
}).observe(document, { subtree: true, childList: true });`

func (b *tab) call(method string, params, result any) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	must(b.t, chrome.call(ctx, b.session, method, params, result))
}

// as displays the page in another way. Nothing moves by itself: without a graphics card, that would be drawn by the
// processor, sixty times a second in each tab.
func (b *tab) as(l look) {
	b.t.Helper()
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": l.width, "height": l.height, "deviceScaleFactor": 1, "mobile": l.width < 500}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}}}, nil)
}

func (b *tab) onEvent(method string, params json.RawMessage) {
	var e struct {
		ExceptionDetails struct {
			Text      string
			Exception struct{ Description string }
		}
		Entry   struct{ Source, Level, Text string }
		Request struct{ URL string }

		RequestID         string
		EncodedDataLength int
	}
	if json.Unmarshal(params, &e) != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch method {
	case "Runtime.exceptionThrown":
		b.complaints = append(b.complaints, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
	case "Log.entryAdded":
		// Some tests are about refused requests and lost connections, or plain HTTP.
		plain := strings.HasPrefix(e.Entry.Text, "The Cross-Origin-Opener-Policy header has been ignored")
		if !plain && e.Entry.Source != "network" && (e.Entry.Level == "error" || e.Entry.Level == "warning") {
			b.complaints = append(b.complaints, e.Entry.Text)
		}
	case "Network.requestWillBeSent":
		if !strings.HasPrefix(e.Request.URL, b.base) && !strings.HasPrefix(e.Request.URL, "data:") {
			b.complaints = append(b.complaints, "it asks another host: "+e.Request.URL)
		}
	case "Network.loadingFinished":
		b.bytes[e.RequestID] = e.EncodedDataLength
	}
}

// received returns how many bytes have arrived over the network.
func (b *tab) received() (total int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.bytes {
		total += n
	}
	return total
}

// open opens a page, such as "missions?status=FAILED", and waits for its heading: that of another page, which may have the
// same words, does not count.
func (b *tab) open(where, heading string) {
	b.t.Helper()
	b.await("the page before", `(window.left = location.hash === `+quote("#/"+where)+` ? null : document.querySelector("main h1"), true)`)
	b.call("Page.navigate", map[string]any{"url": b.base + "/#/" + where}, nil)
	b.await("the page "+where, `((h1) => h1 && h1 !== window.left && h1.textContent.includes(`+quote(heading)+`))(document.querySelector("main h1"))`)
}

// signIn opens a page, pastes a token into the form that comes in its place, and waits until the page knows who has signed
// in: what is done before that may come before the reload that follows.
func (b *tab) signIn(where, secret string) {
	b.t.Helper()
	b.open(where, "Sign in")
	b.submitToken(secret)
}

// submitToken pastes a token into the form that is there, and waits as signIn does.
func (b *tab) submitToken(secret string) {
	b.t.Helper()
	b.write("Token", secret)
	b.key("Enter")
	b.await("the end of the sign-in", `[...document.querySelectorAll("header button")].some((e) => e.textContent === "Sign out") && document.querySelector("main h1")`)
}

// reload loads the page anew, and waits for its heading.
func (b *tab) reload() {
	b.t.Helper()
	eval[bool](b, "window.old = true")
	b.call("Page.reload", nil, nil)
	b.await("the page after a reload", `!window.old && document.querySelector("main h1")`)
}

func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string can always be encoded
	}
	return string(text)
}

// eval returns the value of an expression; it awaits a promise.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := evaluate[T](b, expression)
	must(b.t, err)
	return value
}

func evaluate[T any](b *tab, expression string) (value T, err error) {
	var reply struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	err = chrome.call(ctx, b.session, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &reply)
	switch {
	case err != nil:
		return value, err
	case reply.ExceptionDetails != nil:
		return value, fmt.Errorf("%s: %s", expression, reply.ExceptionDetails.Exception.Description)
	case len(reply.Result.Value) > 0:
		err = json.Unmarshal(reply.Result.Value, &value)
	}
	return value, err
}

// leaves reports whether an expression has no value because the page makes way for another one.
func leaves(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "navigated or closed") || strings.Contains(err.Error(), "Execution context was destroyed"))
}

// await waits until an expression is true. It looks less often the longer it takes, since to look at a page takes the
// processor from what the page waits for.
func (b *tab) await(what, expression string) {
	b.t.Helper()
	pause := 10 * time.Millisecond
	for deadline := time.After(testTimeout); ; pause = min(pause*3/2, 200*time.Millisecond) {
		there, err := evaluate[bool](b, "!!("+expression+")")
		if !leaves(err) {
			must(b.t, err)
		}
		if there {
			return
		}
		select {
		case <-time.After(pause):
		case <-deadline:
			b.t.Fatalf("%s does not come; the page says:\n%.1500s", what, eval[string](b, "document.body.innerText"))
		}
	}
}

// awaitText waits until the page shows a text.
func (b *tab) awaitText(text string) {
	b.t.Helper()
	b.await(fmt.Sprintf("%q", text), "document.body?.innerText.includes("+quote(text)+")")
}

// awaitMessage waits until the page has shown a text after that of the previous call, though it may be gone again.
func (b *tab) awaitMessage(text string) {
	b.t.Helper()
	b.await(fmt.Sprintf("the message %q", text), "((i) => i >= 0 && window.shown.splice(0, i + 1))(window.shown.findIndex((each) => each.includes("+quote(text)+")))")
}

func (b *tab) awaitNoText(text string) {
	b.t.Helper()
	b.await(fmt.Sprintf("the end of %q", text), "document.body && !document.body.innerText.includes("+quote(text)+")")
}

// control returns an expression for the visible button, link or field with that
// name.
func control(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("button,a,input,select,textarea")].find((e) => {
		const label = e.getAttribute("aria-label") ?? (e.labels?.length ? e.labels[0].textContent : e.textContent);
		return label.trim() === %s && e.checkVisibility() && !e.disabled && (!document.querySelector("dialog[open]") || e.closest("dialog"));
	})`, quote(name))
}

// offers reports whether a control with that name exists.
func (b *tab) offers(name string) bool {
	b.t.Helper()
	return eval[bool](b, "!!"+control(name))
}

// press clicks a control with the mouse, once it stays where it is: what arrives above it moves it.
func (b *tab) press(name string) {
	b.t.Helper()
	b.await("the control "+name, control(name))
	at := eval[struct{ X, Y float64 }](b, `new Promise((done) => { let last; const look = () => { const e = `+control(name)+`; e?.scrollIntoView({block: "center"});
		const r = e?.getBoundingClientRect(); const at = r && {X: r.x + r.width / 2, Y: r.y + r.height / 2};
		if (at && at.X === last?.X && at.Y === last.Y) done(at); else { last = at; requestAnimationFrame(look); } }; look(); })`)
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil)
	}
}

// pressTwice presses a control that opens a dialog, and the one of the same name in the dialog.
func (b *tab) pressTwice(name string) {
	b.t.Helper()
	b.press(name)
	b.await("the dialog", `document.querySelector("dialog[open]")`)
	b.press(name)
}

// write types into a field, replacing its content.
func (b *tab) write(name, text string) {
	b.t.Helper()
	b.await("the field "+name, control(name))
	eval[bool](b, `(() => { const e = `+control(name)+`; e.focus(); e.select?.(); return true; })()`)
	b.call("Input.insertText", map[string]any{"text": text}, nil)
}

// key presses a key, wherever the focus is.
func (b *tab) key(name string) {
	b.t.Helper()
	codes := map[string]int{"Enter": 13, "Escape": 27, "Tab": 9, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
	event := map[string]any{"type": "keyDown", "key": name, "windowsVirtualKeyCode": codes[name]}
	switch {
	case name == "Enter":
		event["text"] = "\r"
	case codes[name] == 0:
		event["text"] = name
	}
	b.call("Input.dispatchKeyEvent", event, nil)
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": name, "windowsVirtualKeyCode": codes[name]}, nil)
}

// chord presses a key while Control is held.
func (b *tab) chord(name string) {
	b.t.Helper()
	for _, kind := range []string{"rawKeyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": name, "modifiers": 2, "windowsVirtualKeyCode": int(strings.ToUpper(name)[0])}, nil)
	}
}

// insert types a text where the focus is.
func (b *tab) insert(text string) {
	b.t.Helper()
	b.call("Input.insertText", map[string]any{"text": text}, nil)
}

// shoot saves a screenshot of the page, if screenshots are enabled.
func (b *tab) shoot(name string) {
	b.t.Helper()
	if pictures == "" {
		return
	}
	var picture struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png"}, &picture)
	data, err := base64.StdEncoding.DecodeString(picture.Data)
	must(b.t, err)
	must(b.t, os.MkdirAll(pictures, 0o755))
	must(b.t, os.WriteFile(filepath.Join(pictures, name+".png"), data, 0o644))
}

// address returns the part of the page's address after the #.
func (b *tab) address() string {
	b.t.Helper()
	u, err := url.Parse(eval[string](b, "location.href"))
	must(b.t, err)
	return u.Fragment
}

// settle waits until what was drawn is on the screen.
func (b *tab) settle() {
	b.t.Helper()
	eval[bool](b, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
}
