/**
 * Asks fitor for what is new whenever the script that hears says so: one question at a time, with a pause in between, and again
 * until it is answered. What comes of it is told to the others, as what comes by events is.
 */
const chat = document.querySelector("[data-chat]");
/** The least time between two questions, and the longest where they fail. */
const [pauseMs, mostPauseMs] = [250, 30_000];
let isAsking = false;
let isWanted = false;
let wantsParts = false;
let wake = () => {};

/** @param {string} what @param {unknown} detail */
function tell(what, detail) {
  document.dispatchEvent(new CustomEvent(`fitor-${what}`, { detail }));
}

/** Takes what came since the newest line that is known. @param {boolean} withParts @returns {Promise<"told" | "lost" | "over">} */
async function askOnce(withParts) {
  const room = chat?.getAttribute("data-chat-room") ?? "";
  const after = chat?.getAttribute("data-chat-after") ?? "0";
  const words = new URLSearchParams({ room, after, ...(withParts ? {} : { parts: "no" }) });
  try {
    const answer = await fetch(`${chat?.getAttribute("data-chat")}/changes.json?${words}`, {
      cache: "no-store",
      signal: AbortSignal.timeout(mostPauseMs),
    });
    if (!answer.ok) return answer.status >= 500 || answer.status === 429 ? "lost" : "over";
    const { gap, lines, ...parts } = await answer.json();
    if (gap) location.reload();
    for (const line of lines) tell("line", line);
    tell("parts", parts);
    return "told";
  } catch {
    return "lost";
  }
}

async function ask() {
  let waitMs = pauseMs;
  while (isWanted) {
    const asked = wantsParts;
    isWanted = wantsParts = false;
    const outcome = await askOnce(asked);
    tell("asked", outcome);
    if (outcome === "lost") {
      isWanted = true;
      wantsParts ||= asked;
    }
    waitMs = outcome === "lost" ? Math.min(waitMs * 2, mostPauseMs) : pauseMs;
    await new Promise((resolve) => {
      wake = () => resolve(undefined);
      setTimeout(wake, waitMs);
    });
  }
}

/** @param {Event} event */
async function wanted(event) {
  isWanted = true;
  wantsParts ||= event instanceof CustomEvent && event.detail.withParts;
  if (isAsking) return;
  isAsking = true;
  try {
    await ask();
  } finally {
    isAsking = false;
  }
}

document.addEventListener("fitor-ask", wanted);
addEventListener("online", () => wake());
