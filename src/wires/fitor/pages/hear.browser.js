/**
 * Hears that something is new in the rooms. Where windsock runs beside, by its client: what comes that way says that there is
 * something, never what, as others may send there too; what it is another script asks. Otherwise, and where that way fails for
 * good, by server-sent events.
 */
const chat = document.querySelector("[data-chat]");
/** @param {string} name */
const said = (name) => chat?.getAttribute(`data-chat${name}`) ?? "";
const base = said("");
const room = said("-room");
/** Asked after so long anyhow: whatever became of the words that tell of news. */
const lookMs = 60_000;
/** Where windsock is, until it turns out that it is of no use. */
let windsockBase = said("-windsock");
/** Ends the way by which is heard now. */
let leave = () => {};

/** @param {string} what @param {unknown} detail */
function tell(what, detail) {
  document.dispatchEvent(new CustomEvent(`fitor-${what}`, { detail }));
}

const states = {
  live: { words: "Live", tone: "good" },
  lost: { words: "Connection lost, trying again", tone: "warn" },
  over: { words: "Not live: reload to see what is new.", tone: "warn" },
};

/** @param {keyof typeof states} state */
function tellState(state) {
  tell("state", states[state]);
}

function byEvents() {
  leave();
  windsockBase = "";
  const stream = new EventSource(`${base}/events?room=${encodeURIComponent(room)}&after=${said("-after")}`);
  leave = () => stream.close();
  chat?.setAttribute("data-chat-way", "events");
  stream.addEventListener("open", () => tellState("live"));
  stream.addEventListener("line", (event) => tell("line", JSON.parse(event.data)));
  for (const part of ["rooms", "people", "head"]) {
    stream.addEventListener(part, (/** @type {MessageEvent} */ event) => tell("parts", { [part]: event.data }));
  }
  stream.addEventListener("gap", () => location.reload());
  stream.addEventListener("error", () => tellState(stream.readyState === EventSource.CLOSED ? "over" : "lost"));
}

/** A token for windsock. Throws, and hears by events, where there is none. */
async function freshToken() {
  const answer = await fetch(`${base}/token`, { cache: "no-store" });
  if (answer.ok) return (await answer.json()).token;
  if (answer.status < 500 && answer.status !== 429) byEvents();
  throw new Error(`${base}/token answered ${answer.status}`);
}

/** @param {{value: unknown}} message */
function takeNudge({ value }) {
  const nudge = Object(value);
  const isHere = Array.isArray(nudge.changed) && (nudge.changed.includes(room) || nudge.changed.includes("*"));
  if (isHere || nudge.id > Number(said("-after"))) tell("ask", { withParts: isHere });
}

async function byWindsock() {
  leave();
  const over = new AbortController();
  const { signal } = over;
  leave = () => over.abort();
  const { Windsock } = await import(`${windsockBase}client.js`);
  if (signal.aborted) return;
  const windsock = new Windsock(new URL(windsockBase, location.href), {
    token: freshToken,
    firstWaitMs: 1000,
    mostWaitMs: 30_000,
  });
  const timer = setInterval(() => tell("ask", { withParts: true }), lookMs);
  signal.addEventListener("abort", () => {
    clearInterval(timer);
    windsock.close();
  });
  const giveUp = () => signal.aborted || byEvents();
  windsock.subscribe({ address: said("-address") }, takeNudge);
  windsock.on("error", giveUp);
  windsock.on("state", (/** @type {{state: string}} */ { state }) => {
    if (signal.aborted) return;
    if (state === "closed") giveUp();
    if (state === "waiting") tellState("lost");
    if (state !== "connected") return;
    chat?.setAttribute("data-chat-way", windsock.transport);
    tellState("live");
    // Whatever came while nothing was heard.
    tell("ask", { withParts: true });
  });
  let isLost = false;
  const tellAsked = (/** @type {Event} */ event) => {
    const outcome = event instanceof CustomEvent ? event.detail : "";
    // Who may not ask may not hear the events either, which say so.
    if (outcome === "over") byEvents();
    else if (outcome === "lost") tellState("lost");
    else if (isLost && windsock.state === "connected") tellState("live");
    isLost = outcome === "lost";
  };
  document.addEventListener("fitor-asked", tellAsked, { signal });
}

function hear() {
  if (windsockBase === "") byEvents();
  else byWindsock().catch(byEvents);
}

addEventListener("pagehide", () => leave());
addEventListener("pageshow", (event) => event.persisted && hear());
if (chat) hear();
