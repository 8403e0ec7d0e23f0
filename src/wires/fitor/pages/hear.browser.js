/**
 * Chooses how is heard that something is new in the rooms: by windsock where that runs beside; by server-sent events where it
 * does not, while windsock's client does not come through, and from when it is of no use until the server was away.
 */
import { openStream } from "./event-way.browser.js";
import { chat, onTold, said, tell } from "./page.browser.js";
import { openWindsock } from "./windsock-way.browser.js";

const windsockBase = said("-windsock");
/** Asked after so long anyhow: whatever became of the words that tell of news. */
const lookMs = 60_000;
/** So many attempts in vain, and events are heard beside. */
const mostLosses = 4;

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
/** By which way windsock's client hears. */
let transport = "";

function tellState() {
  const isLive = (isStreamOpen || isConnected) && !isAskLost;
  const words = isLive ? "Live" : "Connection lost, trying again";
  tell("state", { words, tone: isLive ? "good" : "warn" });
}

function byEvents() {
  endStream();
  const close = openStream({
    isBarred: () => isAskBarred,
    opened() {
      isStreamOpen = true;
      isStreamRefused = false;
      chat?.setAttribute("data-chat-way", "events");
      tellState();
      // What kept windsock from being of use may be over as well.
      if (wasAway && windsockBase !== "" && endWindsock === nothing) byWindsock();
      wasAway = false;
    },
    lost(isRefused) {
      isStreamOpen = false;
      isStreamRefused = isRefused;
      wasAway = true;
      tellState();
    },
  });
  endStream = () => {
    close();
    isStreamOpen = isStreamRefused = false;
    endStream = nothing;
  };
}

function onlyByWindsock() {
  endStream();
  chat?.setAttribute("data-chat-way", transport);
  tellState();
}

function byWindsock() {
  endWindsock();
  let losses = 0;
  const close = openWindsock(windsockBase, {
    changed(state, way) {
      isConnected = state === "connected";
      if (state === "closed" || state === "waiting") tellState();
      if (state === "waiting" && ++losses === mostLosses && endStream === nothing) byEvents();
      if (!isConnected) return;
      losses = 0;
      transport = way;
      onlyByWindsock();
      // Whatever came while nothing was heard.
      tell("ask", { withParts: true });
    },
    failed() {
      endWindsock();
      if (endStream === nothing) byEvents();
    },
  });
  endWindsock = () => {
    close();
    isConnected = false;
    endWindsock = nothing;
  };
}

/** @param {"told" | "barren" | "lost" | "over"} outcome */
function takeAsked(outcome) {
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

onTold("asked", takeAsked);
// Fitor may not reach windsock, though the page does: what is new is then heard by events beside.
onTold("away", (isAway) => {
  if (isConnected && isAway && endStream === nothing) byEvents();
  if (isConnected && !isAway && endStream !== nothing) onlyByWindsock();
});
addEventListener("pagehide", leave);
addEventListener("pageshow", (event) => event.persisted && hear());
if (chat) hear();
