// Where the missions of a graph are drawn: in layers, from left to right, each behind what it
// waits for. Missions that are alike, because they have the same neighbours, are one stack.

const alike = 4; // how many that are alike are still drawn one by one
const sweeps = 4;

// layersOf places a graph {missions, edges} whose mission id is never part of a stack. It
// returns {nodes, edges, layers}: nodes {key, missions, layer, row}, edges {from, to, kind,
// back} between nodes, and how many layers and rows there are.
export function layersOf({ missions, edges }, id) {
  const at = new Map(missions.map((m, i) => [m.id, i]));
  const links = edges.map(({ from, to, kind }) => ({ from: at.get(from), to: at.get(to), kind })).filter(({ from, to }) => from !== undefined && to !== undefined);
  const { nodes, nodeOf } = stack(missions, links, at.get(id) ?? -1);
  const joined = join(links, nodeOf);
  turnBack(nodes.length, joined);
  place(nodes, joined);
  const layers = arrange(nodes, joined);
  return { nodes, edges: joined, layers: layers.length, rows: Math.max(0, ...layers.map((layer) => layer.length)) };
}

// stack puts missions of a type that have the same neighbours into one node.
function stack(missions, links, kept) {
  const before = missions.map(() => []);
  const behind = missions.map(() => []);
  links.forEach(({ from, to, kind }) => {
    behind[from].push(to + kind);
    before[to].push(from + kind);
  });
  const groups = Map.groupBy(missions.keys(), (i) => (i === kept || before[i].length + behind[i].length === 0 ? "own" + i
    : missions[i].type + "|" + before[i].sort().join() + "|" + behind[i].sort().join()));
  const nodes = [];
  const nodeOf = [];
  for (const members of groups.values()) {
    for (const few of members.length > alike ? [members] : members.map((i) => [i])) {
      for (const i of few) nodeOf[i] = nodes.length;
      nodes.push({ key: missions[few[0]].id, missions: few.map((i) => missions[i]), layer: 0, row: 0, here: few[0] === kept });
    }
  }
  return { nodes, nodeOf };
}

// join makes the edges between nodes, one for each pair.
function join(links, nodeOf) {
  const seen = new Map();
  for (const { from, to, kind } of links) {
    const [a, b] = [nodeOf[from], nodeOf[to]];
    const key = a + ">" + b;
    if (a !== b && !seen.has(key)) seen.set(key, { from: a, to: b, kind, back: false });
  }
  return [...seen.values()].sort((a, b) => (b.kind === "parent") - (a.kind === "parent")); // a child is behind its parent, also if that waits for it
}

// turnBack marks the edges that close a circle: a parent waits for its children.
function turnBack(n, edges) {
  const out = Array.from({ length: n }, () => []);
  const into = new Array(n).fill(0);
  for (const edge of edges) {
    out[edge.from].push(edge);
    into[edge.to]++;
  }
  const state = new Array(n).fill(0); // 1: on the way, 2: done
  const visit = (start) => {
    const way = [[start, 0]];
    state[start] = 1;
    while (way.length) {
      const step = way.at(-1);
      const edge = out[step[0]][step[1]++];
      if (!edge) {
        state[step[0]] = 2;
        way.pop();
      } else if (state[edge.to] === 1) edge.back = true;
      else if (state[edge.to] === 0) {
        state[edge.to] = 1;
        way.push([edge.to, 0]);
      }
    }
  };
  const parents = new Set(edges.filter((edge) => edge.kind === "parent").map((edge) => edge.from));
  const children = new Set(edges.filter((edge) => edge.kind === "parent").map((edge) => edge.to));
  const order = [...into.keys()].sort((a, b) => (into[a] > 0) - (into[b] > 0) || (children.has(a) - children.has(b)) || (parents.has(b) - parents.has(a)));
  for (const i of order) if (state[i] === 0) visit(i);
}

// place gives each node the layer behind the last of those before it.
function place(nodes, edges) {
  const out = nodes.map(() => []);
  const left = nodes.map(() => 0);
  for (const edge of edges) {
    if (edge.back) continue;
    out[edge.from].push(edge.to);
    left[edge.to]++;
  }
  const ready = [...nodes.keys()].filter((i) => left[i] === 0);
  for (let at = 0; at < ready.length; at++) {
    for (const to of out[ready[at]]) {
      nodes[to].layer = Math.max(nodes[to].layer, nodes[ready[at]].layer + 1);
      if (--left[to] === 0) ready.push(to);
    }
  }
  const behindAny = new Set(edges.filter((edge) => !edge.back).map((edge) => edge.to));
  nodes.forEach((node, i) => { // what waits for nothing stands right before what waits for it
    if (!behindAny.has(i) && out[i].length) node.layer = Math.min(...out[i].map((to) => nodes[to].layer)) - 1;
  });
}

// arrange orders the nodes of each layer so that edges cross little: each goes to the middle
// of its neighbours in the layer that was ordered before.
function arrange(nodes, edges) {
  const layers = [];
  nodes.forEach((node, i) => (layers[node.layer] ??= []).push(i));
  const before = nodes.map(() => []);
  const behind = nodes.map(() => []);
  for (const { from, to } of edges) {
    before[to].push(from);
    behind[from].push(to);
  }
  const number = (layer) => layer.forEach((i, row) => { nodes[i].row = row - (layer.length - 1) / 2; });
  layers.forEach(number);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const forward = sweep % 2 === 0;
    for (const layer of forward ? layers : layers.toReversed()) {
      const middle = new Map(layer.map((i) => {
        const rows = (forward ? before : behind)[i].map((j) => nodes[j].row);
        return [i, rows.length ? rows.reduce((sum, row) => sum + row, 0) / rows.length : nodes[i].row];
      }));
      layer.sort((a, b) => middle.get(a) - middle.get(b) || a - b);
      number(layer);
    }
  }
  return layers;
}
