/** The beat of a dashboard: how often its figures are asked for again, while somebody looks and the time ends with now. */
import { shownTime } from "./time.browser.js";

const root = document.querySelector("[data-dashboard]");
const field = document.querySelector('form[data-time] select[name="refresh"]');
let timer = 0;

function restart() {
  clearInterval(timer);
  const seconds = Number(field instanceof HTMLSelectElement ? field.value : (root?.getAttribute("data-refresh") ?? 0));
  const again = () => {
    if (!document.hidden && !/^\d+$/.test(shownTime().until)) document.dispatchEvent(new CustomEvent("time-changed"));
  };
  // A browser takes no longer time than this, and would beat without pause.
  if (seconds > 0) timer = setInterval(again, Math.min(2 ** 31 - 1, Math.max(1000, seconds * 1000)));
}

if (root) {
  field?.addEventListener("change", restart);
  restart();
}
