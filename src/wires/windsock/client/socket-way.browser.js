/** The way by websocket: commands with ids, answers, and what comes by itself. */
import { WindsockError } from "./session.browser.js";

/** @type {import("./session.browser.js").OpenWay} */
export function socketWay(session) {
  const socket = new WebSocket(`${session.base.replace(/^http/, "ws")}connect/`);
  /** @type {Map<number, {verb: string, resolve(value: any): void, reject(error: Error): void}>} */
  const waiting = new Map();
  /** Topics and places that the server knows of, as text. @type {Set<string>} */
  const known = new Set();
  let id = 0;
  let isOver = false;
  let isWelcome = false;
  let silenceMs = 15_000;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let watchdog;

  /** @param {number} code @param {string} reason */
  const finish = (code, reason) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(watchdog);
    for (const { reject } of waiting.values()) reject(new WindsockError("windsock/closed", reason, code));
    waiting.clear();
    session.ended({ code, reason });
  };
  // A connection that is half open says nothing any more, not even that it is over.
  const stir = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => {
      finish(0, "the server is silent");
      socket.close();
    }, silenceMs);
  };
  /** @param {string} verb @param {object} input @returns {Promise<any>} */
  const ask = (verb, input) =>
    new Promise((resolve, reject) => {
      if (isOver || socket.readyState !== WebSocket.OPEN) {
        reject(new WindsockError("windsock/closed", "Cannot do that: there is no connection"));
        return;
      }
      waiting.set(++id, { verb, resolve, reject });
      socket.send(JSON.stringify({ id, [verb]: input }));
    });

  const changed = async () => {
    if (!isWelcome) return;
    const topics = new Map(session.topics().map((topic) => [JSON.stringify(topic), topic]));
    const gone = [...known].filter((key) => !topics.has(key));
    const fresh = [...topics].filter(([key]) => !known.has(key));
    for (const key of gone) known.delete(key);
    for (const [key] of fresh) known.add(key);
    const asked = [];
    if (gone.length > 0) asked.push(ask("unsubscribe", { topics: gone.map((key) => JSON.parse(key)) }));
    if (fresh.length > 0) {
      asked.push(
        ask("subscribe", { topics: fresh.map(([, topic]) => topic) }).then(
          ({ position }) => session.hear({ ping: { position } }),
          (thrown) => {
            for (const [key] of fresh) known.delete(key);
            throw thrown;
          },
        ),
      );
    }
    await Promise.all(asked);
  };

  const begin = async () => {
    if (isOver) return;
    try {
      const welcome = await ask("connect", { token: session.token, info: session.info });
      silenceMs = welcome.pingMs * 1.5;
      const topics = session.topics();
      for (const topic of topics) known.add(JSON.stringify(topic));
      const since = session.position();
      // Everything at once: one position is enough to go on from.
      const { position } = await ask("subscribe", { topics, ...(since === undefined ? {} : { since }) });
      session.hear({ ping: { position } });
      for (const [address, place] of session.places()) await ask("presence", { address, ...place });
      isWelcome = true;
      session.welcome(welcome);
      // What was wanted meanwhile.
      await changed();
    } catch (thrown) {
      if (isOver) return;
      const isBarred = thrown instanceof WindsockError && thrown.code === "windsock/subscribe-right";
      const close = isBarred ? 3500 : thrown instanceof WindsockError ? thrown.close : 0;
      finish(close, thrown instanceof Error ? thrown.message : String(thrown));
      socket.close();
    }
  };

  stir();
  socket.addEventListener("open", begin);
  socket.addEventListener("message", ({ data }) => {
    stir();
    for (const line of String(data).split("\n")) {
      const word = JSON.parse(line);
      const asked = waiting.get(word.id);
      if (!asked) {
        session.hear(word);
        continue;
      }
      waiting.delete(word.id);
      if (word.error) {
        const { code, message } = word.error;
        // The code of the close that follows says what to do.
        if (asked.verb !== "connect") asked.reject(new WindsockError(code, message));
      } else asked.resolve(word[asked.verb]);
    }
  });
  socket.addEventListener("close", ({ code, reason }) => finish(code === 1006 ? 0 : code, reason));

  return {
    changed,
    ask,
    close() {
      isOver = true;
      clearTimeout(watchdog);
      // Browsers complain on the console of a socket that is closed while it is being made.
      if (socket.readyState === WebSocket.CONNECTING) socket.addEventListener("open", () => socket.close(1000));
      else socket.close(1000);
    },
  };
}
