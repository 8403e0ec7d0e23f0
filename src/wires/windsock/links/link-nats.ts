/**
 * The link over NATS. With JetStream, publications are the messages of one stream, whose sequence is the order of all nodes;
 * what a node missed it reads from there, also after a restart. Without it they go by plain subjects, numbered by each
 * node, and the rules of the mesh ask for what is missing. Presence and orders to end always go the latter way.
 */
import {
  type ConsumerMessages,
  DeliverPolicy,
  DiscardPolicy,
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";

import { sleep } from "../../../kit/clock.ts";
import { Fault, reasonOf } from "../../../kit/fault.ts";
import type { Envelope } from "../publication.ts";
import { usualEntryBounds } from "./entry-log.ts";
import { Mesh, usualTimes } from "./mesh.ts";
import type { ServerLinkParts } from "./link-parts.ts";
import type { NodeLink } from "./node-link.ts";
import { type Batch, Outbox } from "./outbox.ts";
import { type LogStanding, SharedOrder } from "./shared-order.ts";
import { answered, keepUp } from "./upkeep.ts";

/** What the link stands on. */
export interface NatsLinkParts extends ServerLinkParts {
  /** Such as `nats://user:password@nats:4222`. */
  servers: readonly string[];
  /** Whether JetStream keeps the publications. */
  usesStream: boolean;
  /** For how long (ms) a stream that does not exist yet is made to keep them. */
  keepMs: number;
}

const answerMs = 3000;
/** A farewell gets so long to leave. */
const farewellMs = 500;
/** What was published before is read within this time, or while one works already. */
const fillMs = 5000;
/** The stream is looked at this often, for one that was replaced behind our back. */
const lookEveryMs = 2000;
const streamNotFound = 10_059;
const usualPayloadBytes = 1024 * 1024;
/** What stands around content in a message between nodes. */
const marginBytes = 2048;

/** Opens the link. Resolves when NATS was reached and read, or after five seconds without that: it is tried on. */
export async function openNatsLink(parts: NatsLinkParts): Promise<NodeLink> {
  const { clock, hub, log, prefix, usesStream } = parts;
  const order = new SharedOrder(hub, parts.keep);
  const outbox = new Outbox(clock, parts.patienceMs);
  const run = crypto.randomUUID();
  const subjects = { log: `${prefix}.log`, nodes: `${prefix}.nodes` };
  let connection: NatsConnection | undefined;
  let maxPayloadBytes = usualPayloadBytes;

  const mesh = new Mesh({
    hub,
    clock,
    id: parts.nodeId,
    run,
    times: parts.times ?? usualTimes,
    bounds: usualEntryBounds,
    revocations: parts.revocations,
    carriesPublications: !usesStream,
    // Everybody hears everything; what is for one node says so itself. What is lost is asked for.
    send: (_to, text) => {
      try {
        connection?.publish(subjects.nodes, text);
        return connection !== undefined;
      } catch (thrown) {
        log.debug("A message to other nodes was not taken by NATS", { reason: reasonOf(thrown) });
        return false;
      }
    },
  });

  const standing = async (manager: JetStreamManager): Promise<LogStanding> => {
    const { created, state } = await streamOf(manager, parts, subjects.log);
    const epoch = new Bun.CryptoHasher("sha256").update(`${prefix} ${created}`).digest("hex").slice(0, 16);
    // The first of an empty stream is named 0 by some versions.
    return { epoch, newest: state.last_seq, oldest: state.messages === 0 ? state.last_seq + 1 : state.first_seq };
  };
  const write = async (to: NatsConnection, { envelopes, number }: Batch): Promise<void> => {
    const stream = jetstream(to, { timeout: answerMs });
    await Promise.all(
      envelopes.map((envelope, index) =>
        stream.publish(subjects.log, writeEnvelope(envelope), {
          msgID: `${run} ${number} ${index}`,
          timeout: answerMs,
        }),
      ),
    );
  };

  const carry = (envelope: Envelope): Promise<void> => {
    if (Buffer.byteLength(writeEnvelope(envelope)) > maxPayloadBytes - marginBytes) {
      const reason = `NATS takes messages of at most ${maxPayloadBytes} bytes`;
      return Promise.reject(new Fault("too-large", "windsock/too-large", `Cannot publish: ${reason}`));
    }
    return usesStream ? outbox.add(envelope) : mesh.carry(envelope);
  };

  const liveByStream = async (to: NatsConnection, signal: AbortSignal, stands: () => void): Promise<void> => {
    const manager = await jetstreamManager(to, { timeout: answerMs });
    const { newest, ...rest } = await standing(manager);
    signal.throwIfAborted();
    const from = order.begin({ newest, ...rest });
    const consumer = await jetstream(to, { timeout: answerMs }).consumers.get(prefix, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from,
    });
    let tellFilled: () => void = () => undefined;
    const isFilled = new Promise<void>((resolve) => (tellFilled = resolve));
    if (order.has(newest)) tellFilled();
    const messages: ConsumerMessages = await consumer.consume({
      max_messages: 1000,
      callback: (message) => {
        if (signal.aborted) return;
        const envelope = readEnvelope(message.string());
        if (envelope) order.take(message.seq, envelope, Math.min(message.time.getTime(), clock.now()));
        else order.skip(message.seq);
        if (order.has(newest)) tellFilled();
      },
    });
    try {
      await Promise.race([isFilled, sleep(clock, fillMs, signal)]);
      stands();
      const looking = async () => {
        while (!signal.aborted) {
          await sleep(clock, lookEveryMs, signal);
          if (signal.aborted) return;
          const found = await standing(manager);
          if (signal.aborted) return;
          if (found.epoch !== order.epoch) throw new Error("another stream took the place of ours");
          // What was removed from the middle never comes; it would be waited for until the next message.
          if (found.oldest > order.next) order.begin(found);
        }
      };
      const writing = async () => {
        for (let batch = await outbox.next(signal); batch; batch = await outbox.next(signal)) {
          await write(to, batch);
          outbox.done(batch);
        }
      };
      await Promise.race([looking(), writing()]);
    } finally {
      messages.stop();
    }
  };
  const live = async (ending: AbortController, stands: () => void): Promise<void> => {
    // Coming back is our own affair, so that nothing is read on a way that changed unseen.
    const to = await connect({
      servers: [...parts.servers],
      reconnect: false,
      timeout: answerMs,
      pingInterval: 5000,
      maxPingOut: 2,
    });
    void to.closed().then(() => ending.abort());
    maxPayloadBytes = to.info?.max_payload ?? usualPayloadBytes;
    try {
      const ears = to.subscribe(subjects.nodes, {
        callback: (error, message) => {
          if (!error) mesh.hear(message.string());
        },
      });
      await answered(clock, answerMs, "the first ping", to.flush());
      ending.signal.throwIfAborted();
      connection = to;
      mesh.met();
      log.info("NATS carries messages between nodes", { server: to.getServer() });
      if (usesStream) await liveByStream(to, ending.signal, stands);
      else {
        stands();
        await new Promise<void>((resolve) => ending.signal.addEventListener("abort", () => resolve(), { once: true }));
      }
      ears.unsubscribe();
    } finally {
      if (connection === to) connection = undefined;
      ending.abort();
      await to.close();
    }
  };
  const upkeep = keepUp({ clock, log, name: "NATS", live });
  await upkeep.begun;

  return {
    kind: "nats",
    carrier: { carry },
    state() {
      const { failure } = upkeep;
      return { isUp: connection !== undefined && failure === undefined, failure, nodes: mesh.nodes() };
    },
    async stop() {
      mesh.stop();
      outbox.close();
      if (connection) {
        await answered(clock, farewellMs, "the farewell", connection.flush()).catch((thrown: unknown) =>
          log.debug("The farewell did not leave", { reason: reasonOf(thrown) }),
        );
      }
      await upkeep.stop();
    },
  };
}

/** The stream, made where there is none. */
async function streamOf(manager: JetStreamManager, { keep, keepMs, prefix }: NatsLinkParts, subject: string) {
  try {
    return await manager.streams.info(prefix);
  } catch (thrown) {
    if (!(thrown instanceof JetStreamApiError) || thrown.code !== streamNotFound) throw thrown;
    return manager.streams.add({
      name: prefix,
      subjects: [subject],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      max_msgs: keep,
      max_age: keepMs * 1_000_000,
    });
  }
}

function writeEnvelope({ address, content }: Envelope): string {
  return JSON.stringify([address, content]);
}

/** Reads a message of the stream; undefined for anything else. */
export function readEnvelope(text: string): Envelope | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof RangeError) return undefined;
    throw thrown;
  }
  if (!Array.isArray(raw) || raw.length !== 2) return undefined;
  const [address, content]: unknown[] = raw;
  return typeof address === "string" && typeof content === "string" ? { address, content } : undefined;
}
