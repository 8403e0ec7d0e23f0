/**
 * The broker's ZeroMQ sockets on top of the hub: REP takes publications and answers each, PULL and SUB take them without
 * an answer, PUB tells everything that has its place in the order, in two frames, address and content.
 */
import type { Clock } from "../../kit/clock.ts";
import { reasonOf, toFault } from "../../kit/fault.ts";
import type { Logger } from "../../kit/log.ts";
import type { Random } from "../../kit/random.ts";
import type { SocketOptions } from "../../lib/zmtp/options.ts";
import type { Peer } from "../../lib/zmtp/peer.ts";
import { Puller } from "../../lib/zmtp/pipeline.ts";
import { Publisher } from "../../lib/zmtp/publish.ts";
import { Replier } from "../../lib/zmtp/request.ts";
import { bindFault } from "./bind-fault.ts";
import { type Collector, openCollector } from "./collector.ts";
import { parseEnvelope, publishedReply, refusedReply } from "./envelope-frame.ts";
import { maxAddressBytes, type OrderedHub } from "./hub-ordered.ts";
import type { Seat } from "./hub.ts";
import { sizeOf } from "./publication-log.ts";
import type { Envelope } from "./publication.ts";
import { SparseLog } from "./sparse-log.ts";
import { type SecurityOptions, securityOf } from "./zeromq-security.ts";

/** What the broker is told. */
export interface BrokerSettings extends SecurityOptions {
  repSocket: readonly string[];
  pubSocket: readonly string[];
  pullSocket: readonly string[];
  collectFrom: readonly string[];
  maxMessageBytes: number;
  peers: number;
  peersPerAddress: number;
}

/** What the broker stands on. */
export interface BrokerParts {
  settings: BrokerSettings;
  hub: OrderedHub;
  clock: Clock;
  random: Random;
  log: Logger;
}

/** A broker that runs. */
export interface Broker {
  /** Publishers of `collectFrom` to which there is no line now. */
  readonly away: readonly string[];
  /** Where it really listens. */
  readonly addresses: readonly { purpose: "rep" | "pub" | "pull"; address: string }[];
  readonly counts: {
    /** Publications that came by ZeroMQ and got their place. */
    readonly messages: number;
    /** Requests, or messages of PULL and SUB, that were no right envelope. */
    readonly refused: number;
    /** Messages that a subscriber who reads too slowly did not get. */
    readonly dropped: number;
    readonly requesters: number;
    readonly subscribers: number;
  };
  close(): void;
}

/** Publications of PULL and SUB that may wait for the disk before no more are read; reading goes on at half of it. */
const waitingMax = 20_000;
const waitingBytesMax = 32 << 20;

/** Opens the sockets. Fault `windsock/bind` (unavailable) when one cannot listen; nothing is then left open. */
export function openBroker(parts: BrokerParts): Broker {
  const { clock, hub, log, random, settings } = parts;
  const counts = { messages: 0, refused: 0 };
  const refusals = new SparseLog(log, clock);
  const addresses: { purpose: "rep" | "pub" | "pull"; address: string }[] = [];
  const socketOptions = (role: "server" | "client"): SocketOptions => ({
    clock,
    random,
    security: securityOf(settings, role),
    // Escapes make JSON longer than what it stands for.
    maxMessageBytes: settings.maxMessageBytes * 2 + maxAddressBytes * 6,
    maxPeers: settings.peers,
    maxPeersPerAddress: settings.peersPerAddress,
    heartbeatMs: 15_000,
    onTrouble: (endpoint, error) => log.debug("A ZeroMQ peer failed", { endpoint, reason: error.message }),
  });
  const refuse = (reason: string): Buffer => {
    counts.refused++;
    refusals.warn("A publication was refused", { reason });
    return refusedReply(reason);
  };
  const reasonFor = (thrown: unknown): string => {
    if (thrown instanceof SyntaxError) return thrown.message;
    const fault = toFault(thrown);
    if (fault.kind === "internal") log.error("A publication failed", { reason: reasonOf(thrown) });
    return fault.message;
  };

  const closers: (() => void)[] = [];
  const close = () => {
    for (const end of closers.splice(0).reverse()) end();
  };
  const bindAll = (
    purpose: "rep" | "pub" | "pull",
    endpoints: readonly string[],
    socket: { bind(endpoint: string): string; close(): void },
  ) => {
    closers.push(() => socket.close());
    for (const endpoint of endpoints) {
      try {
        addresses.push({ purpose, address: socket.bind(endpoint) });
      } catch (thrown) {
        close();
        throw bindFault(endpoint, "ZeroMQ", `${purpose}_socket`, thrown);
      }
    }
  };

  const publish = async (envelope: Envelope): Promise<void> => {
    await hub.publish(envelope);
    counts.messages++;
  };
  const answerAll = async (frames: readonly Buffer[]): Promise<Buffer> => {
    if (frames.length === 0) return refuse("the request is empty");
    // Read before the first wait, for the frames are valid only until then. Several are several publications.
    let envelopes: Envelope[];
    try {
      envelopes = frames.map(parseEnvelope);
    } catch (thrown) {
      return refuse(reasonFor(thrown));
    }
    try {
      await Promise.all(envelopes.map(publish));
      return publishedReply;
    } catch (thrown) {
      return refuse(reasonFor(thrown));
    }
  };

  let waiting = 0;
  let waitingBytes = 0;
  const isFull = (share: number) => waiting > waitingMax * share || waitingBytes > waitingBytesMax * share;
  const held = new Set<Peer>();
  const take = (frames: readonly Buffer[], peer?: Peer) => {
    let envelope: Envelope;
    try {
      const [first, second, more] = frames;
      if (more || !first) throw new SyntaxError("wanted two frames, address and content");
      envelope = second ? { address: first.toString(), content: second.toString() } : parseEnvelope(first);
    } catch (thrown) {
      refuse(reasonFor(thrown));
      return;
    }
    if (isFull(1)) {
      // What a PUB elsewhere tells cannot be left with it: it would be lost there as well.
      if (!peer) {
        refuse("too many publications wait already");
        return;
      }
      held.add(peer);
      peer.hold(true);
    }
    const sizeBytes = sizeOf(envelope);
    waiting++;
    waitingBytes += sizeBytes;
    publish(envelope)
      .catch((thrown: unknown) => refuse(reasonFor(thrown)))
      .finally(() => {
        waiting--;
        waitingBytes -= sizeBytes;
        if (held.size === 0 || isFull(0.5)) return;
        for (const one of held) one.hold(false);
        held.clear();
      });
  };

  const pub = settings.pubSocket.length > 0 ? new Publisher(socketOptions("server")) : undefined;
  let seat: Seat | undefined;
  if (pub) {
    bindAll("pub", settings.pubSocket, pub);
    ({ seat } = hub.sit([{ kind: "prefix", prefix: "" }], {
      // Figures of an address count them whatever they subscribed to, and nobody where there is none.
      get clients() {
        return pub.peers;
      },
      hear({ address, content }) {
        if (pub.peers > 0) pub.send([Buffer.from(address), Buffer.from(content)]);
      },
      // There is no word for it in two frames.
      gap: () => undefined,
    }));
    closers.push(() => seat?.leave());
  }
  const pull = settings.pullSocket.length > 0 ? new Puller({ ...socketOptions("server"), onMessage: take }) : undefined;
  if (pull) bindAll("pull", settings.pullSocket, pull);
  let collector: Collector | undefined;
  if (settings.collectFrom.length > 0) {
    const { collectFrom: endpoints } = settings;
    const socket = socketOptions("client");
    // The seat of PUB has no client of its own.
    const isHeard = () => hub.figures.listeners > (seat ? 1 : 0);
    const lines = openCollector({ endpoints, socket, hub, clock, log, take, isHeard });
    collector = lines;
    closers.push(() => lines.close());
  }
  const rep =
    settings.repSocket.length > 0
      ? new Replier({ ...socketOptions("server"), answer: async (question) => [await answerAll(question)] })
      : undefined;
  // Last, so that nobody publishes before all can hear.
  if (rep) bindAll("rep", settings.repSocket, rep);

  return {
    addresses,
    get away() {
      return collector?.away ?? [];
    },
    counts: {
      get messages() {
        return counts.messages;
      },
      get refused() {
        return counts.refused + (rep?.malformed ?? 0);
      },
      get dropped() {
        return pub?.dropped ?? 0;
      },
      get requesters() {
        return rep?.peers ?? 0;
      },
      get subscribers() {
        return pub?.peers ?? 0;
      },
    },
    close,
  };
}
