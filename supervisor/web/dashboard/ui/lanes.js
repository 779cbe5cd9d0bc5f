// What agents worked on, as lanes of turns, and which agents somebody should look at.

const mostRows = 4; // of turns at the same time; more are drawn over each other
const colours = 8; // of types; the others share one
const idleAfter = 60; // seconds without a turn
const stuckAfter = 3; // times as long as 95 % of a type's runs
const stuckLeast = 60; // seconds

export const groups = ["stuck", "idle", "busy", "offline"];

// typesOf gives the types with the most time a colour, 1 to 8, in the order of their names.
export function typesOf(turns, to) {
  const times = new Map();
  for (const turn of turns) times.set(turn.type ?? "", (times.get(turn.type ?? "") ?? 0) + (turn.ended_at ?? to) - (turn.started_at ?? turn.ended_at) + 0.001);
  times.delete("");
  const chosen = [...times].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).slice(0, colours).map(([type]) => type).sort();
  return new Map(chosen.map((type, i) => [type, i + 1]));
}

const shortest = 300; // seconds on the axis

// beginOf is where the axis begins: before all that is known, if no agent has been there for longer.
export function beginOf({ agents, turns, changes, from, to }) {
  const came = new Set(changes.filter((change) => change.online).map((change) => change.agent_id));
  if (!agents.every(({ id, state }) => state === "offline" || came.has(id))) return from;
  const first = Math.min(to - shortest, ...changes.map((change) => change.at), ...turns.map((turn) => turn.started_at ?? from));
  return Math.max(from, first - (to - first) / 50);
}

// lanesOf makes a lane for each agent: {id, name, group, turns, rows, off, busy, since}. Turns
// get {begin, end, open, row, stuck}; off are times offline; busy is a share of the time; since is
// when the state began that the group is about, if that is known.
export function lanesOf({ agents, turns, changes, p95, from, to }) {
  const byAgent = Map.groupBy(turns, (turn) => turn.agent_id);
  const changesOf = Map.groupBy(changes, (change) => change.agent_id);
  return agents.map(({ id, name, state }) => {
    const own = (byAgent.get(id) ?? []).map((turn) => placed(turn, p95, from, to)).filter((turn) => turn.end >= from).sort((a, b) => a.begin - b.begin);
    const lane = { id, name: name || id, state, turns: own, rows: rowsOf(own), off: offline(changesOf.get(id) ?? [], state, from, to), busy: 0 };
    lane.busy = busyOf(own, from, to - lane.off.reduce((sum, span) => sum + span.to - span.from, 0));
    const stuck = own.filter((turn) => turn.stuck);
    const open = own.some((turn) => turn.open);
    const last = Math.max(0, ...own.map((turn) => turn.end));
    lane.group = state === "offline" ? "offline" : stuck.length ? "stuck" : !open && to - last >= idleAfter ? "idle" : "busy";
    lane.since = { stuck: stuck[0]?.begin, idle: last || null, offline: lane.off.at(-1)?.from }[lane.group] ?? null;
    return lane;
  });
}

function placed(turn, p95, from, to) {
  const open = turn.ended_at === null;
  const begin = Math.max(from, turn.started_at ?? from);
  const long = open && turn.started_at ? to - turn.started_at : 0;
  return { ...turn, begin, end: open ? Math.max(to, begin) : turn.ended_at, open, long, stuck: turn.type in p95 && long > Math.max(stuckLeast, stuckAfter * p95[turn.type]) };
}

// rowsOf puts turns that overlap into rows, and returns how many there are.
function rowsOf(turns) {
  const ends = [];
  for (const turn of turns) {
    let row = ends.findIndex((end) => end <= turn.begin + 0.001);
    if (row < 0) row = Math.min(ends.length, mostRows - 1);
    ends[row] = Math.max(ends[row] ?? 0, turn.end);
    turn.row = row;
  }
  return Math.max(1, ends.length);
}

// offline are the times between going and coming. What was before the first change is its
// opposite, and without a change it has always been as it is.
function offline(changes, state, from, to) {
  const spans = [];
  let since = (changes.length ? changes[0].online : state === "offline") ? from : null;
  for (const { online, at } of changes) {
    if (online && since !== null) spans.push({ from: since, to: at });
    since = online ? null : since ?? at;
  }
  if (since !== null && state === "offline") spans.push({ from: since, to });
  return spans.map((span) => ({ from: Math.max(from, span.from), to: Math.min(to, span.to) })).filter((span) => span.to > span.from);
}

// busyOf is the share of the time online with a turn; to is less by the time offline.
function busyOf(turns, from, to) {
  let sum = 0;
  let until = from;
  for (const { begin, end } of turns) { // by their beginning
    sum += Math.max(0, end - Math.max(begin, until));
    until = Math.max(until, end);
  }
  return to > from ? Math.min(1, sum / (to - from)) : 0;
}

// sorted orders lanes: by what needs a look, by how busy they are, or by name.
export function sorted(lanes, order) {
  const byName = (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }) || a.id.localeCompare(b.id);
  const by = {
    look: (a, b) => groups.indexOf(a.group) - groups.indexOf(b.group) || (a.since ?? 0) - (b.since ?? 0) || byName(a, b),
    busy: (a, b) => b.busy - a.busy || byName(a, b),
    name: byName,
  };
  return lanes.toSorted(by[order]);
}
