// What the command palette finds, and where it looks.

import * as api from "./api.js";
import { go, to } from "./router.js";
import { statusName } from "./parts.js";
import { create } from "./changes.js";
import { edit as editSchedule } from "./schedule-form.js";
import { rhythm } from "./scheduling.js";
import { edit as editLimit } from "./limit-form.js";
import { readLimits } from "./limiting.js";
import { appliesTo, stateName } from "./limit-words.js";
import { isPaused, pauseAll, resume } from "./stop.js";
import { help, pages } from "./keys.js";

const most = 500; // of each list that is looked through
const found = 5; // missions that are asked for by their names
const isID = /^[\w-]{1,64}$/;

const visit = (address) => () => go(address);

// commands are the pages, and what can be done from everywhere.
export const commands = (nextTheme) => [
  ...Object.entries(pages).map(([key, [name, label]]) => ({ group: "Pages", icon: name, label, hint: "g " + key, act: visit("#/" + name) })),
  ...(api.mayChange() ? [
    { group: "Actions", icon: "plus", label: "New mission", act: () => create() },
    { group: "Actions", icon: "plus", label: "New schedule", act: () => editSchedule(null, (id) => go(to("schedules", id))) },
    { group: "Actions", icon: "plus", label: "New limit", act: () => editLimit(null, (name) => go(to("limits", name))) },
    isPaused() ? { group: "Actions", icon: "limits", label: "Resume everything", sub: "missions start again", act: resume }
      : { group: "Actions", icon: "limits", label: "Pause everything", sub: "no mission starts", act: () => pauseAll() },
  ] : []),
  { group: "Actions", icon: "auto", label: "Change the theme", sub: "light, dark, or as the system", hint: "t", act: nextTheme },
  { group: "Actions", icon: "queries", label: "Keyboard shortcuts", hint: "?", act: help },
];

// lists are what is asked for once: each is a function that returns items.
export const lists = [
  async (options) => (await api.get("api/supervisor/agents", { limit: most }, options)).agents.map(({ id, name, state }) =>
    ({ group: "Agents", icon: "agents", label: name || id, sub: [state, id !== name && id].filter(Boolean).join(" · "), act: visit(to("missions", "", { agent_id: id })) })),
  async (options) => (await readLimits(options)).map((l) =>
    ({ group: "Limits", icon: "limits", label: l.name, sub: stateName(l) + " · " + appliesTo(l), act: visit(to("limits", l.name)) })),
  async (options) => (await api.get("api/schedules", { limit: most }, options)).schedules.map((s) =>
    ({ group: "Schedules", icon: "schedules", label: s.id, sub: rhythm(s) + " · " + s.mission.name, act: visit(to("schedules", s.id)) })),
];

const itemOf = ({ id, name, status, type }) => ({ group: "Missions", icon: "missions", key: id, label: name, sub: [statusName(status), type, id].join(" · "), act: visit(to("mission", id)) });

// missions are those with that id, and the newest ones with that text in their names.
export async function missions(text, options) {
  const [exact, list] = await Promise.all([
    isID.test(text) ? api.get(api.missionPath(text), {}, options).then(({ mission }) => [mission], (error) => { if (error.status === 404) return []; throw error; }) : [],
    api.get("api/missions", { text, limit: found }, options),
  ]);
  return [...exact, ...list.missions.filter(({ id }) => id !== exact[0]?.id)].map(itemOf);
}

// inMissions leads to all missions with a text in their names.
export const inMissions = (text) => ({ group: "Search", icon: "queries", label: "Missions with “" + text + "” in their names", act: visit(to("missions", "", { text })) });
