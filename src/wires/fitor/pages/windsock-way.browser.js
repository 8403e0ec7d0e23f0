/**
 * Hears by windsock's client that there is something new: never what, as others may send there too; that another script asks.
 */
import { said, tell } from "./page.browser.js";

/** A token. Throws, and gives this way up, where there is none. @param {() => void} giveUp */
async function freshToken(giveUp) {
  const url = `${said("")}/token`;
  const answer = await fetch(url, { cache: "no-store" });
  if (answer.ok) return (await answer.json()).token;
  if (answer.status < 500 && answer.status !== 429) giveUp();
  throw new Error(`${url} answered ${answer.status}`);
}

/** @param {{value: unknown}} message */
function takeNudge({ value }) {
  const nudge = Object(value);
  const { changed } = nudge;
  const isHere = Array.isArray(changed) && (changed.includes(said("-room")) || changed.includes("*"));
  if (isHere || nudge.id > Number(said("-after"))) tell("ask", { withParts: isHere });
}

/**
 * Gives what ends it, after which nothing is told.
 * @param {string} base
 * @param {{ changed: (state: string, transport: string) => void, failed: () => void }} on
 */
export function openWindsock(base, on) {
  const over = new AbortController();
  const { signal } = over;
  const giveUp = () => {
    if (!signal.aborted) on.failed();
  };
  const start = async () => {
    const { Windsock } = await import(`${base}client.js`);
    if (signal.aborted) return;
    const windsock = new Windsock(new URL(base, location.href), {
      token: () => freshToken(giveUp),
      firstWaitMs: 1000,
      mostWaitMs: 30_000,
    });
    signal.addEventListener("abort", () => windsock.close());
    windsock.subscribe({ address: said("-address") }, takeNudge);
    windsock.on("error", giveUp);
    windsock.on("state", (/** @type {{state: string}} */ { state }) => {
      if (signal.aborted) return;
      on.changed(state, windsock.transport);
      if (state === "closed") giveUp();
    });
  };
  start().catch(giveUp);
  return () => over.abort();
}
