package browser

import (
	"fmt"
	"testing"

	"missioncontrol/missions"
)

const (
	paletteOpen    = `document.querySelector("dialog.palette[open]")`
	paletteHas     = `[...document.querySelectorAll(".palette [role=option]")].some((e) => e.innerText.includes(%s))`
	paletteAt      = `document.querySelector("#" + document.querySelector(".palette input")?.getAttribute("aria-activedescendant"))?.querySelector(".palette-label").textContent`
	findEverything = "Find a page, mission, agent, limit, schedule or action"
)

// The palette finds pages, missions, agents, limits, schedules and actions, and goes there with the keyboard alone.
func TestThePalette(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.post(`{"missions":[{"id":"m-17","name":"Polish the mirror","type":"optics"},{"id":"other","name":"m-17 in a name","type":"optics"}]}`)
	s.limit(missions.LimitSpec{Name: "optics", Type: "optics", Total: number(4)})
	s.schedule(missions.ScheduleSpec{ID: "nightly", Cron: "0 2 * * *", Mission: missions.Template{Name: "optics report"}})
	s.hands("optician-1", "optics")
	b := openTab(t, s.HTTP, wide)
	b.open("missions", "Missions")
	b.awaitText("Polish the mirror")
	finds := func(text, wanted string) {
		t.Helper()
		b.write(findEverything, text)
		b.await(text+" finds "+wanted, fmt.Sprintf(paletteHas, quote(wanted)))
	}

	b.chord("k")
	b.await("the palette", paletteOpen)
	b.await("all pages", fmt.Sprintf(paletteHas, quote("Queries")))
	finds("OPTIC", "optician-1")
	finds("optic", "missions of the type optics")
	finds("optics", "0 2 * * * UTC")
	finds("mirror pol", "Missions with “mirror pol” in their names")
	finds("mirr", "Polish the mirror")
	finds("m-17", "Polish the mirror")
	b.await("both", fmt.Sprintf(paletteHas, quote("m-17 in a name")))
	b.audit("the palette")
	b.shoot("palette")

	b.key("ArrowDown")
	b.key("ArrowUp")
	b.await("the first one", paletteAt+` === "Polish the mirror"`)
	b.key("ArrowDown")
	b.await("the second one", paletteAt+` === "m-17 in a name"`)
	b.key("Enter")
	b.await("its page", `location.hash === "#/mission/other" && !`+paletteOpen)

	for _, c := range [][3]string{{"agen", "Agents", "#/agents"}, {"optics", "optics", "#/limits/optics"}, {"nightly", "nightly", "#/schedules/nightly"}, {"optician", "optician-1", "#/missions?agent_id=optician-1"}} {
		b.chord("k")
		b.await("the palette", paletteOpen)
		b.insert(c[0])
		b.await("the choice "+c[1], paletteAt+` === `+quote(c[1]))
		b.key("Enter")
		b.await("the page "+c[2], `location.hash === `+quote(c[2])+` && !`+paletteOpen)
	}
	b.chord("k")
	b.await("the palette", paletteOpen)
	b.chord("k")
	b.await("its end", `!`+paletteOpen)
	b.press("FindCtrl K") // with the mouse
	b.await("the palette", paletteOpen)
	b.insert("new lim")
	b.await("the action", paletteAt+` === "New limit"`)
	b.key("Enter")
	b.awaitText("It holds from the next mission that starts.")
	b.chord("k") // not above another dialog
	b.settle()
	if eval[bool](b, "!!"+paletteOpen) {
		t.Error("the palette is above another dialog")
	}
	b.key("Escape")
	b.awaitNoText("It holds from the next mission that starts.")
	b.chord("k")
	b.insert("everything")
	b.await("the action", paletteAt+` === "Pause everything"`)
	b.key("Enter")
	b.awaitText("Pause everything?")
	b.key("Escape")
	b.awaitNoText("Pause everything?")
	s.limit(missions.LimitSpec{Name: "stop", Type: missions.AllTypes, Paused: true})
	b.await("the banner", pausedBanner)
	b.chord("k")
	b.insert("everything")
	b.await("the other action", paletteAt+` === "Resume everything"`)
	b.key("Escape")
	b.await("its end", `!`+paletteOpen)
	b.key("?")
	b.awaitText("Find a page, mission, agent, limit, schedule or action")
}

// The palette asks for nothing until something is typed, and for lists once. An answer that a newer one has overtaken is not
// shown, and an error is.
func TestWhatThePaletteAsks(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.post(`{"missions":[{"name":"late one"},{"name":"soup"}]}`)
	b := openTab(t, s.HTTP, wide)
	b.open("events", "Events")
	b.awaitText("Connected")
	eval[bool](b, `(() => {
		const real = window.fetch;
		window.asked = [];
		window.fetch = async (path, init) => {
			if (document.querySelector("dialog.palette")) asked.push(String(path));
			if (String(path).includes("text=fail")) throw new TypeError("nobody answers");
			if (!String(path).includes("text=late")) return real(path, init);
			const reply = await real(path, {...init, signal: undefined});
			const text = await reply.text();
			await new Promise((go) => { window.release = go; });
			return {ok: true, status: 200, text: async () => { window.told = true; return text; }};
		};
		return true;
	})()`)
	b.chord("k")
	b.await("the palette", paletteOpen)
	b.key("ArrowDown")
	b.settle()
	if asked := eval[[]string](b, `asked.filter((path) => /agents|schedules|text=/.test(path))`); len(asked) > 0 {
		t.Errorf("it asks before anything is typed: %q", asked)
	}
	b.write(findEverything, "late")
	b.await("the first answer", "window.release")
	b.write(findEverything, "soup")
	b.await("the second answer", fmt.Sprintf(paletteHas, `"Pending · default"`))
	eval[bool](b, "(release(), true)")
	b.await("the end of the first answer", "window.told")
	b.settle()
	if eval[bool](b, fmt.Sprintf(paletteHas, `"late one"`)) {
		t.Error("an answer is shown that nobody waits for any more")
	}
	if n := eval[int](b, `asked.filter((path) => /agents|schedules/.test(path)).length`); n != 2 {
		t.Errorf("it asks for agents and schedules %d times", n)
	}
	b.write(findEverything, "fail")
	b.await("the error", `document.querySelector(".palette-note").textContent === "The supervisor does not answer."`)
	b.key("Escape")
	b.await("its end", `!`+paletteOpen)
}

// On a narrow screen the palette fits. A viewer is offered no actions that change something.
func TestAViewersPalette(t *testing.T) {
	t.Parallel()
	tokens, secret := tokensFile(t, "viewer", "wall")
	s := start(t, "--tokens-file", tokens)
	b := openTab(t, s.HTTP, narrow)
	b.signIn("overview", secret)
	b.press("Find")
	b.await("the palette", paletteOpen)
	b.await("an action for everybody", fmt.Sprintf(paletteHas, `"Change the theme"`))
	for _, action := range []string{"New mission", "New schedule", "New limit", "Pause everything"} {
		if eval[bool](b, fmt.Sprintf(paletteHas, quote(action))) {
			t.Errorf("a viewer is offered %q", action)
		}
	}
	b.fits("the palette", narrow)
	b.audit("the palette")
	b.shoot("palette-narrow")
	b.as(night)
	b.settle()
	b.audit("the palette, dark")
	b.shoot("palette-dark")
	b.insert("the theme")
	b.await("the action", paletteAt+` === "Change the theme"`)
	b.key("Enter")
	b.await("the light theme", `document.querySelector("[aria-label='Theme: light']")`)
}
