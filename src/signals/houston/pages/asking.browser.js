/** Questions to this node, the line that says how they fare, and frames of the browser. */

/** @param {string} words @param {boolean} isBad */
export function tell(words, isBad) {
  const state = document.querySelector("[data-dashboard-state]");
  if (!(state instanceof HTMLElement)) return;
  if (state.textContent !== words) state.textContent = words;
  state.dataset["tone"] = isBad ? "warn" : "";
  state.hidden = words === "";
}

/** @param {string} path @param {unknown} body @returns {Promise<any>} */
export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(String(found.detail ?? found.title ?? `the node answered ${answer.status}`));
  return found;
}

/** Gives the browser a frame. */
export function pause() {
  return new Promise((resolve) => (document.hidden ? setTimeout(resolve, 0) : requestAnimationFrame(resolve)));
}

/** Calls `action` once a frame at most while the window changes its size. @param {() => void} action */
export function onResize(action) {
  let frame = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(action);
  });
}
