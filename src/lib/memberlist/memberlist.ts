/**
 * The public face: one node of a gossip cluster. It wires roster, prober, courier, exchange and rejoiner to a transport, turns
 * incoming bytes into calls on them and their effects into events. No rule lives here. Everything runs in one thread and
 * between two callbacks the state is consistent; listeners are called last, so they may call back in.
 */
import { lookup } from "node:dns/promises";
import { Acks } from "./acks.ts";
import type { Address } from "./address.ts";
import { Answerer } from "./answer.ts";
import { Awareness } from "./awareness.ts";
import { BroadcastQueue } from "./broadcast-queue.ts";
import { type Clock, machineClock, type Random, repeat, sample } from "./clock.ts";
import { createCounters } from "./counters.ts";
import { Courier } from "./courier.ts";
import { Exchange } from "./exchange.ts";
import type { Keyring } from "./keyring.ts";
import { Listeners } from "./listeners.ts";
import { META_BYTES_MAX, NAME_BYTES_MAX, USER_BYTES_MAX, USER_PACKET_BYTES_MAX } from "./limits.ts";
import { type Dead, encodeMessage, type Message, type Suspect, type Versions } from "./messages.ts";
import { decodePacket } from "./packet.ts";
import type { MemberlistEvents, MemberlistHealth, MemberlistOptions } from "./options.ts";
import { Prober } from "./probe.ts";
import { ProtocolError } from "./protocol-error.ts";
import { Rejoiner } from "./rejoin.ts";
import { type Member, type MemberChange, Roster } from "./roster.ts";
import type { PushPull, StreamMessage } from "./stream.ts";
import { pushPullDelayMs, type Timing, timings } from "./timing.ts";
import type { Stream, Transport } from "./transport.ts";
import { SocketTransport } from "./transport-socket.ts";
import { createWire, type Wire } from "./wire.ts";

const PROTOCOL = { protocolMin: 1, protocolMax: 5, protocolCurrent: 2 } as const;

/** Makes a node that is not started yet. Throws a RangeError or SyntaxError for options out of bounds. */
export function createMemberlist(options: MemberlistOptions): Memberlist {
  return new Memberlist(options);
}

/** One node of a gossip cluster. */
export class Memberlist {
  readonly #options: MemberlistOptions;
  readonly #timing: Timing;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #wire: Wire;
  readonly #transport: Transport;
  readonly #counters = createCounters();
  readonly #queue = new BroadcastQueue();
  readonly #acks = new Acks();
  readonly #awareness: Awareness;
  readonly #roster: Roster;
  readonly #courier: Courier;
  readonly #answerer: Answerer;
  readonly #exchange: Exchange;
  readonly #prober: Prober;
  readonly #rejoiner: Rejoiner;
  readonly #listeners = new Listeners<MemberlistEvents>();
  #address: Address = { host: "", port: 0 };
  #meta: Uint8Array;
  #state: "new" | "running" | "leaving" | "stopped" = "new";
  #cancelPushPull: () => void = () => undefined;

  constructor(options: MemberlistOptions) {
    const nameBytes = encodedLength(options.name);
    if (nameBytes < 1 || nameBytes > NAME_BYTES_MAX) {
      throw new RangeError(`Cannot use member name of ${nameBytes} bytes: must be from 1 to ${NAME_BYTES_MAX}`);
    }
    this.#options = options;
    const profile = options.timing ?? "lan";
    const timing = typeof profile === "string" ? timings[profile] : profile;
    const clock = options.clock ?? machineClock;
    const random = options.random ?? Math.random;
    const wire = createWire(options);
    const transport = options.transport ?? new SocketTransport(options.listen ?? {});
    const counters = this.#counters;
    const queue = this.#queue;
    const acks = this.#acks;
    const awareness = new Awareness(timing.healthScores);
    this.#meta = checkedMeta(options.meta ?? new Uint8Array(0));
    this.#timing = timing;
    this.#clock = clock;
    this.#random = random;
    this.#wire = wire;
    this.#transport = transport;
    this.#awareness = awareness;
    const roster = new Roster({
      name: options.name,
      versions: versionsOf(options),
      timing,
      clock,
      effects: {
        broadcast: (message, done) => this.#gossip(message, done),
        changed: (change, member) => this.#changed(change, member),
        conflict: (conflict) => this.#listeners.emit("conflict", conflict),
        refuted: () => {
          counters.refutations++;
          awareness.apply(1);
        },
        accepts: (member) => options.accepts?.(member) ?? true,
      },
    });
    this.#roster = roster;
    const courier = new Courier({ wire, transport, queue, roster, timing, clock, random, counters });
    this.#courier = courier;
    this.#answerer = new Answerer({ roster, courier, acks, timing, clock });
    const exchange = new Exchange({ wire, transport, clock, counters });
    this.#exchange = exchange;
    this.#prober = new Prober({
      roster,
      courier,
      acks,
      awareness,
      timing,
      clock,
      random,
      counters,
      ask: (member, message, timeoutMs, done) =>
        exchange.ask(addressOf(member), message, timeoutMs, (outcome) =>
          done(outcome.kind === "answered" ? outcome.answer : undefined),
        ),
    });
    this.#rejoiner = new Rejoiner({
      seeds: options.seeds ?? [],
      roster,
      timing,
      clock,
      random,
      resolve: options.resolve ?? resolveHost,
      exchange: (to, join) => this.#pushPull(to, join),
    });
  }

  /** This node as the others see it; its address is known once it has started. */
  get self(): Member {
    return this.#roster.self;
  }

  /** The keys; add, use and remove take effect at once. */
  get keyring(): Keyring {
    return this.#wire.keyring;
  }

  /** Turns the two switches for introducing encryption into a running cluster. */
  setVerification(switches: { readonly incoming?: boolean; readonly outgoing?: boolean }): void {
    this.#wire.verifyIncoming = switches.incoming ?? this.#wire.verifyIncoming;
    this.#wire.verifyOutgoing = switches.outgoing ?? this.#wire.verifyOutgoing;
  }

  /** Listens, announces this node and starts to look for its seeds. Rejects if the address cannot be bound; may be called once. */
  async start(): Promise<void> {
    if (this.#state !== "new") throw new TypeError("Cannot start memberlist: it was started before");
    this.#state = "running";
    this.#address = await this.#transport.start({
      packet: (bytes, from) => this.#packet(bytes, from),
      stream: (stream) => this.#stream(stream),
    });
    this.#roster.announce(this.#address, this.#meta);
    this.#prober.start();
    this.#rejoiner.start();
    this.#cancelPushPull = repeat(
      this.#clock,
      () => pushPullDelayMs(this.#timing, this.#roster.count) * (0.75 + 0.5 * this.#random()),
      () => this.#pushPullSomeone(),
    );
  }

  /**
   * Exchanges full state with each address (`host:port`; a host name counts with all its addresses). Resolves to how many nodes
   * answered or were members already, 0 if nobody did; rejects with a SyntaxError for a malformed address.
   */
  async join(addresses: readonly string[]): Promise<number> {
    this.#mustRun();
    return await this.#rejoiner.join(addresses);
  }

  /** Tells the others that this node leaves. Resolves to whether that was told often enough within `timeoutMs`; then stop. */
  async leave(timeoutMs: number): Promise<boolean> {
    this.#mustRun();
    this.#state = "leaving";
    this.#prober.stop();
    this.#rejoiner.stop();
    this.#cancelPushPull();
    const alone = this.#roster.others(isAlive).length === 0;
    return await new Promise((resolve) => {
      const cancel = this.#clock.schedule(timeoutMs, () => resolve(false));
      this.#roster.depart(() => {
        cancel();
        resolve(true);
      });
      if (alone) {
        cancel();
        resolve(true);
      }
    });
  }

  /** Closes everything without a farewell; others will find out. May be called again. */
  async stop(): Promise<void> {
    if (this.#state === "stopped") return;
    this.#state = "stopped";
    this.#prober.stop();
    this.#rejoiner.stop();
    this.#cancelPushPull();
    this.#answerer.stop();
    this.#courier.stop();
    this.#roster.stop();
    this.#exchange.stop();
    await this.#transport.stop();
  }

  /** All members that are known, this one and dead, departed and merely remembered ones included. */
  members(): Member[] {
    return this.#roster.members();
  }

  /** Changes this node's metadata and tells the others. Throws a RangeError above 512 bytes. */
  updateMeta(meta: Uint8Array): void {
    this.#meta = checkedMeta(meta);
    if (this.#state === "running") this.#roster.announce(this.#address, this.#meta);
  }

  /**
   * Sends bytes to the application on another node. Best effort is one datagram of at most 60,000 bytes (fragmented above some
   * 1,300) and resolves when it is handed to the system; reliable is a stream of at most 16 MiB and resolves when the other side
   * has closed it after reading. Rejects with a RangeError, or with an Error if it could not be sent.
   */
  async sendTo(
    to: Pick<Member, "address" | "port">,
    bytes: Uint8Array,
    how: { reliable?: boolean } = {},
  ): Promise<void> {
    this.#mustRun();
    const maxBytes = how.reliable === true ? USER_BYTES_MAX : USER_PACKET_BYTES_MAX;
    if (bytes.length > maxBytes) throw new RangeError(`Cannot send ${bytes.length} bytes: at most ${maxBytes}`);
    const message = { kind: "user", payload: bytes } as const;
    const target = addressOf(to);
    if (how.reliable !== true) {
      const [member] = this.#roster.others(({ address, port }) => address === to.address && port === to.port);
      if (!this.#courier.sendAlone(target, member, message))
        throw new Error("Cannot send: the system refused the datagram");
      return;
    }
    await new Promise<void>((resolve, reject) => {
      this.#exchange.ask(target, message, this.#timing.streamTimeoutMs, (outcome) => {
        if (outcome.kind === "closed") resolve();
        else if (outcome.kind === "failed") reject(outcome.error);
        else if (outcome.answer.kind === "error")
          reject(new Error(`Cannot send: peer says "${outcome.answer.message}"`));
        else reject(new ProtocolError("Cannot send: peer answered something else"));
      });
    });
  }

  /** Sends bytes once to every alive member, each as one best-effort datagram. Returns to how many. */
  broadcast(bytes: Uint8Array): number {
    this.#mustRun();
    if (bytes.length > USER_PACKET_BYTES_MAX) {
      throw new RangeError(`Cannot broadcast ${bytes.length} bytes: at most ${USER_PACKET_BYTES_MAX}`);
    }
    const targets = this.#roster.others(isAlive);
    for (const member of targets) this.#courier.sendAlone(addressOf(member), member, { kind: "user", payload: bytes });
    return targets.length;
  }

  /** How well this node is, and its totals since it was made. */
  health(): MemberlistHealth {
    const members = { alive: 0, suspect: 0, dead: 0, left: 0 };
    for (const { state } of this.#roster.members()) members[state]++;
    return { ...this.#counters, score: this.#awareness.score, members, broadcastsQueued: this.#queue.size };
  }

  /** Calls `listener` at each such event. The returned function ends that. */
  on<Name extends keyof MemberlistEvents>(name: Name, listener: (event: MemberlistEvents[Name]) => void): () => void {
    return this.#listeners.on(name, listener);
  }

  #packet(bytes: Uint8Array, from: Address): void {
    if (this.#state === "stopped") return;
    this.#counters.packetsIn++;
    this.#counters.packetBytesIn += bytes.length;
    try {
      const { messages, dropped } = decodePacket(this.#wire, bytes);
      this.#counters.packetsRefused += dropped;
      for (const message of messages) this.#message(message, from);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#counters.packetsRefused++;
    }
  }

  #message(message: Message, from: Address): void {
    switch (message.kind) {
      case "ping":
        return this.#answerer.ping(message, from);
      case "indirect-ping":
        return this.#answerer.indirectPing(message, from);
      case "ack":
        return this.#acks.ack(message.sequence);
      case "nack":
        return this.#acks.nack(message.sequence);
      case "alive":
        return this.#roster.alive(message);
      case "suspect":
        this.#object(message, from);
        return this.#roster.suspect(message);
      case "dead":
        this.#object(message, from);
        return this.#roster.dead(message);
      case "user":
        return this.#listeners.emit("message", { payload: message.payload, from, reliable: false });
    }
  }

  #object(message: Suspect | Dead, from: Address): void {
    const objection = this.#roster.objection(message);
    if (objection === undefined) return;
    // Only members are answered, so that a forged sender gains nothing.
    const [accuser] = this.#roster.others(({ address, port }) => address === from.host && port === from.port);
    if (accuser !== undefined) this.#courier.send(from, accuser, [objection]);
  }

  #stream(stream: Stream): void {
    if (this.#state === "stopped") {
      stream.destroy();
      return;
    }
    this.#exchange.serve(stream, this.#timing.streamTimeoutMs, (message) => this.#answer(message, stream.remote));
  }

  #answer(message: StreamMessage, from: Address): StreamMessage | undefined {
    switch (message.kind) {
      case "ping":
        return this.#answerer.ackFor(message);
      case "push-pull":
        // Merging first lets the answer carry our objection if the sender believes us dead.
        this.#merge(message);
        return this.#localState(message.join);
      case "user":
        this.#listeners.emit("message", { payload: message.payload, from, reliable: true });
        return undefined;
      default:
        return undefined;
    }
  }

  #pushPullSomeone(): void {
    const [member] = sample(this.#random, this.#roster.others(isAlive), 1);
    if (member !== undefined) void this.#pushPull(addressOf(member), false);
  }

  #pushPull(to: Address, join: boolean): Promise<boolean> {
    return new Promise((resolve) => {
      this.#exchange.ask(to, this.#localState(join), this.#timing.streamTimeoutMs, (outcome) => {
        const answered = outcome.kind === "answered" && outcome.answer.kind === "push-pull";
        if (answered && outcome.answer.kind === "push-pull" && this.#state !== "stopped") {
          this.#merge({ ...outcome.answer, join });
        }
        resolve(answered);
      });
    });
  }

  #localState(join: boolean): PushPull {
    const userState = this.#options.localState?.(join) ?? new Uint8Array(0);
    return { kind: "push-pull", join, reports: this.#roster.reports(), userState };
  }

  #merge(remote: PushPull): void {
    this.#roster.merge(remote.reports);
    if (remote.userState.length > 0) this.#options.mergeState?.(remote.userState, remote.join);
  }

  #gossip(message: Message & { readonly node: string }, done?: () => void): void {
    const bytes = encodeMessage(message);
    this.#queue.add({ subject: message.node, bytes, toSubject: message.kind !== "alive", done });
    this.#courier.wake();
  }

  #changed(change: MemberChange, member: Member): void {
    if (change === "join") this.#prober.include(member.name);
    this.#listeners.emit(change, member);
  }

  #mustRun(): void {
    if (this.#state !== "running") throw new TypeError(`Cannot use memberlist: it is ${this.#state}`);
  }
}

function addressOf(member: Pick<Member, "address" | "port">): Address {
  return { host: member.address, port: member.port };
}

function isAlive(member: Member): boolean {
  return member.state === "alive";
}

function versionsOf(options: MemberlistOptions): Versions {
  const {
    min: delegateMin,
    max: delegateMax,
    current: delegateCurrent,
  } = options.delegateVersion ?? {
    min: 0,
    max: 0,
    current: 0,
  };
  return { ...PROTOCOL, delegateMin, delegateMax, delegateCurrent };
}

function checkedMeta(meta: Uint8Array): Uint8Array {
  if (meta.length > META_BYTES_MAX) {
    throw new RangeError(`Cannot use metadata of ${meta.length} bytes: at most ${META_BYTES_MAX}`);
  }
  return meta.slice();
}

function encodedLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

async function resolveHost(host: string): Promise<readonly string[]> {
  const answers = await lookup(host, { all: true });
  return answers.map(({ address }) => address);
}
