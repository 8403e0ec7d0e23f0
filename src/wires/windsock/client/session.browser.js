/**
 * What the ways to the server share: which topics meet an address, refusals with their codes, and reading JSON answers.
 *
 * @typedef {string | {prefix: string} | {address: string} | {pattern: string}} Topic
 * @typedef {{address: string, content: string, position: string, at: number}} Publication
 * @typedef {{push?: Publication, gap?: {position: string}, ping?: {position: string}, change?: Change, dropped?: {topics: Topic[]}}} Word
 * @typedef {{address: string, kind: "join" | "leave", who: {connection: string, user: string, info?: string}}} Change
 * @typedef {{base: string, token: string | undefined, fresh?: () => Promise<string | undefined>, info: unknown, position(): string | undefined, topics(): Topic[],
 *   places(): Map<string, {enter: boolean, watch: boolean}>, hear(word: Word): void,
 *   welcome(details: Record<string, unknown>): void, ended(end: End): void}} Session
 * @typedef {{code: number, reason: string}} End
 * @typedef {{changed(): Promise<void>, ask(verb: string, input: object): Promise<any>, close(): void}} Way
 * @typedef {(session: Session) => Way} OpenWay
 */

/** A refusal of the server; `code` such as `windsock/token`, `close` the number of the same meaning. */
export class WindsockError extends Error {
  /** @param {string} code @param {string} message @param {number} close */
  constructor(code, message, close = 0) {
    super(message);
    this.name = "WindsockError";
    this.code = code;
    this.close = close;
  }
}

/** @param {unknown} thrown @returns {End} */
export function endOf(thrown) {
  if (thrown instanceof WindsockError) return { code: thrown.close, reason: thrown.message };
  return { code: 0, reason: thrown instanceof Error ? thrown.message : String(thrown) };
}

/** Whether a publication to an address is heard by a topic. @param {Topic} topic @param {string} address */
export function concerns(topic, address) {
  if (typeof topic === "object" && "prefix" in topic) return address.startsWith(topic.prefix);
  if (typeof topic === "object" && "address" in topic) return address === topic.address;
  const wanted = (typeof topic === "string" ? topic : topic.pattern).split(".");
  const parts = address.split(".");
  for (const [at, part] of wanted.entries()) {
    if (part === "#" && at === wanted.length - 1) return true;
    if (at >= parts.length || (part !== "*" && part !== parts[at])) return false;
  }
  return parts.length === wanted.length;
}

/** The words of a query for topics and places. @param {Session} session */
export function queryOf(session) {
  const query = new URLSearchParams();
  for (const topic of session.topics()) {
    if (typeof topic === "string") query.append("topic", topic);
    else if ("prefix" in topic) query.append("prefix", topic.prefix);
    else if ("address" in topic) query.append("address", topic.address);
    else query.append("topic", topic.pattern);
  }
  for (const [address, { enter, watch }] of session.places()) {
    if (enter) query.append("enter", address);
    if (watch) query.append("watch", address);
  }
  if (session.info !== undefined) query.set("info", JSON.stringify(session.info));
  const since = session.position();
  if (since !== undefined) query.set("since", since);
  return query;
}

/**
 * A request with the session's token; refusals are thrown.
 * @param {Session} session @param {string} path @param {RequestInit} [init]
 */
export async function request(session, path, init = {}) {
  try {
    return await requestOnce(session, path, init);
  } catch (thrown) {
    // Tokens live shorter than connections: once again with a fresh one.
    if (!(thrown instanceof WindsockError) || thrown.close !== 3005 || !session.fresh) throw thrown;
    session.token = await session.fresh();
    return requestOnce(session, path, init);
  }
}

/** @param {Session} session @param {string} path @param {RequestInit} init */
async function requestOnce(session, path, init) {
  const headers = new Headers(init.headers);
  if (session.token !== undefined) headers.set("X-Windsock-Token", session.token);
  const response = await fetch(session.base + path, { ...init, headers });
  if (response.ok) return response;
  const text = await response.text();
  let said;
  try {
    said = JSON.parse(text);
  } catch {
    said = undefined;
  }
  const {
    close = 0,
    code = "windsock/unknown",
    message = `The server answered ${response.status}`,
  } = said?.error ?? said?.end ?? {};
  throw new WindsockError(String(code), message, typeof code === "number" ? code : close);
}

/** Verbs that need no open way. @param {Session} session @param {string} verb @param {any} input */
export async function askByHttp(session, verb, input) {
  if (verb === "publish") {
    return (await request(session, "publish", { method: "POST", body: JSON.stringify(input) })).json();
  }
  const query = new URLSearchParams();
  if (verb === "history") {
    const { limit, topic } = input;
    if (typeof topic === "object" && "prefix" in topic) query.set("prefix", topic.prefix);
    else query.set("topic", typeof topic === "string" ? topic : (topic.pattern ?? topic.address));
    query.set("limit", String(limit ?? 100));
  } else query.set("address", input.address);
  return (await request(session, `${verb === "history" ? "history" : "presence"}?${query}`)).json();
}

/**
 * Waits until a client is connected; rejects when it is closed.
 * @param {EventTarget & { readonly state: string }} client
 * @returns {Promise<void>}
 */
export function connected(client) {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (client.state === "connected") resolve();
      else if (client.state === "closed") reject(new WindsockError("windsock/closed", "Cannot do that: it is closed"));
      else client.addEventListener("state", look, { once: true });
    };
    look();
  });
}
