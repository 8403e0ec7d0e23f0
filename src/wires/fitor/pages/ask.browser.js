/**
 * Asks fitor for what is new whenever the script that hears says so: one question at a time, with a pause in between, and again
 * until it is answered. What comes of it is told to the others, as what comes by events is.
 */
import { onTold, said, tell } from "./page.browser.js";

/** The least time between two questions, the longest where they bring nothing, and where they fail. */
const [pauseMs, mostBarrenMs, mostPauseMs] = [250, 4000, 30_000];
/** What stood beside the lines when that was last told. */
let beside = "";
let isAsking = false;
let isWanted = false;
let wantsParts = false;
let wake = () => {};

/** Takes what came since the newest line that is known. @param {boolean} withParts @returns {Promise<"told" | "barren" | "lost" | "over">} */
async function askOnce(withParts) {
  const asked = { room: said("-room"), after: said("-after") };
  const words = new URLSearchParams({ ...asked, ...(withParts ? {} : { parts: "no" }) });
  try {
    const answer = await fetch(`${said("")}/changes.json?${words}`, {
      cache: "no-store",
      signal: AbortSignal.timeout(mostPauseMs),
    });
    if (!answer.ok) return answer.status >= 500 || answer.status === 429 ? "lost" : "over";
    const { away = false, gap, lines, ...parts } = await answer.json();
    if (gap) location.reload();
    for (const line of lines) tell("line", line);
    tell("parts", parts);
    tell("away", away);
    const drawn = withParts ? JSON.stringify(parts) : beside;
    const isBarren = lines.length === 0 && drawn === beside;
    beside = drawn;
    return isBarren ? "barren" : "told";
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
    // Anybody may say that there is something: who is led on again and again asks ever less.
    const mostMs = { lost: mostPauseMs, barren: mostBarrenMs, told: pauseMs, over: pauseMs }[outcome];
    waitMs = Math.min(waitMs * 2, mostMs);
    await new Promise((resolve) => {
      wake = () => resolve(undefined);
      setTimeout(wake, waitMs);
    });
  }
}

/** @param {{ withParts: boolean }} detail */
async function wanted({ withParts }) {
  isWanted = true;
  wantsParts ||= withParts;
  if (isAsking) return;
  isAsking = true;
  try {
    await ask();
  } finally {
    isAsking = false;
  }
}

onTold("ask", wanted);
addEventListener("online", () => wake());
