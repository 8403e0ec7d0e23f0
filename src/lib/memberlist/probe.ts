/**
 * Failure detection: each interval one member, in a shuffled round that is reshuffled when it is through. A ping by datagram;
 * without an ack in time, indirect pings through others and a ping on a stream; without any answer by the end of the interval
 * the member is suspected. A suspected member is told so with the ping (Lifeguard's buddy system). The interval stretches with
 * this node's own ill health, and a timer that fires late is given a second chance, since the ack may wait unread.
 */
import type { Acks } from "./acks.ts";
import type { Awareness } from "./awareness.ts";
import { type Clock, type Random, sample, shuffled } from "./clock.ts";
import type { Counters } from "./counters.ts";
import type { Courier } from "./courier.ts";
import type { Ping } from "./messages.ts";
import type { Member, Roster } from "./roster.ts";
import type { StreamMessage } from "./stream.ts";
import type { Timing } from "./timing.ts";

const STREAM_PING_PROTOCOL = 3;
const NACK_PROTOCOL = 4;

/** What a prober is made of. */
export interface ProberOptions {
  readonly roster: Roster;
  readonly courier: Courier;
  readonly acks: Acks;
  readonly awareness: Awareness;
  readonly timing: Timing;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  /** Dials a member, sends the message and hands over the answer, or undefined. */
  ask(
    member: Member,
    message: StreamMessage,
    timeoutMs: number,
    done: (answer: StreamMessage | undefined) => void,
  ): void;
}

interface Probe {
  readonly target: Member;
  readonly sequence: number;
  deadlineMs: number;
  nacksExpected: number;
  nacks: number;
  streamAnswered: boolean;
  cancel: () => void;
}

/** Probes the members of one node's roster. */
export class Prober {
  readonly #options: ProberOptions;
  #round: string[] = [];
  #current: Probe | undefined;
  #cancelTick: () => void = () => undefined;

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /** Starts probing, at a random moment within the first interval so that nodes do not march in step. */
  start(): void {
    const { clock, random, timing } = this.#options;
    this.#cancelTick = clock.schedule(random() * timing.probeIntervalMs, () => this.#tick());
  }

  /** Stops probing and drops the probe in flight. */
  stop(): void {
    this.#cancelTick();
    this.#drop();
  }

  #tick(): void {
    const { clock, timing } = this.#options;
    this.#cancelTick = clock.schedule(timing.probeIntervalMs, () => this.#tick());
    // A probe that is still running has a stretched interval, because this node is unwell.
    if (this.#current !== undefined) return;
    const target = this.#nextTarget();
    if (target !== undefined) this.#probe(target);
  }

  #nextTarget(): Member | undefined {
    const { roster, random } = this.#options;
    for (let rounds = 0; rounds < 2; rounds++) {
      for (let name = this.#round.pop(); name !== undefined; name = this.#round.pop()) {
        const member = roster.find(name);
        if (member?.state === "alive" || member?.state === "suspect") return member;
      }
      roster.forget();
      this.#round = shuffled(
        random,
        roster.others(({ state }) => state === "alive" || state === "suspect").map(({ name }) => name),
      );
    }
    return undefined;
  }

  /** A member that joined in the middle of a round takes a random place in it. */
  include(name: string): void {
    const place = Math.floor(this.#options.random() * (this.#round.length + 1));
    this.#round.splice(place, 0, name);
  }

  #probe(target: Member): void {
    const { acks, awareness, clock, courier, counters, roster, timing } = this.#options;
    counters.probes++;
    const intervalMs = awareness.scale(timing.probeIntervalMs);
    const sequence = acks.expect({ ack: () => this.#succeed(probe), nack: () => probe.nacks++ });
    const probe: Probe = {
      target,
      sequence,
      deadlineMs: clock.monotonicMs() + intervalMs,
      nacksExpected: 0,
      nacks: 0,
      streamAnswered: false,
      cancel: () => undefined,
    };
    this.#current = probe;
    const { name: node, incarnation } = target;
    const ping = this.#ping(probe);
    const accusation = { kind: "suspect", incarnation, node, from: roster.self.name } as const;
    courier.send(
      { host: target.address, port: target.port },
      target,
      target.state === "alive" ? [ping] : [ping, accusation],
    );
    this.#wait(probe, timing.probeTimeoutMs, () => this.#askOthers(probe));
  }

  #askOthers(probe: Probe): void {
    const { clock, courier, random, roster, timing } = this.#options;
    const { target } = probe;
    const helpers = roster.others((member) => member.state === "alive" && member.name !== target.name);
    for (const helper of sample(random, helpers, timing.indirectProbes)) {
      const nack = helper.versions.protocolMax >= NACK_PROTOCOL;
      if (nack) probe.nacksExpected++;
      const { sequence, node, sourceHost, sourcePort, sourceNode } = this.#ping(probe);
      courier.send({ host: helper.address, port: helper.port }, helper, [
        {
          kind: "indirect-ping",
          sequence,
          targetHost: target.address,
          targetPort: target.port,
          node,
          nack,
          sourceHost,
          sourcePort,
          sourceNode,
        },
      ]);
    }
    const leftMs = Math.max(1, probe.deadlineMs - clock.monotonicMs());
    if (target.versions.protocolMax >= STREAM_PING_PROTOCOL) {
      this.#options.ask(target, this.#ping(probe), leftMs, (answer) => {
        if (answer?.kind === "ack" && answer.sequence === probe.sequence) probe.streamAnswered = true;
      });
    }
    this.#wait(probe, leftMs, () => this.#judge(probe));
  }

  #judge(probe: Probe): void {
    const { awareness, counters, roster } = this.#options;
    const { name: node, incarnation } = probe.target;
    this.#drop();
    if (probe.streamAnswered) {
      awareness.apply(-1);
      counters.probesStreamOnly++;
      return;
    }
    counters.probesFailed++;
    // Helpers that do not even say "no answer" point at us rather than at the target.
    awareness.apply(probe.nacksExpected > 0 ? Math.max(0, probe.nacksExpected - probe.nacks) : 1);
    roster.suspect({ kind: "suspect", incarnation, node, from: roster.self.name });
  }

  #succeed(probe: Probe): void {
    if (this.#current !== probe) return;
    this.#options.awareness.apply(-1);
    this.#drop();
  }

  #drop(): void {
    if (this.#current === undefined) return;
    this.#current.cancel();
    this.#options.acks.forget(this.#current.sequence);
    this.#current = undefined;
  }

  #wait(probe: Probe, delayMs: number, next: () => void): void {
    const { awareness, clock, timing } = this.#options;
    const dueMs = clock.monotonicMs() + delayMs;
    probe.cancel = clock.schedule(delayMs, () => {
      const lateMs = clock.monotonicMs() - dueMs;
      if (lateMs <= timing.probeTimeoutMs / 2) {
        next();
        return;
      }
      // This process was asleep or busy: the answers may have come and wait to be read.
      awareness.apply(1);
      probe.deadlineMs += lateMs + timing.probeTimeoutMs;
      probe.cancel = clock.schedule(timing.probeTimeoutMs, next);
    });
  }

  #ping(probe: Probe): Ping {
    const self = this.#options.roster.self;
    return {
      kind: "ping",
      sequence: probe.sequence,
      node: probe.target.name,
      sourceHost: self.address,
      sourcePort: self.port,
      sourceNode: self.name,
    };
  }
}
