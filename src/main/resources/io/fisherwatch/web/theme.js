// Light or dark: as the system prefers until the reader chooses, and as chosen from then on. Loaded before the rest,
// so that the first picture already has its colours.
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const KEY = "fisherwatch-theme";

function remembered() {
  const wanted = new URLSearchParams(location.search).get("theme");
  if (wanted in NEXT) return wanted;
  try {
    const kept = localStorage.getItem(KEY);
    return kept in NEXT ? kept : "auto";
  } catch {
    return "auto"; // storage is forbidden: the choice lasts as long as the page
  }
}

let choice = remembered();
const colours = new Map(); // asking the browser for one makes it compute styles

function apply() {
  const dark = choice === "dark" || (choice === "auto" && prefersDark.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  colours.clear();
  dispatchEvent(new Event("themechange"));
}

/** Makes a button switch between system, light and dark. */
export function themeButton(button) {
  const label = () => { button.textContent = `Colours: ${choice === "auto" ? "system" : choice}`; };
  button.addEventListener("click", () => {
    choice = NEXT[choice];
    try {
      localStorage.setItem(KEY, choice);
    } catch { /* as above */ }
    label();
    apply();
  });
  label();
}

/** The value of a colour of the style sheet as it stands. */
export function colour(name) {
  if (!colours.has(name)) colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return colours.get(name);
}

prefersDark.addEventListener("change", apply);
apply();
