/**
 * The link over Redis: publications are the entries of one stream, numbered without holes by a script that knows a batch it
 * has taken before; every node reads the stream from where it was. Presence and orders to end go by publish/subscribe, with
 * the rules of the mesh. A Redis that comes back empty is a gap, one that comes back whole is none.
 */
import { RedisClient } from "bun";

import { sleep } from "../../../kit/clock.ts";
import { reasonOf } from "../../../kit/fault.ts";
import { newEpoch } from "../publication-log.ts";
import { usualEntryBounds } from "./entry-log.ts";
import { Mesh, usualTimes } from "./mesh.ts";
import type { ServerLinkParts } from "./link-parts.ts";
import type { NodeLink } from "./node-link.ts";
import { type Batch, Outbox } from "./outbox.ts";
import { type LogStanding, SharedOrder } from "./shared-order.ts";
import { answered, keepUp } from "./upkeep.ts";

/** What the link stands on. */
export interface RedisLinkParts extends ServerLinkParts {
  /** Such as `redis://:password@redis:6379/0`. */
  url: string;
}

const readAtOnce = 500;
const blockMs = 500;
/** An answer that takes longer does not come. */
const answerMs = 5000;
/** Batches are known again for so long. */
const rememberSeconds = 3600;

/** Makes the log where there is none; `epoch` is its own. */
const epochLines = `
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if not epoch then
  epoch = ARGV[1]
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[2], 'epoch', epoch, 'newest', 0)
end`;

/** Takes a batch once. Keys: stream, state, origin. Gives epoch and the newest number. */
const appendScript = `${epochLines}
local taken = redis.call('GET', KEYS[3])
if not taken or tonumber(taken) < tonumber(ARGV[2]) then
  for at = 5, #ARGV, 2 do
    local number = redis.call('HINCRBY', KEYS[2], 'newest', 1)
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], number .. '-0', 'a', ARGV[at], 'c', ARGV[at + 1], 't', ARGV[4], 'e', epoch)
  end
  redis.call('SET', KEYS[3], ARGV[2], 'EX', ${rememberSeconds})
end
return {epoch, redis.call('HGET', KEYS[2], 'newest')}`;

/** What the stream says of itself, made where there is none. Keys: stream, state. */
const standingScript = `${epochLines}
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)
return {epoch, redis.call('HGET', KEYS[2], 'newest'), first[1] and first[1][1] or ''}`;

/** Opens the link. Resolves when Redis was reached and read, or after five seconds without that: it is tried on. */
export async function openRedisLink(parts: RedisLinkParts): Promise<NodeLink> {
  const { clock, hub, log, patienceMs, prefix, url } = parts;
  const order = new SharedOrder(hub, parts.keep);
  const outbox = new Outbox(clock, patienceMs);
  const run = crypto.randomUUID();
  // In braces, so that a cluster of Redis keeps them together.
  const keys = { stream: `{${prefix}}:log`, state: `{${prefix}}:state`, origin: `{${prefix}}:origin:${run}` };
  const channel = `{${prefix}}:nodes`;
  let writer: RedisClient | undefined;

  const mesh = new Mesh({
    hub,
    clock,
    id: parts.nodeId,
    run,
    times: parts.times ?? usualTimes,
    bounds: usualEntryBounds,
    revocations: parts.revocations,
    carriesPublications: false,
    // Everybody hears everything; what is for one node says so itself. What is lost is asked for.
    send: (_to, text) => {
      writer?.send("PUBLISH", [channel, text]).catch((thrown: unknown) => {
        log.debug("A message to other nodes was not taken by Redis", { reason: reasonOf(thrown) });
      });
      return writer !== undefined;
    },
  });

  const answerOf = (client: RedisClient, command: string, words: string[]): Promise<unknown> =>
    answered(clock, answerMs, command, client.send(command, words));
  const standing = async (client: RedisClient): Promise<LogStanding> => {
    const said = await answerOf(client, "EVAL", [standingScript, "2", keys.stream, keys.state, newEpoch()]);
    const [epoch, newest, first] = textsOf(said);
    const top = Number(newest);
    if (epoch === undefined || !Number.isSafeInteger(top)) throw new Error(`the keys ${prefix} hold something else`);
    return { epoch, newest: top, oldest: first ? Number.parseInt(first, 10) : top + 1 };
  };
  const readSome = async (client: RedisClient, wait: number, signal: AbortSignal): Promise<number> => {
    const from = `${order.next - 1}-0`;
    const block = wait > 0 ? ["BLOCK", String(wait)] : [];
    const said = await answerOf(client, "XREAD", ["COUNT", String(readAtOnce), ...block, "STREAMS", keys.stream, from]);
    // Another way may be open by now, and go on from elsewhere.
    signal.throwIfAborted();
    const entries = entriesOf(said, keys.stream);
    for (const { address, at, content, epoch, number } of entries) {
      if (epoch !== order.epoch) throw new Error("another log has begun");
      if (address === undefined || content === undefined) order.skip(number);
      else order.take(number, { address, content }, Math.min(at, clock.now()));
    }
    return entries.length;
  };
  const write = async (client: RedisClient, batch: Batch): Promise<void> => {
    const words = batch.envelopes.flatMap(({ address, content }) => [address, content]);
    await answerOf(client, "EVAL", [
      appendScript,
      "3",
      keys.stream,
      keys.state,
      keys.origin,
      newEpoch(),
      String(batch.number),
      String(parts.keep),
      String(clock.now()),
      ...words,
    ]);
    outbox.done(batch);
  };

  const live = async (ending: AbortController, stands: () => void): Promise<void> => {
    const clients: RedisClient[] = [];
    const { signal } = ending;
    const connect = async (): Promise<RedisClient> => {
      signal.throwIfAborted();
      const client = new RedisClient(url, { autoReconnect: false, connectionTimeout: answerMs });
      client.onclose = () => ending.abort();
      clients.push(client);
      await client.connect();
      return client;
    };
    let hand: RedisClient | undefined;
    try {
      const reader = await connect();
      const ears = await connect();
      const hears = ears.subscribe(channel, (text) => mesh.hear(text));
      await answered(clock, answerMs, "SUBSCRIBE", hears);
      hand = await connect();
      const { newest, ...rest } = await standing(reader);
      signal.throwIfAborted();
      order.begin({ newest, ...rest });
      while (!order.has(newest)) {
        if ((await readSome(reader, 0, signal)) === 0) break;
      }
      signal.throwIfAborted();
      writer = hand;
      stands();
      mesh.met();
      log.info("Redis carries messages between nodes", { stream: keys.stream });
      const reading = async () => {
        while (!signal.aborted) {
          if ((await readSome(reader, blockMs, signal)) > 0) continue;
          // Of what was published elsewhere nothing may be missing, even where Redis came back as another.
          const found = await standing(reader);
          if (!signal.aborted) order.begin(found);
        }
      };
      const writing = async (to: RedisClient) => {
        for (let batch = await outbox.next(signal); batch; batch = await outbox.next(signal)) await write(to, batch);
      };
      await Promise.race([reading(), writing(hand)]);
    } finally {
      if (writer === hand) writer = undefined;
      ending.abort();
      for (const client of clients) client.close();
    }
  };
  const upkeep = keepUp({ clock, log, name: "Redis", live });
  await upkeep.begun;

  return {
    kind: "redis",
    carrier: { carry: (envelope) => outbox.add(envelope) },
    state: () => ({ isUp: writer !== undefined, failure: upkeep.failure, nodes: mesh.nodes() }),
    async stop() {
      mesh.stop();
      outbox.close();
      // The farewell has to leave before the connection does.
      await sleep(clock, 20);
      await upkeep.stop();
    },
  };
}

interface StreamEntry {
  number: number;
  address: string | undefined;
  content: string | undefined;
  epoch: string | undefined;
  at: number;
}

/** The texts of an answer that is a list. */
function textsOf(said: unknown): string[] {
  return Array.isArray(said) ? said.map(String) : [];
}

/** The entries of an answer to XREAD; what has no number is passed over. */
export function entriesOf(said: unknown, stream: string): StreamEntry[] {
  if (typeof said !== "object" || said === null || !(stream in said)) return [];
  const list: unknown = Object.entries(said).find(([name]) => name === stream)?.[1];
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) => {
    if (!Array.isArray(entry)) return [];
    const [id, words] = entry as [unknown, unknown];
    const match = /^(\d{1,15})-0$/.exec(String(id));
    if (!match) return [];
    const texts = textsOf(words);
    const fields = new Map<string, string>();
    for (let at = 0; at + 1 < texts.length; at += 2) fields.set(texts[at] ?? "", texts[at + 1] ?? "");
    const at = Number(fields.get("t"));
    return [
      {
        number: Number(match[1]),
        address: fields.get("a"),
        content: fields.get("c"),
        epoch: fields.get("e"),
        at: Number.isFinite(at) ? at : 0,
      },
    ];
  });
}
