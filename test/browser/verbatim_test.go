package browser

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// precise is JSON that JSON.parse would change: numbers beyond 2^53 and beyond doubles, a
// decimal point, names in an order.
const precise = `{"account":9007199254740993,"limit":1e400,"rate":1.0,"10":"ten","9":"nine","nested":{"id":123456789012345678901,"e":1E5}}`

// rawData returns the stored data of the mission with a name, byte for byte.
func (s *supervisor) rawData(id string) string {
	s.t.Helper()
	m := s.mission(id)
	return string(m.Data)
}

// What a person types is stored as typed, and what a mission holds is shown, copied and
// sent again as it is.
func TestDataStaysAsItIs(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.works(agent.Config{ID: "w", Name: "w", Types: []string{"exact"}, Handler: func(_ context.Context, task *agent.Task) (any, error) {
		_ = task.Log("info", "exactly", map[string]any{"n": json.RawMessage("18446744073709551615"), "f": json.RawMessage("2.0")})
		return json.RawMessage(`{"total":36028797018963969,"share":1.0}`), nil
	}})
	b := openTab(t, s.HTTP, wide)
	b.open("missions", "Missions")
	b.press("New mission")
	b.write("Name", "exact")
	b.write("Type", "exact")
	b.write("Data, a JSON object", `{"a":1,"a":2}`)
	b.press("Create mission")
	b.awaitText("data.a is given twice")
	b.write("Data, a JSON object", precise)
	b.press("Create mission")
	b.await("its page", `document.querySelector("main h1")?.textContent.includes("exact")`)
	id := strings.TrimPrefix(b.address(), "/mission/")
	if got := s.rawData(id); got != precise {
		t.Errorf("stored is %s", got)
	}
	for _, text := range []string{`"account": 9007199254740993`, `"limit": 1e400`, `"rate": 1.0`, `"id": 123456789012345678901`, `"e": 1E5`,
		`"total": 36028797018963969`, `"share": 1.0`, `{"f":2.0,"n":18446744073709551615}`} {
		b.awaitText(text)
	}
	if at := eval[string](b, `document.body.innerText`); strings.Index(at, `"10"`) > strings.Index(at, `"9"`) {
		t.Error("the order of the names is another")
	}
	eval[bool](b, `(Object.defineProperty(navigator, "clipboard", {value: {writeText: async (text) => { window.copied = text; }}}), true)`)
	b.press("Copy")
	b.await("the copy", "window.copied")
	if got := eval[string](b, "copied"); got != precise {
		t.Errorf("copied is %s", got)
	}
	b.press("Copy as new")
	b.press("Create mission")
	b.await("its page", `location.hash !== "#/mission/`+id+`"`)
	if got := s.rawData(strings.TrimPrefix(b.address(), "/mission/")); got != precise {
		t.Errorf("stored for the copy is %s", got)
	}
}

// A number that is none is not left out without a word, and a copy has the settings of the
// mission that it is a copy of.
func TestACopyHasTheSameSettings(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.post(`{"id":"m","name":" with  spaces ","description":" two\n lines","max_attempts":7,"timeout_seconds":90.5,"stall_seconds":30}`)
	b := openTab(t, s.HTTP, wide)
	b.open("mission/m", "spaces")
	b.press("Copy as new")
	eval[bool](b, `(document.querySelector("[name=max_attempts]").select(), true)`)
	b.press("Create mission")
	b.await("its page", `location.hash !== "#/mission/m"`)
	m, first := s.mission(strings.TrimPrefix(b.address(), "/mission/")), s.mission("m")
	if m.Name != first.Name || m.Description != first.Description || m.MaxAttempts != 7 || m.TimeoutSeconds != 90.5 || m.StallSeconds != 30 {
		t.Errorf("%+v", m)
	}
	list, err := s.client().List(t.Context(), api.ListRequest{})
	must(t, err)
	b.open("missions", "Missions")
	b.press("New mission")
	b.write("Name", "three")
	b.write("Attempts", "e")
	b.press("Create mission")
	b.awaitText("this is not a number")
	after, err := s.client().List(t.Context(), api.ListRequest{})
	must(t, err)
	if len(after.Missions) != len(list.Missions) {
		t.Error("it was created all the same")
	}
}

// Large JSON can be searched, expanded, copied and downloaded.
func TestLargeJSON(t *testing.T) {
	t.Parallel()
	s := start(t)
	var members []string
	for i := range 2800 {
		members = append(members, `"key `+strings.Repeat("x", i%7)+`":{"n":`+strings.Repeat("9", 20)+`}`)
	}
	for i := range members {
		members[i] = strings.Replace(members[i], "key ", "key "+string(rune('a'+i%26))+strings.Repeat("y", i/26%40)+strings.Repeat("z", i/1040), 1)
	}
	s.post(`{"id":"m","name":"large","data":{"list":[` + "{" + strings.Join(members, "},{") + "}" + `],"needle":"at the end"}}`)
	b := openTab(t, s.HTTP, wide)
	b.open("mission/m", "large")
	b.awaitText("more characters")
	b.write("Search in the JSON", "NEEDLE")
	b.awaitText("1 of 1")
	if got := eval[string](b, `document.querySelector("mark.here").textContent`); got != "needle" {
		t.Errorf("found is %q", got)
	}
	b.write("Search in the JSON", "")
	b.await("the end of the search", `!document.querySelector("mark")`) // which lays the page out anew, under the mouse
	b.press("Expand")
	b.awaitNoText("more characters")
	b.press("Collapse")
	eval[bool](b, `(URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text; }); return "blob:none"; }, HTMLAnchorElement.prototype.click = function () { window.savedAs = this.download; }, true)`)
	b.press("Download")
	b.await("the file", "window.saved")
	if got := eval[string](b, "savedAs"); got != "m-data.json" || eval[string](b, "saved") != s.rawData("m") {
		t.Errorf("saved as %s is something else", got)
	}
}

// The log is searched, shown from a level on, and saved as a file.
func TestALogIsSearched(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.works(agent.Config{ID: "w", Name: "w", Types: []string{"t"}, Handler: func(_ context.Context, task *agent.Task) (any, error) {
		for _, level := range []string{"debug", "info", "warn", "error"} {
			_ = task.Log(level, "it says "+level, nil)
		}
		return nil, nil
	}})
	s.post(`{"id":"m","name":"talks","type":"t"}`)
	b := openTab(t, s.HTTP, wide)
	b.open("mission/m", "talks")
	b.awaitText("it says error")
	b.await("its end", `document.body.innerText.includes("Completed")`)
	b.write("Search in the log", "SAYS W")
	b.awaitNoText("it says error")
	b.awaitText("1 of ")
	b.write("Search in the log", "")
	eval[bool](b, `((e) => { e.value = "2"; e.dispatchEvent(new Event("change")); return true; })(document.querySelector("[aria-label=Level]"))`)
	b.awaitText("it says warn")
	b.awaitNoText("it says info")
	eval[bool](b, `(URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text; }); return "blob:none"; }, HTMLAnchorElement.prototype.click = function () {}, true)`)
	b.press("Download the log")
	b.await("the file", "window.saved")
	if got := eval[string](b, "saved"); !strings.Contains(got, " DEBUG it says debug\n") || !strings.Contains(got, " ERROR it says error\n") {
		t.Errorf("the file has %s", got)
	}
}

// A program's escape sequences, control characters and direction marks are taken out of
// what is shown, wherever that is, as the commands do.
func TestEscapesOfAProgram(t *testing.T) {
	t.Parallel()
	const dirty = "\x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07 a\u202eb\u2066c \u009b1mbold"
	const shown = "red bell abc bold"
	s := start(t)
	s.works(agent.Config{ID: "w", Name: "w \u202enamed", Types: []string{"t"}, Handler: func(_ context.Context, task *agent.Task) (any, error) {
		_ = task.Log("info", dirty, map[string]any{"d": dirty})
		return map[string]any{"r": dirty}, agent.Permanent(errorText(dirty))
	}})
	_, _, err := s.client().Create(t.Context(), api.MissionSpec{ID: "m", Name: "n \u202enamed", Type: "t"})
	must(t, err)
	s.awaitCounts(func(c *api.Status) bool { return c.FailedMissions == 1 })
	b := openTab(t, s.HTTP, wide)
	for _, p := range [][3]string{{"missions", "Missions", shown}, {"mission/m", "n named", shown}, {"agents", "Agents", "w named"}, {"events", "Events", shown}} {
		b.open(p[0], p[1])
		b.awaitText(p[2])
		b.settle()
		if text := eval[string](b, `document.documentElement.outerHTML + document.title`); strings.ContainsAny(text, "\x1b\x07\u202e\u2066\u009b") {
			t.Errorf("%s has what a terminal understands", p[0])
		}
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }
