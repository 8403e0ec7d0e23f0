/**
 * Outgoing datagrams: messages to one member, with waiting news added while there is room. Also the gossip round, which runs
 * only while there is news, so that an idle cluster sends nothing but probes.
 */
import type { Address } from "./address.ts";
import type { BroadcastQueue } from "./broadcast-queue.ts";
import { type Clock, type Random, sample } from "./clock.ts";
import type { Counters } from "./counters.ts";
import { encodeMessage, type Message } from "./messages.ts";
import { COMPOUND_PART_BYTES, COMPOUND_PARTS_MAX, encodePacket, packetRoomBytes } from "./packet.ts";
import type { Member, Roster } from "./roster.ts";
import { type Timing, transmitLimit } from "./timing.ts";
import type { Transport } from "./transport.ts";
import type { Wire } from "./wire.ts";

/** Protocol version from which a checksum is understood. */
const CHECKSUM_PROTOCOL = 5;

/** What a courier is made of. */
export interface CourierOptions {
  readonly wire: Wire;
  readonly transport: Transport;
  readonly queue: BroadcastQueue;
  readonly roster: Roster;
  readonly timing: Timing;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

/** Sends datagrams for one node. */
export class Courier {
  readonly #options: CourierOptions;
  #cancelRound: (() => void) | undefined;
  #stopped = false;

  constructor(options: CourierOptions) {
    this.#options = options;
  }

  /** Sends messages with waiting news. `member` is the receiver if it is known. Returns false if the system refused. */
  send(to: Address, member: Member | undefined, messages: readonly Message[]): boolean {
    const { wire, timing } = this.#options;
    const parts = messages.map(encodeMessage);
    let roomBytes = packetRoomBytes(wire, timing.datagramBytes);
    for (const part of parts) roomBytes -= part.length + COMPOUND_PART_BYTES;
    parts.push(...this.#takeNews(roomBytes, COMPOUND_PARTS_MAX - parts.length, member));
    return this.#sendParts(to, member, parts);
  }

  /** Sends one message alone, whatever its size. */
  sendAlone(to: Address, member: Member | undefined, message: Message): boolean {
    return this.#sendParts(to, member, [encodeMessage(message)]);
  }

  /** Says that there is news: the next round comes within one gossip interval. */
  wake(): void {
    if (this.#cancelRound !== undefined || this.#stopped) return;
    this.#cancelRound = this.#options.clock.schedule(this.#options.timing.gossipIntervalMs, () => {
      this.#cancelRound = undefined;
      this.#round();
      if (this.#options.queue.size > 0) this.wake();
    });
  }

  /** Sends nothing more by itself. */
  stop(): void {
    this.#stopped = true;
    this.#cancelRound?.();
    this.#cancelRound = undefined;
  }

  #round(): void {
    const { wire, timing, roster, random, queue } = this.#options;
    let told = false;
    for (const member of sample(random, roster.gossipTargets(), timing.gossipFanout)) {
      const parts = this.#takeNews(packetRoomBytes(wire, timing.datagramBytes), COMPOUND_PARTS_MAX, member);
      if (parts.length === 0) continue;
      this.#sendParts({ host: member.address, port: member.port }, member, parts);
      told = true;
    }
    if (!told) queue.age(transmitLimit(timing, roster.count));
  }

  #takeNews(bytes: number, countMax: number, member: Member | undefined): Uint8Array[] {
    const { queue, timing, roster } = this.#options;
    if (queue.size === 0) return [];
    return queue.take({
      bytes,
      partBytes: COMPOUND_PART_BYTES,
      countMax,
      transmitLimit: transmitLimit(timing, roster.count),
      receiver: member?.name,
    });
  }

  #sendParts(to: Address, member: Member | undefined, parts: readonly Uint8Array[]): boolean {
    const { wire, transport, counters } = this.#options;
    const checksum = (member?.versions.protocolMax ?? 0) >= CHECKSUM_PROTOCOL;
    const bytes = encodePacket(wire, parts, checksum);
    counters.packetsOut++;
    counters.packetBytesOut += bytes.length;
    return transport.sendPacket(to, bytes);
  }
}
