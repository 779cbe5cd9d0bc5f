// A mission's life as spans of time: its waits and its turns.

// spansOf makes spans of the log's changes of status, in order: {kind, turn, from, to, tone,
// began, ended, open}. kind is "wait" or "run"; turn counts the runs; tone is that of the
// status in which a run ended; began and ended are reasons. A span that has not ended is open
// and ends now.
export function spansOf(steps, now) {
  const spans = [];
  let turn = 0;
  steps.forEach((step, i) => {
    if (step.new_status !== "PENDING" && step.new_status !== "RUNNING") return;
    const next = steps[i + 1];
    const kind = step.new_status === "RUNNING" ? "run" : "wait";
    if (kind === "run") turn++;
    spans.push({ kind, turn, from: step.timestamp, to: next ? next.timestamp : Math.max(now, step.timestamp), open: !next,
      tone: kind === "wait" ? "pending" : toneOf(next), began: step.reason ?? "", ended: next?.reason ?? "" });
  });
  return spans;
}

// A run after which the mission went back to the queue was one like any other: whether it
// failed or was parked stands in the reason.
const toneOf = (next) => (!next || next.new_status === "PENDING" ? "running" : next.new_status.toLowerCase());

const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400, 172800, 604800];

// ticksOf are about so many round figures between 0 and a length, in seconds.
export function ticksOf(length, about) {
  const least = length / Math.max(1, about);
  let step = steps.find((each) => each >= least);
  if (least < 1) {
    const size = 10 ** Math.floor(Math.log10(least || 1e-6));
    step = [1, 2, 5, 10].map((m) => m * size).find((each) => each >= least);
  }
  step ??= Math.ceil(least / 604800) * 604800;
  const ticks = [];
  for (let i = 0; i * step <= length * 1.0001 && i < 100; i++) ticks.push(i * step);
  return ticks;
}

// roundTimes are round times of the reader's clock between two, about so many.
export function roundTimes(from, to, about) {
  const least = (to - from) / Math.max(2, about);
  const step = steps.find((each) => each >= least && (each < 86400)) ?? 43200;
  const off = new Date(to * 1000).getTimezoneOffset() * 60;
  const times = [];
  for (let time = Math.floor((to - off) / step) * step + off; time >= from && times.length < 100; time -= step) times.unshift(time);
  return { step, times };
}
