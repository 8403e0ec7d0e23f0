/**
 * What is said on a websocket, as JSON text. Without `protocol=2` a client gets envelopes only, as it always did, and
 * whatever it sends is content. With it, envelopes carry where they stand, and there are words in both directions:
 *
 *   from the client                                       to the client
 *   {"type":"subscribe","id":1,"interest":"exact:a.b",    {"type":"subscribed","id":1,"interest":"exact:a.b",
 *     "since":"<position>"?}                                 "position":"…","isComplete":true?}
 *   {"type":"unsubscribe","id":2,"interest":"exact:a.b"}  {"type":"unsubscribed","id":2,"interest":"exact:a.b"}
 *   {"type":"publish","id":3,"address":"a.b"?,            {"type":"published","id":3,"position":"…"}
 *     "content":"…"}
 *   {"type":"history","id":4,"interest":…,"limit":50}     {"type":"history","id":4,"publications":[…]}
 *   {"type":"enter","id":5,"address":"a","info":"…"?}     {"type":"entered","id":5,"address":"a"}
 *   {"type":"leave","id":6,"address":"a"}                 {"type":"left","id":6,"address":"a"}
 *   {"type":"watch","id":7,"address":"a"}                 {"type":"watching","id":7,"address":"a","present":[…]}
 *   {"type":"unwatch","id":8,"address":"a"}               {"type":"unwatched","id":8,"address":"a"}
 *   {"type":"ping","id":9}                                {"type":"pong","id":9}
 *
 * By themselves come: `{"type":"welcome","connection","user","interests","position"}` first; then, after a `since` in
 * the query, what was missed and `{"type":"resumed","isComplete","position"}`; `{"type":"gap","position"}` where
 * something was lost, before what comes after it; `{"type":"presence","address","kind","who"}` for what is watched; and
 * `{"type":"failed","id"?,"code","reason"}` for a word that cannot be done. What has no `type` is a publication:
 * `{"address","content","position","at"}`.
 */
import { Fault } from "../../kit/fault.ts";
import { parseInterest } from "./grant.ts";
import type { Interest, Publication } from "./publication.ts";

/** Which words a client understands. */
export type Protocol = 1 | 2;

/** What a client may say. */
export type ClientWord =
  | { type: "subscribe"; id: number; interest: Interest; since?: string }
  | { type: "unsubscribe"; id: number; interest: Interest }
  | { type: "publish"; id: number; address?: string; content: string }
  | { type: "history"; id: number; interest: Interest; limit: number }
  | { type: "enter"; id: number; address: string; info?: string }
  | { type: "leave" | "watch" | "unwatch"; id: number; address: string }
  | { type: "ping"; id: number };

/** Codes with which a connection is closed; what the client should do is in their hundreds. */
export const closeCodes = {
  /** Come back soon: the server stops. */
  restart: 1012,
  /** It said more, or faster, than it may. */
  policy: 1008,
  /** Come back, with the newest position: it read too slowly. */
  slow: 4008,
  /** Come back, with the newest position: something was lost, and there is no word for it. */
  lost: 4009,
  /** Do not come back with the same token: somebody ended it. */
  ended: 4403,
} as const;

const longestInfo = 1024;

/** The text of a publication. */
export function envelopeText(publication: Publication, protocol: Protocol): string {
  const { address, at, content, position } = publication;
  return protocol === 1
    ? `{"address":${JSON.stringify(address)},"content":${JSON.stringify(content)}}`
    : `{"address":${JSON.stringify(address)},"content":${JSON.stringify(content)},"position":"${position}","at":${at}}`;
}

/** Reads what a client said. Fault `windsock/word` (invalid), with `id` in its details where there was one. */
export function readWord(text: string): ClientWord {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw refusal("it is no JSON");
  }
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) throw refusal("wanted an object");
  const word: Readonly<Record<string, unknown>> = { ...raw };
  const id = typeof word.id === "number" && Number.isSafeInteger(word.id) ? word.id : 0;
  const textOf = (key: string): string => {
    const value = word[key];
    if (typeof value !== "string") throw refusal(`wanted text as "${key}"`, id);
    return value;
  };
  const maybe = (key: string): string | undefined => (word[key] === undefined ? undefined : textOf(key));
  const interest = (): Interest => {
    try {
      return parseInterest(textOf("interest"));
    } catch (thrown) {
      if (thrown instanceof Fault) throw new Fault("invalid", thrown.code, thrown.message, { details: { id } });
      throw thrown;
    }
  };
  switch (word.type) {
    case "subscribe": {
      const since = maybe("since");
      return { type: "subscribe", id, interest: interest(), ...(since === undefined ? {} : { since }) };
    }
    case "unsubscribe":
      return { type: "unsubscribe", id, interest: interest() };
    case "publish": {
      const address = maybe("address");
      return { type: "publish", id, content: textOf("content"), ...(address === undefined ? {} : { address }) };
    }
    case "history": {
      const { limit = 50 } = word;
      if (typeof limit !== "number" || !Number.isSafeInteger(limit) || limit < 1 || limit > 1000) {
        throw refusal("wanted 1 to 1000 as limit", id);
      }
      return { type: "history", id, interest: interest(), limit };
    }
    case "enter": {
      const info = maybe("info");
      if (info !== undefined && Buffer.byteLength(info) > longestInfo) {
        throw refusal(`info has more than ${longestInfo} bytes`, id);
      }
      return { type: "enter", id, address: textOf("address"), ...(info === undefined ? {} : { info }) };
    }
    case "leave":
    case "watch":
    case "unwatch":
      return { type: word.type, id, address: textOf("address") };
    case "ping":
      return { type: "ping", id };
    default:
      throw refusal("its type is unknown", id);
  }
}

function refusal(reason: string, id = 0): Fault {
  return new Fault("invalid", "windsock/word", `Cannot do what was said: ${reason}`, { details: { id } });
}
