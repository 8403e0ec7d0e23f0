/**
 * Light or dark: follows the system unless this browser was told otherwise. Runs before the page is drawn, so that a
 * dark page does not flash white; the switch in the footer comes to life when the page is there.
 */
const themes = new Set(["auto", "light", "dark"]);

/** @returns {string} */
function chosenTheme() {
  try {
    const kept = localStorage.getItem("warren-theme") ?? "auto";
    return themes.has(kept) ? kept : "auto";
  } catch {
    // Storage may be forbidden; the system's preference is then all there is.
    return "auto";
  }
}

/** @param {string} theme */
function applyTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.getAttribute("data-theme-choice") === theme));
  }
}

applyTheme(chosenTheme());

document.addEventListener("DOMContentLoaded", () => {
  applyTheme(chosenTheme());
  for (const group of document.querySelectorAll("[data-theme-switch]")) group.removeAttribute("hidden");
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.addEventListener("click", () => {
      const theme = button.getAttribute("data-theme-choice") ?? "auto";
      try {
        localStorage.setItem("warren-theme", theme);
      } catch {
        // Not kept, yet it holds for this page.
      }
      applyTheme(theme);
    });
  }
});

// A choice made in another tab holds here as well.
addEventListener("storage", () => applyTheme(chosenTheme()));
