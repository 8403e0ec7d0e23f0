/**
 * The ways by HTTP, where websockets do not get through: server-sent events, read by `fetch` so that the token stays out
 * of the address and refusals can be read; and the long poll, which goes everywhere.
 */
import { askByHttp, endOf, queryOf, request, WindsockError } from "./session.browser.js";

/** How long the server may say nothing beyond what it has said it would. */
const graceMs = 15_000;

/** @type {import("./session.browser.js").OpenWay} */
export function eventsWay(session) {
  return repeated(session, async (signal, isThere, stir) => {
    let silenceMs = graceMs;
    stir(silenceMs);
    const response = await request(session, `events?${queryOf(session)}`, { signal });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    /** @type {Record<string, unknown>} */
    let welcome = {};
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      text += next.value;
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const fields = new Map(
          text
            .slice(0, end)
            .split("\n")
            .map((line) => /** @type {[string, string]} */ (line.split(/: (.*)/s, 2))),
        );
        text = text.slice(end + 2);
        const data = JSON.parse(fields.get("data") ?? "{}");
        const kind = fields.get("event");
        if (kind === "welcome") {
          welcome = data;
          silenceMs = data.pingMs * 1.5;
        }
        if (kind === "end") return data;
        if (kind !== undefined && kind !== "welcome" && kind !== "subscribed") session.hear({ [kind]: data });
        else if (kind === undefined && fields.has("data")) session.hear({ push: data });
        const position = fields.get("id");
        if (position !== undefined) session.hear({ ping: { position } });
        if (kind === "subscribed") isThere(welcome);
      }
      stir(silenceMs);
    }
    return { code: 0, reason: "the stream ended" };
  });
}

/** @type {import("./session.browser.js").OpenWay} */
export function pollWay(session) {
  return repeated(session, async (signal, isThere, stir) => {
    // The first tells at once how things stand, the others wait.
    for (let wait = 0; ; wait = 25) {
      stir(wait * 1000 + graceMs);
      const answer = await (await request(session, `poll?${queryOf(session)}&wait=${wait}`, { signal })).json();
      if (signal.aborted) return { code: 0, reason: "" };
      if (answer.gap) session.hear({ gap: { position: answer.gapPosition ?? "" } });
      for (const push of answer.publications) session.hear({ push });
      session.hear({ ping: { position: answer.position } });
      isThere({});
    }
  });
}

/**
 * A way that is begun anew, from the newest position, whenever topics change. It ends where nobody stirs it in time: a connection
 * that is half open says nothing any more, not even that it is over.
 * @param {import("./session.browser.js").Session} session
 * @param {(signal: AbortSignal, isThere: (welcome: Record<string, unknown>) => void, stir: (silenceMs: number) => void) => Promise<import("./session.browser.js").End>} listen
 * @returns {import("./session.browser.js").Way}
 */
function repeated(session, listen) {
  let isOver = false;
  let isWelcome = false;
  let turn = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let watchdog;
  /** @returns {Promise<void>} */
  const begin = () =>
    new Promise((resolve, reject) => {
      turn.abort();
      const own = (turn = new AbortController());
      own.signal.addEventListener("abort", () => clearTimeout(watchdog));
      /** @param {import("./session.browser.js").End} end */
      const finish = (end) => {
        if (own.signal.aborted) {
          resolve();
          return;
        }
        own.abort();
        reject(new WindsockError("windsock/closed", end.reason, end.code));
        if (isOver) return;
        isOver = true;
        session.ended(end);
      };
      /** @param {number} silenceMs */
      const stir = (silenceMs) => {
        if (own.signal.aborted) return;
        clearTimeout(watchdog);
        watchdog = setTimeout(() => finish({ code: 0, reason: "the server is silent" }), silenceMs);
      };
      /** @param {Record<string, unknown>} welcome */
      const isThere = (welcome) => {
        resolve();
        if (isWelcome || own.signal.aborted) return;
        isWelcome = true;
        session.welcome(welcome);
      };
      // Without topics there is nothing to wait for.
      const heard =
        session.topics().length + session.places().size === 0
          ? new Promise((_, leave) => {
              isThere({});
              own.signal.addEventListener("abort", () => leave(new Error("ended")));
            })
          : listen(own.signal, isThere, stir);
      heard.catch(endOf).then(finish);
    });
  // The end of the first turn is told by `ended`.
  begin().catch(() => undefined);
  return {
    changed: () => (isOver ? Promise.resolve() : begin()),
    ask: (verb, input) => askByHttp(session, verb, input),
    close() {
      isOver = true;
      turn.abort();
    },
  };
}
