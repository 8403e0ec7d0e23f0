/**
 * What back ends ask of Windsock by HTTP: `POST /api/<verb>` with a JSON object, signed (see signature.ts) or with a token
 * of the node that has the scope. `batch` does several verbs in one; `broadcast` tells one content to many addresses. Each
 * verb answers with an object; in a batch, one that fails says so in its place and the others are done all the same.
 */
import { z } from "zod";

import { Fault, toFault } from "../../../kit/fault.ts";
import type { Scope } from "../../../kit/service.ts";
import { faultJson } from "./command.ts";
import { statsOf } from "./connection.ts";
import { historyOf } from "./history.ts";
import type { NewerParts } from "./newer-parts.ts";
import { calledBack, type Revocations } from "./revocations.ts";
import { objectShape, shapeWords, topicShape } from "./shape.ts";
import { parseTopic, topicWords } from "./topic.ts";

/** What the verbs stand on. */
export interface ApiParts extends Pick<NewerParts, "hub" | "roster" | "limits" | "publish"> {
  revocations: Revocations;
  /** When the service started, epoch ms. */
  startedAt: number;
}

const limit = z.number().int().min(1);
/** Of a user, a connection or a token: as long as tokens may have it. */
const name = z.string().min(1).max(4096);
const seconds = z.number().int().min(1).max(31_536_000);

const shapes = {
  publish: objectShape({ address: z.string(), content: z.string() }),
  broadcast: objectShape({ addresses: z.array(z.string()).min(1).max(10_000), content: z.string() }),
  history: objectShape({ topic: topicShape, limit: limit.default(100) }),
  presence: objectShape({ address: z.string() }),
  presence_stats: objectShape({ address: z.string() }),
  channels: objectShape({ limit: limit.max(10_000).default(1000) }),
  connections: objectShape({ user: z.string().optional(), limit: limit.max(10_000).default(1000) }),
  disconnect: z.union(
    [
      z.strictObject({ user: name, reason: z.string().max(120).optional() }),
      z.strictObject({ connection: name, reason: z.string().max(120).optional() }),
    ],
    { error: 'wanted {"user": "…"} or {"connection": "…"}, and by choice "reason" of at most 120 letters' },
  ),
  revoke: z.union(
    [
      z.strictObject({ user: name, seconds: seconds.optional() }),
      z.strictObject({ token: name, seconds: seconds.optional() }),
    ],
    { error: 'wanted {"user": "…"} or {"token": "…"}, and by choice "seconds", 1 to 31536000' },
  ),
  info: objectShape({}),
} as const;

/** A verb of the API; `batch` beside them. */
export type ApiVerb = keyof typeof shapes;

const scopes: Readonly<Record<ApiVerb, Scope>> = {
  info: "read",
  channels: "read",
  publish: "write",
  broadcast: "write",
  history: "write",
  presence: "write",
  presence_stats: "write",
  connections: "admin",
  disconnect: "admin",
  revoke: "admin",
};

const batchShape = objectShape({
  commands: z
    .array(z.record(z.string(), z.unknown(), { error: "wanted an object of one verb" }))
    .min(1)
    .max(1000),
});

/** The verbs. */
export class Api {
  readonly #parts: ApiParts;

  constructor(parts: ApiParts) {
    this.#parts = parts;
  }

  /**
   * Does one verb, `batch` included; `require` throws where the caller lacks a scope. Faults: `windsock/verb` (missing),
   * `windsock/command` (invalid), those of the hub.
   */
  async call(verb: string, input: unknown, require: (scope: Scope) => void): Promise<object> {
    if (verb !== "batch") return this.#do(verb, input, require);
    const { commands } = shaped(batchShape, "batch", input);
    const results: object[] = [];
    for (const command of commands) results.push(await this.#oneOfMany(command, require));
    return { results };
  }

  async #oneOfMany(command: Record<string, unknown>, require: (scope: Scope) => void): Promise<object> {
    try {
      const [entry, ...more] = Object.entries(command);
      if (!entry || more.length > 0) throw new Fault("invalid", "windsock/command", "Each command holds one verb");
      return { [entry[0]]: await this.#do(entry[0], entry[1], require) };
    } catch (thrown) {
      const fault = toFault(thrown);
      if (fault.kind === "internal") throw thrown;
      return { error: faultJson(fault) };
    }
  }

  async #do(verb: string, input: unknown, require: (scope: Scope) => void): Promise<object> {
    if (!isVerb(verb)) {
      const known = [...Object.keys(shapes), "batch"].join(", ");
      throw new Fault("missing", "windsock/verb", `Cannot do "${verb.slice(0, 60)}": wanted one of ${known}`);
    }
    require(scopes[verb]);
    const { hub, limits, publish, revocations, roster, startedAt } = this.#parts;
    switch (verb) {
      case "publish": {
        const { position } = await publish(shaped(shapes.publish, verb, input), "");
        return { position };
      }
      case "broadcast": {
        const { addresses, content } = shaped(shapes.broadcast, verb, input);
        const done = await Promise.all(addresses.map((address) => publish({ address, content }, "")));
        return { positions: done.map(({ position }) => position) };
      }
      case "history": {
        const { limit, topic } = shaped(shapes.history, verb, input);
        const interest = parseTopic(topic);
        const { position } = hub;
        const count = Math.min(limit, limits.historyCount);
        return { ...(await historyOf(hub, interest, count, limits.historyBytes)), position };
      }
      case "presence":
        return { clients: hub.presence(shaped(shapes.presence, verb, input).address) };
      case "presence_stats":
        return statsOf(hub.presence(shaped(shapes.presence_stats, verb, input).address));
      case "channels": {
        const { limit } = shaped(shapes.channels, verb, input);
        return {
          channels: roster
            .topics(limit)
            .map(({ count, interest }) => ({ topic: topicWords(interest), subscribers: count })),
          busiest: hub.topics(Math.min(limit, 100)),
        };
      }
      case "connections": {
        const { limit, user } = shaped(shapes.connections, verb, input);
        return {
          connections: roster.list(limit, user).map((entry) => ({
            connection: entry.connection,
            user: entry.user,
            address: entry.address,
            transport: entry.transport,
            since: entry.since,
            topics: entry.topics(),
          })),
        };
      }
      case "disconnect": {
        const { reason = "ended by order", ...who } = shaped(shapes.disconnect, verb, input);
        return { ...hub.disconnect(who, reason) };
      }
      case "revoke": {
        const { seconds, ...what } = shaped(shapes.revoke, verb, input);
        const kept = revocations.revoke("user" in what ? what : { tokenId: what.token }, seconds);
        // In force already, whatever the disk says. Connections of a single token are found by the next beat of each.
        if ("user" in what) hub.disconnect(what, calledBack);
        await kept;
        return {};
      }
      case "info":
        shaped(shapes.info, verb, input);
        return {
          ...hub.figures,
          connections: roster.size,
          topics: roster.topicCount,
          position: hub.position,
          startedAt,
        };
    }
  }
}

function isVerb(verb: string): verb is ApiVerb {
  return Object.hasOwn(shapes, verb);
}

function shaped<T>(shape: z.ZodType<T>, verb: string, input: unknown): T {
  const parsed = shape.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new Fault("invalid", "windsock/command", `Cannot do "${verb}": ${shapeWords(parsed.error, input)}`);
}
