/**
 * What this node does for others' failure detection: it answers pings, and pings third members on request, passing the ack
 * on or saying that none came. The requests in flight are bounded.
 */
import type { Acks } from "./acks.ts";
import type { Address } from "./address.ts";
import type { Clock } from "./clock.ts";
import type { Courier } from "./courier.ts";
import { RELAYS_MAX } from "./limits.ts";
import type { Ack, IndirectPing, Ping } from "./messages.ts";
import type { Roster } from "./roster.ts";
import type { Timing } from "./timing.ts";

/** What an answerer is made of. */
export interface AnswererOptions {
  readonly roster: Roster;
  readonly courier: Courier;
  readonly acks: Acks;
  readonly timing: Timing;
  readonly clock: Clock;
}

/** Answers pings and relays indirect ones. */
export class Answerer {
  readonly #options: AnswererOptions;
  readonly #relays = new Set<() => void>();

  constructor(options: AnswererOptions) {
    this.#options = options;
  }

  /** The answer to a ping, or undefined if it is meant for another name. */
  ackFor(ping: Ping): Ack | undefined {
    if (ping.node !== "" && ping.node !== this.#options.roster.self.name) return undefined;
    return { kind: "ack", sequence: ping.sequence, payload: new Uint8Array(0) };
  }

  /** Answers a ping that came as a datagram. */
  ping(ping: Ping, from: Address): void {
    const ack = this.ackFor(ping);
    if (ack !== undefined) this.#reply(ping, from, ack);
  }

  /** Pings a third member for somebody. */
  indirectPing(request: IndirectPing, from: Address): void {
    const { acks, clock, courier, roster, timing } = this.#options;
    if (request.targetHost === "" || request.targetPort === 0 || this.#relays.size >= RELAYS_MAX) return;
    const { sequence: asked } = request;
    const sequence = acks.expect({
      ack: () => {
        finish();
        this.#reply(request, from, { kind: "ack", sequence: asked, payload: new Uint8Array(0) });
      },
      nack: () => undefined,
    });
    const cancelTimer = clock.schedule(timing.probeTimeoutMs, () => {
      finish();
      if (request.nack) this.#reply(request, from, { kind: "nack", sequence: asked });
    });
    const finish = () => {
      cancelTimer();
      acks.forget(sequence);
      this.#relays.delete(finish);
    };
    this.#relays.add(finish);
    const { name, address, port } = roster.self;
    const ping: Ping = {
      kind: "ping",
      sequence,
      node: request.node,
      sourceHost: address,
      sourcePort: port,
      sourceNode: name,
    };
    courier.send({ host: request.targetHost, port: request.targetPort }, roster.find(request.node), [ping]);
  }

  /** Drops the requests in flight. */
  stop(): void {
    for (const finish of this.#relays) finish();
  }

  #reply(
    request: Ping | IndirectPing,
    from: Address,
    answer: Ack | { readonly kind: "nack"; readonly sequence: number },
  ): void {
    const { courier, roster } = this.#options;
    const stated = request.sourceHost !== "" && request.sourcePort > 0;
    const to = stated ? { host: request.sourceHost, port: request.sourcePort } : from;
    const member = request.sourceNode === "" ? undefined : roster.find(request.sourceNode);
    courier.send(to, member, [answer]);
  }
}
