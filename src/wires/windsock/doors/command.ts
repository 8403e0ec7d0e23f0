/**
 * What is said on the newer websocket, as JSON, one object a line, one or more lines a message. A client's line holds one
 * verb and, where it wants an answer, an `id`, which the answer repeats:
 *
 *   connect     {token?, info?}                         → {connection, user, position, expiresInMs?, limits, …}
 *   subscribe   {topics: […], since?} or                → {position, recoverable, recovered?}
 *               {topics: [one], history: n}             → {…, history: […], more?}
 *   unsubscribe {topics: […]}                           → {}
 *   publish     {address?, content}                     → {position}
 *   history     {topic, limit?}                         → {publications: […], position, more?}
 *   presence    {address, enter?, watch?}               → {clients: […], more?}; true begins, false ends
 *   stats       {address}                               → {connections, users}
 *   refresh     {token}                                 → {expiresInMs?}
 *   ping        {}                                      → {position}
 *
 * An answer is `{"id":1,"<verb>":{…}}` or `{"id":1,"error":{"code","message"}}`. By themselves come `{"push":{"address",
 * "content","position","at"}}`, `{"gap":{"position"}}`, `{"change":{"address","kind","who"}}`, `{"dropped":{"topics"}}`
 * after a refresh that allows less, and `{"ping":{"position"}}`, whose position a client keeps like that of a push.
 */
import { z } from "zod";

import { Fault } from "../../../kit/fault.ts";
import type { Publication } from "../publication.ts";
import { objectShape, shapeWords, topicShape } from "./shape.ts";

const position = z.string().max(200);
const topics = z.array(topicShape).max(10_000);
const limit = z.number().int().min(0);

const commandShape = objectShape({
  id: z.number().int().min(0).optional(),
  connect: objectShape({ token: z.string().optional(), info: z.unknown().optional() }).optional(),
  subscribe: objectShape({ topics, since: position.optional(), history: limit.optional() }).optional(),
  unsubscribe: objectShape({ topics }).optional(),
  publish: objectShape({ address: z.string().optional(), content: z.string() }).optional(),
  history: objectShape({ topic: topicShape, limit: limit.optional() }).optional(),
  presence: z
    .strictObject({ address: z.string(), enter: z.boolean().optional(), watch: z.boolean().optional() })
    .optional(),
  stats: objectShape({ address: z.string() }).optional(),
  refresh: objectShape({ token: z.string() }).optional(),
  ping: objectShape({}).optional(),
});

/** What a client says in one line. */
export type Command = z.infer<typeof commandShape>;

/** One line. Fault `windsock/command` (invalid), with the line's `id` in its details where it has one. */
export function readCommand(line: string): Command {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw refused("it is no JSON", undefined);
  }
  const parsed = commandShape.safeParse(value);
  if (!parsed.success) {
    throw refused(shapeWords(parsed.error, value), idOf(value));
  }
  const { id, ...verbs } = parsed.data;
  const said = Object.keys(verbs).length;
  if (said !== 1) throw refused(`it holds ${said} verbs instead of one`, id);
  return parsed.data;
}

function idOf(value: unknown): number | undefined {
  const id = typeof value === "object" && value !== null && "id" in value ? value.id : undefined;
  return typeof id === "number" ? id : undefined;
}

function refused(reason: string, id: number | undefined): Fault {
  return new Fault("invalid", "windsock/command", `Cannot understand the command: ${reason}`, {
    details: id === undefined ? {} : { id },
  });
}

/** The text of a push, made once for all who get it. */
const pushes = new WeakMap<Publication, string>();

/** What a client is told of a publication. */
export function publicationJson(publication: Publication): string {
  let text = pushes.get(publication);
  if (text === undefined) {
    const { address, at, content, position } = publication;
    text = JSON.stringify({ address, content, position, at });
    pushes.set(publication, text);
  }
  return text;
}

/** What a Fault looks like to a client of any door. */
export function faultJson(fault: Fault): { code: string; message: string; retryAfterMs?: number } {
  const { code, message, retryAfterMs } = fault;
  return { code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** What a client says of itself, as JSON of at most 1 KiB. Fault `windsock/info`. */
export function infoText(info: unknown): string | undefined {
  if (info === undefined) return undefined;
  let text = "";
  try {
    text = JSON.stringify(info);
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw new Fault("invalid", "windsock/info", "Cannot take what you say of yourself: it is nested too deeply");
  }
  if (Buffer.byteLength(text) <= 1024) return text;
  throw new Fault("invalid", "windsock/info", "Cannot take what you say of yourself: it has more than 1024 bytes");
}
