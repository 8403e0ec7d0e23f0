/** Questions to this node, the line that says how they fare, and frames of the browser. */

/** @param {string} words @param {boolean} isBad */
export function tell(words, isBad) {
  const state = document.querySelector("[data-dashboard-state]");
  if (!(state instanceof HTMLElement)) return;
  if (state.textContent !== words) state.textContent = words;
  state.dataset["tone"] = isBad ? "warn" : "";
  state.hidden = words === "";
}

/** Nobody answers, or not what was asked; the message says why. */
export class Away extends Error {
  /** Whether asking the same again would give the same. */
  isRefused = false;
}

/** Throws {@link Away}. @param {string} path @param {unknown} body @returns {Promise<any>} */
export async function post(path, body) {
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => {
    throw new Away("this node does not answer");
  });
  const found = await answer.json().catch(() => ({}));
  if (answer.ok) return found;
  const away = new Away(String(found.detail ?? found.title ?? `the node answered ${answer.status}`));
  away.isRefused = answer.status === 400;
  throw away;
}

/** Lets the browser do what waits: keys, the wheel, a frame when one is due. */
export function pause() {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Calls `action` once a frame at most while the window changes its size. @param {() => void} action */
export function onResize(action) {
  let frame = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(action);
  });
}
