// Light, dark, or as the system says. It runs before the first paint.

const key = "missioncontrol.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function stored() {
  try {
    return localStorage.getItem(key) ?? "auto";
  } catch {
    return "auto"; // storage may be forbidden
  }
}

let choice = stored();

// theme is "light", "dark" or "auto".
export const theme = () => choice;

function apply() {
  const dark = choice === "dark" || (choice === "auto" && system.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}

export function next() {
  const order = ["auto", "light", "dark"];
  choice = order[(order.indexOf(choice) + 1) % order.length];
  try {
    localStorage.setItem(key, choice);
  } catch {
    // then it lasts as long as the page
  }
  apply();
  return choice;
}

system.addEventListener("change", apply);
apply();
