/**
 * The ways by HTTP, where websockets do not get through: server-sent events, read by `fetch` so that the token stays out
 * of the address and refusals can be read; and the long poll, which goes everywhere.
 */
import { askByHttp, endOf, queryOf, request, WindsockError } from "./session.browser.js";

/** @type {import("./session.browser.js").OpenWay} */
export function eventsWay(session) {
  return repeated(session, async (signal, isThere) => {
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
        if (kind === "welcome") welcome = data;
        else if (kind === "end") return data;
        else if (kind !== undefined && kind !== "subscribed") session.hear({ [kind]: data });
        else if (kind === undefined && fields.has("data")) session.hear({ push: data });
        const position = fields.get("id");
        if (position !== undefined) session.hear({ ping: { position } });
        if (kind === "subscribed") isThere(welcome);
      }
    }
    return { code: 0, reason: "the stream ended" };
  });
}

/** @type {import("./session.browser.js").OpenWay} */
export function pollWay(session) {
  return repeated(session, async (signal, isThere) => {
    // The first tells at once how things stand, the others wait.
    for (let wait = 0; ; wait = 25) {
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
 * A way that is begun anew, from the newest position, whenever topics change.
 * @param {import("./session.browser.js").Session} session
 * @param {(signal: AbortSignal, isThere: (welcome: Record<string, unknown>) => void) => Promise<import("./session.browser.js").End>} listen
 * @returns {import("./session.browser.js").Way}
 */
function repeated(session, listen) {
  let isOver = false;
  let isWelcome = false;
  let turn = new AbortController();
  /** @returns {Promise<void>} */
  const begin = () =>
    new Promise((resolve, reject) => {
      turn.abort();
      const own = (turn = new AbortController());
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
          : listen(own.signal, isThere);
      heard.catch(endOf).then((end) => {
        if (own.signal.aborted) {
          resolve();
          return;
        }
        reject(new WindsockError("windsock/closed", end.reason, end.code));
        if (isOver) return;
        isOver = true;
        session.ended(end);
      });
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
