package browser

import (
	"fmt"
	"strings"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// eventsOnly has the page ask for nothing by itself every 20 s, but only when it is told of
// something.
func (b *tab) eventsOnly() {
	b.t.Helper()
	b.call("Page.addScriptToEvaluateOnNewDocument", map[string]any{"source": `{
		const real = window.setTimeout;
		window.setTimeout = (call, ms, ...more) => (ms === 20000 ? 0 : real(call, ms, ...more));
	}`}, nil)
}

// A question appears by itself on the page that is open, in the navigation and in the title,
// is answered with the keyboard, says so, and goes away.
func TestAQuestionIsAnsweredWithTheKeyboard(t *testing.T) {
	t.Parallel()
	s := start(t)
	b := openTab(t, s.HTTP, wide)
	b.eventsOnly()
	b.open("overview", "Overview")
	b.awaitText("Connected")
	if eval[bool](b, `document.querySelector(".asks").checkVisibility()`) {
		t.Error("the overview has room for questions, and there are none")
	}
	h := s.hands("coder-1", "code")
	s.create(api.MissionSpec{ID: "m", Name: "the migration", Type: "code"})
	h.parks(h.take("code"), api.Report{}, asks("merge", "Shall I merge it?", "merge", "revise"))
	b.awaitText("Shall I merge it?")
	b.awaitText("parked by agent coder-1")
	b.await("the title", `document.title === "(1) Overview · Mission Control"`)
	if badge := eval[string](b, `document.querySelector(".nav a[href='#/inbox'] .count").textContent`); badge != "1 waiting for an answer" {
		t.Errorf("the badge is %q", badge)
	}
	s.create(api.MissionSpec{ID: "n", Name: "the letter", Type: "mail", After: []missions.Condition{asks("text", "Which greeting?")}})
	b.await("the second question", `document.title.startsWith("(2) ")`)

	b.key("g")
	b.key("i")
	b.await("the page", `document.querySelector("main h1")?.textContent === "Needs you"`)
	b.key("j")
	b.await("the focus", `document.activeElement.matches("li[data-row]") && document.activeElement.textContent.includes("Shall I merge it?")`)
	if style := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`); style != "solid" {
		t.Errorf("the focus is not seen: %s", style)
	}
	b.key("2")
	b.awaitMessage("answered: revise")
	b.awaitNoText("Shall I merge it?")
	b.await("the focus on the next", `document.activeElement.textContent.includes("Which greeting?")`)
	b.key("Enter")
	b.await("the field", `document.activeElement.matches("textarea")`)
	b.call("Input.insertText", map[string]any{"text": "Dear all"}, nil)
	b.awaitText("Sent as text.")
	b.key("Enter")
	b.awaitMessage("answered: Dear all")
	b.awaitText("Nothing waits for you")
	b.await("the title without a count", `document.title === "Needs you · Mission Control"`)
	for id, want := range map[string]string{"m": `"revise"`, "n": `"Dear all"`} {
		m := s.mission(id)
		if len(m.Signals) != 1 || string(m.Signals[0].Data) != want || m.WaitingFor != nil {
			t.Errorf("%s has %+v, want the one signal %s", id, m.Flow, want)
		}
	}
}

// What is typed is sent as text, or as JSON if it is JSON, to the last digit; an answer that
// is refused stays, with the reason, and a double click is accepted once.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := start(t)
	for i, prompt := range []string{"A?", "B?", "C?"} {
		s.create(api.MissionSpec{ID: fmt.Sprint("m-", i), Name: prompt, Type: "t", After: []missions.Condition{asks("s", prompt)}})
	}
	s.create(api.MissionSpec{ID: "choice", Name: "D?", Type: "t", After: []missions.Condition{asks("s", "D?", "yes", "no"), {Mission: "m-0"}}})
	b := openTab(t, s.HTTP, wide)
	b.open("inbox", "Needs you")
	b.awaitText("D?")
	b.awaitText("It also waits for mission m-0.")
	answer := func(prompt, text, hint string) {
		t.Helper()
		eval[bool](b, `([...document.querySelectorAll(".questions li")].find((li) => li.textContent.includes(`+quote(prompt)+`)).querySelector("textarea").focus(), true)`)
		b.call("Input.insertText", map[string]any{"text": text}, nil)
		b.awaitText(hint)
		b.key("Enter")
		b.awaitMessage("answered: " + text)
	}
	answer("A?", `{"n":9007199254740993,"x":1.0}`, "Sent as a JSON object.")
	answer("B?", "42", "Sent as a JSON number.")
	answer("C?", `"42"`, "Sent as a JSON string.")
	for i, want := range []string{`{"n":9007199254740993,"x":1.0}`, "42", `"42"`} {
		if m := s.mission(fmt.Sprint("m-", i)); len(m.Signals) != 1 || string(m.Signals[0].Data) != want {
			t.Errorf("signal %d is %+v, want %s", i, m.Signals, want)
		}
	}
	b.awaitNoText("A?")
	// The answer to the first request is lost; the choice is made again.
	eval[bool](b, `(() => { const real = window.fetch; window.sent = [];
		window.fetch = async (path, init) => { if (!String(path).endsWith("/signal")) return real(path, init);
			window.sent.push(real(path, init)); if (window.sent.length === 1) throw new TypeError("lost"); return window.sent.at(-1); };
		return true; })()`)
	eval[bool](b, `(() => { const e = document.querySelector('[data-choice="1"]'); e.click(); e.click(); return true; })()`)
	b.awaitMessage("The supervisor does not answer.")
	eval[bool](b, `Promise.all(window.sent).then(() => true)`)
	b.awaitNoText("answered:")
	if m := s.mission("choice"); len(m.Signals) != 1 {
		t.Fatalf("a double click sent %d signals", len(m.Signals))
	}
	eval[bool](b, `(document.querySelector('[data-choice="1"]')?.click(), true)`) // it may be gone, for the first answer counted
	b.awaitText("Nothing waits for you")
	if m := s.mission("choice"); len(m.Signals) != 1 {
		t.Errorf("the same answer again made %d signals", len(m.Signals))
	}
}

// A mission beyond its budget asks for a new maximum, and shows what it has used.
func TestABudgetIsRaised(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.contracts()
	b := openTab(t, s.HTTP, wide)
	b.open("inbox", "Needs you")
	b.awaitText("3.04 of 3")
	b.write("New maximum, usd", "2")
	b.press("Set and go on")
	b.await("the refusal", `document.querySelector(".questions .form-error:not([hidden])")`)
	b.write("New maximum, usd", "7.5")
	b.press("Set and go on")
	b.awaitMessage("answered: 7.5 usd")
	b.awaitText("Nothing waits for you")
	if m := s.mission("contracts"); m.MaxUsage["usd"] != 7.5 || m.WaitingFor != nil {
		t.Errorf("it may use %v and waits for %v", m.MaxUsage, m.WaitingFor)
	}
}

// A question goes away by itself when it is answered elsewhere, or its mission is cancelled.
func TestAQuestionGoesAwayByItself(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.create(
		api.MissionSpec{ID: "a", Name: "first", Type: "t", After: []missions.Condition{asks("s", "First?", "yes")}},
		api.MissionSpec{ID: "b", Name: "second", Type: "t", After: []missions.Condition{asks("s", "Second?", "yes")}})
	b := openTab(t, s.HTTP, wide)
	b.eventsOnly()
	b.open("overview", "Overview")
	b.awaitText("First?")
	b.awaitText("Second?")
	s.tell("a", "s", `"yes"`)
	b.awaitNoText("First?")
	_, err := s.client().Cancel(t.Context(), "b", "")
	must(t, err)
	b.awaitNoText("Second?")
	b.await("the end of the panel", `!document.querySelector(".asks").checkVisibility() && document.title === "Overview · Mission Control"`)
}

// A viewer sees the questions, is told why there is nothing to answer them with, and cannot.
func TestAViewerSeesQuestions(t *testing.T) {
	t.Parallel()
	tokens, secret := tokensFile(t, "viewer", "wall")
	s := start(t, "--tokens-file", tokens)
	s.create(api.MissionSpec{ID: "m", Name: "the deployment", Type: "t", After: []missions.Condition{asks("s", "Deploy it?", "yes", "no")}})
	b := openTab(t, s.HTTP, wide)
	b.signIn("overview", secret)
	for _, page := range [][2]string{{"overview", "Overview"}, {"inbox", "Needs you"}, {"mission/m", "the deployment"}} {
		b.open(page[0], page[1])
		b.awaitText("Deploy it?")
		b.awaitText("your role does not let you answer it")
		for _, name := range []string{"1yes", "2no", "Answer", "Send signal"} {
			if b.offers(name) {
				t.Errorf("%s offers a viewer %q", page[0], name)
			}
		}
		b.key("j")
		b.key("1")
		b.settle()
	}
	if status := eval[int](b, `fetch("api/missions/m/signal", {method: "POST", headers: {"Content-Type": "application/json"}, body: '{"name":"s","data":"yes"}'}).then((r) => r.status)`); status != 403 {
		t.Errorf("the supervisor answers a viewer's signal with %d", status)
	}
	if m := s.mission("m"); len(m.Signals) != 0 {
		t.Errorf("a viewer has sent %+v", m.Signals)
	}
}

// Prompts, choices, signals and checkpoints are untrusted. They are shown as text.
func TestHostileQuestions(t *testing.T) {
	t.Parallel()
	const evil = `<img src=x onerror=alert(1)><b>bold</b>`
	s := start(t)
	s.create(api.MissionSpec{ID: "m", Name: evil, Type: "t", After: []missions.Condition{asks("s", evil, evil, "no"), asks("free", evil)}})
	s.tell("m", "other", quote(evil))
	b := openTab(t, s.HTTP, wide)
	for _, page := range [][2]string{{"overview", "Overview"}, {"inbox", "Needs you"}, {"mission/m", "<img"}, {"missions", "Missions"}} {
		b.open(page[0], page[1])
		b.awaitText("<b>bold</b>")
		b.settle()
		if n := eval[int](b, `document.querySelectorAll("main img, main .question b, main .said b, main .cell-main b").length`); n > 0 {
			t.Errorf("%s has %d elements that nobody made", page[0], n)
		}
	}
	if title := eval[string](b, "document.title"); !strings.HasPrefix(title, "(2) ") {
		t.Errorf("the title is %q", title)
	}
}
