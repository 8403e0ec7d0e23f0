/**
 * Hears that something is new in the rooms. Where windsock runs beside, by its client: what comes that way says that there is
 * something, never what, as others may send there too; what it is another script asks. By server-sent events where there is no
 * windsock, while its client does not come through, and from when it is of no use until the server was away.
 */
const chat = document.querySelector("[data-chat]");
/** @param {string} name */
const said = (name) => chat?.getAttribute(`data-chat${name}`) ?? "";
const base = said("");
const room = said("-room");
const windsockBase = said("-windsock");
/** Asked after so long anyhow: whatever became of the words that tell of news. */
const lookMs = 60_000;
/** So many attempts in vain, and events are heard beside. */
const mostLosses = 4;
/** A stream that was refused is asked for again after so long, each time twice as long, up to the second. */
const [firstAgainMs, mostAgainMs] = [2000, 30_000];
let againMs = firstAgainMs;

const nothing = () => {};
/** Each ends its way; `nothing` where there is none. */
let endStream = nothing;
let endWindsock = nothing;
let isStreamOpen = false;
let isStreamRefused = false;
let isConnected = false;
let isAskLost = false;
/** Questions are refused: what is heard is then all there is. */
let isAskBarred = false;
/** The stream was cut or refused since it was open: the server may be another one. */
let wasAway = false;

/** @param {string} what @param {unknown} detail */
function tell(what, detail) {
  document.dispatchEvent(new CustomEvent(`fitor-${what}`, { detail }));
}

function tellState() {
  const isLive = (isStreamOpen || isConnected) && !isAskLost;
  const words = isLive ? "Live" : "Connection lost, trying again";
  tell("state", { words, tone: isLive ? "good" : "warn" });
}

function byEvents() {
  endStream();
  const stream = new EventSource(`${base}/events?room=${encodeURIComponent(room)}&after=${said("-after")}`);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let again;
  endStream = () => {
    clearTimeout(again);
    stream.close();
    isStreamOpen = isStreamRefused = false;
    endStream = nothing;
  };
  stream.addEventListener("open", () => {
    isStreamOpen = true;
    againMs = firstAgainMs;
    chat?.setAttribute("data-chat-way", "events");
    tellState();
    // What kept windsock from being of use may be over as well.
    if (wasAway && windsockBase !== "" && endWindsock === nothing) byWindsock();
    wasAway = false;
  });
  stream.addEventListener("line", (event) => {
    const line = JSON.parse(event.data);
    // Ids have no gaps: who reads too slowly is not told everything, and has to ask for it.
    const isNext = line.id <= Number(said("-after")) + 1;
    if (isNext || isAskBarred) tell("line", line);
    else tell("ask", { withParts: false });
  });
  for (const part of ["rooms", "people", "head"]) {
    stream.addEventListener(part, (/** @type {MessageEvent} */ event) => tell("parts", { [part]: event.data }));
  }
  stream.addEventListener("gap", () => location.reload());
  stream.addEventListener("error", () => {
    isStreamOpen = false;
    wasAway = true;
    tellState();
    if (stream.readyState !== EventSource.CLOSED) return;
    // A stream says not why it is refused; the answer to a question does.
    isStreamRefused = true;
    tell("ask", { withParts: false });
    again = setTimeout(byEvents, againMs);
    againMs = Math.min(againMs * 2, mostAgainMs);
  });
}

/** A token for windsock. Throws, and gives that way up, where there is none. @param {() => void} giveUp */
async function freshToken(giveUp) {
  const answer = await fetch(`${base}/token`, { cache: "no-store" });
  if (answer.ok) return (await answer.json()).token;
  if (answer.status < 500 && answer.status !== 429) giveUp();
  throw new Error(`${base}/token answered ${answer.status}`);
}

/** @param {{value: unknown}} message */
function takeNudge({ value }) {
  const nudge = Object(value);
  const isHere = Array.isArray(nudge.changed) && (nudge.changed.includes(room) || nudge.changed.includes("*"));
  if (isHere || nudge.id > Number(said("-after"))) tell("ask", { withParts: isHere });
}

/** By which way windsock's client hears. */
let transport = "";

function onlyByWindsock() {
  endStream();
  chat?.setAttribute("data-chat-way", transport);
  tellState();
}

/** Fitor may not reach windsock, though the page does: what is new is then heard by events beside. @param {Event} event */
function takeAway(event) {
  const isAway = event instanceof CustomEvent && event.detail;
  if (isConnected && isAway && endStream === nothing) byEvents();
  if (isConnected && !isAway && endStream !== nothing) onlyByWindsock();
}

async function byWindsock() {
  endWindsock();
  const over = new AbortController();
  const { signal } = over;
  endWindsock = () => {
    over.abort();
    isConnected = false;
    endWindsock = nothing;
  };
  const giveUp = () => {
    if (signal.aborted) return;
    endWindsock();
    if (endStream === nothing) byEvents();
  };
  /** @type {any} */
  let windsock;
  try {
    const { Windsock } = await import(`${windsockBase}client.js`);
    if (signal.aborted) return;
    windsock = new Windsock(new URL(windsockBase, location.href), {
      token: () => freshToken(giveUp),
      firstWaitMs: 1000,
      mostWaitMs: 30_000,
    });
  } catch {
    giveUp();
    return;
  }
  signal.addEventListener("abort", () => windsock.close());
  let losses = 0;
  windsock.subscribe({ address: said("-address") }, takeNudge);
  windsock.on("error", giveUp);
  windsock.on("state", (/** @type {{state: string}} */ { state }) => {
    if (signal.aborted) return;
    isConnected = state === "connected";
    if (state === "closed" || state === "waiting") tellState();
    if (state === "closed") giveUp();
    if (state === "waiting" && ++losses === mostLosses && endStream === nothing) byEvents();
    if (!isConnected) return;
    losses = 0;
    transport = windsock.transport;
    onlyByWindsock();
    // Whatever came while nothing was heard.
    tell("ask", { withParts: true });
  });
}

/** @param {Event} event */
function takeAsked(event) {
  const outcome = event instanceof CustomEvent ? event.detail : "";
  isAskLost = outcome === "lost";
  isAskBarred = outcome === "over";
  if (outcome !== "over") {
    tellState();
    return;
  }
  if (isStreamOpen) return;
  if (endWindsock !== nothing) {
    endWindsock();
    tellState();
    if (endStream === nothing) byEvents();
  } else if (isStreamRefused) {
    leave();
    tell("state", { words: "Not live: reload to see what is new.", tone: "warn" });
  }
}

/** @type {ReturnType<typeof setInterval> | undefined} */
let looking;

function hear() {
  looking = setInterval(() => tell("ask", { withParts: true }), lookMs);
  if (windsockBase === "") byEvents();
  else byWindsock();
}

function leave() {
  clearInterval(looking);
  endWindsock();
  endStream();
}

document.addEventListener("fitor-asked", takeAsked);
document.addEventListener("fitor-away", takeAway);
addEventListener("pagehide", leave);
addEventListener("pageshow", (event) => event.persisted && hear());
if (chat) hear();
