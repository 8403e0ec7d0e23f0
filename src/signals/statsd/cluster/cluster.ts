/**
 * Metrics shared among several statsds, in the place of Etsy's cluster proxy: each line goes to one node by its name, so
 * that a name is always counted whole, on one of them. Nodes are asked how they are; one that is not well has its names go
 * to the others until it is. Lines for the same node travel in one datagram where they came in one packet.
 *
 * What was sent to a node between its end and the next look is lost, as a datagram tells nobody. When no node is well,
 * lines are dropped and counted.
 */
import { isIP, isIPv6 } from "node:net";

import type { Clock } from "../../../kit/clock.ts";
import { type Address, formatAddress, parseAddress } from "../../../kit/config/address.ts";
import { askHealth, type NodeHealth } from "./node-health.ts";
import { NodeRing } from "./node-ring.ts";

/** A statsd that has a share. */
export interface ClusterNode extends Address {
  readonly adminPort: number;
}

/** How a node stands. */
export interface NodeState {
  readonly name: string;
  readonly isUp: boolean;
  readonly lines: number;
  /** Lines that could not be sent. */
  readonly dropped: number;
  /** Why it has no share for now, empty while it has. */
  readonly failure: string;
}

/** What a cluster is made of. */
export interface ClusterParts {
  nodes: readonly ClusterNode[];
  checkEveryMs: number;
  clock: Clock;
  /** Whether a node is ourselves, and has no share. */
  own(node: Address): boolean;
  /** Told when a node loses its share, with the reason, or has it back. */
  changed(node: string, trouble: string | undefined): void;
}

/** As much as fits in a packet of Ethernet, and in the receive buffers of old statsds. */
const datagramBytes = 1432;
/** So many names are remembered with their node. */
const rememberedMax = 20_000;
const rememberedMaxLength = 200;
const askMaxMs = 10_000;
const [lineFeed, colon] = [10, 58];

interface Member {
  readonly node: ClusterNode;
  /** As it is hashed, and told by `status`. */
  readonly id: string;
  readonly room: Buffer;
  filled: number;
  gathered: number;
  lines: number;
  dropped: number;
  /** Of the host; undefined while a name was not looked up. */
  address: string | undefined;
  trouble: string | undefined;
  isAsked: boolean;
}

const isSelf = "this is the statsd itself: each packet would go round for ever";

/** Opens the sockets and begins to ask nodes. Rejects with the system's error. */
export async function openCluster(parts: ClusterParts): Promise<Cluster> {
  const [four, six] = await Promise.all([
    Bun.udpSocket({ hostname: "0.0.0.0", port: 0 }),
    parts.nodes.some(({ host }) => !isIP(host) || isIPv6(host))
      ? Bun.udpSocket({ hostname: "::", port: 0 }).catch(() => undefined)
      : undefined,
  ]);
  return new Cluster(parts, four, six);
}

type Sender = Pick<Bun.udp.Socket<"buffer">, "send" | "close">;

/** Nodes that share what comes. */
export class Cluster {
  /** Lines for which there was no node. */
  unshared = 0;
  readonly #parts: ClusterParts;
  readonly #four: Sender;
  readonly #six: Sender | undefined;
  readonly #all: readonly Member[];
  readonly #remembered = new Map<string, Member>();
  /** Those in the ring. */
  #members: readonly Member[] = [];
  #ring = new NodeRing([]);
  #cancel = () => {};
  #isClosed = false;

  constructor(parts: ClusterParts, four: Sender, six: Sender | undefined) {
    this.#parts = parts;
    this.#four = four;
    this.#six = six;
    const byId = new Map(parts.nodes.map((node) => [`${node.host}:${node.port}`, node]));
    this.#all = [...byId].map(([id, node]) => ({
      node,
      id,
      room: Buffer.allocUnsafeSlow(datagramBytes),
      filled: 0,
      gathered: 0,
      lines: 0,
      dropped: 0,
      address: isIP(node.host) ? node.host : undefined,
      trouble: parts.own(node) ? isSelf : undefined,
      isAsked: false,
    }));
    this.#share();
    this.#look();
  }

  /** Sends each line of a packet to its node; gives the number of lines that were not empty. Never throws. */
  pass(packet: Buffer): number {
    let lines = 0;
    for (let start = 0; start < packet.length;) {
      let end = packet.indexOf(lineFeed, start);
      if (end < 0) end = packet.length;
      if (end > start) {
        lines++;
        this.#add(packet.subarray(start, end));
      }
      start = end + 1;
    }
    for (const member of this.#members) this.#sendGathered(member);
    return lines;
  }

  /** The nodes that have a share, as `host:port`. */
  shared(): readonly string[] {
    return this.#ring.nodes;
  }

  state(): NodeState[] {
    return this.#all.map(({ dropped, lines, node, trouble }) => ({
      name: formatAddress(node),
      isUp: trouble === undefined,
      lines,
      dropped,
      failure: trouble ?? "",
    }));
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
    this.#four.close();
    this.#six?.close();
  }

  #add(line: Buffer): void {
    const member = this.#memberFor(line);
    if (!member) {
      this.unshared++;
      return;
    }
    if (member.filled + 1 + line.length > datagramBytes) this.#sendGathered(member);
    if (line.length > datagramBytes) {
      this.#send(member, line, 1);
      return;
    }
    if (member.filled > 0) member.room[member.filled++] = lineFeed;
    line.copy(member.room, member.filled);
    member.filled += line.length;
    member.gathered++;
  }

  #memberFor(line: Buffer): Member | undefined {
    const end = line.indexOf(colon);
    const name = end < 0 ? line : line.subarray(0, end);
    if (name.length > rememberedMaxLength) return this.#members[this.#ring.ownerOf(name) ?? -1];
    const key = name.toString("latin1");
    const known = this.#remembered.get(key);
    if (known) return known;
    const member = this.#members[this.#ring.ownerOf(name) ?? -1];
    if (!member) return undefined;
    if (this.#remembered.size >= rememberedMax) this.#remembered.clear();
    this.#remembered.set(key, member);
    return member;
  }

  #sendGathered(member: Member): void {
    if (member.gathered === 0) return;
    this.#send(member, member.room.subarray(0, member.filled), member.gathered);
    member.filled = 0;
    member.gathered = 0;
  }

  #send(member: Member, bytes: Buffer, lines: number): void {
    const { address, node } = member;
    const socket = address !== undefined && isIPv6(address) ? this.#six : this.#four;
    let isSent = false;
    try {
      isSent = address !== undefined && socket !== undefined && socket.send(bytes, node.port, address);
    } catch (thrown) {
      // What the system refuses, such as a line longer than a datagram, is lost, and the next is tried all the same.
      if (!(thrown instanceof Error)) throw thrown;
    }
    if (isSent) member.lines += lines;
    else member.dropped += lines;
  }

  #share(): void {
    this.#members = this.#all.filter(({ trouble }) => trouble === undefined);
    this.#ring = new NodeRing(this.#members.map(({ id }) => id));
    this.#remembered.clear();
  }

  #look(): void {
    const { checkEveryMs, clock } = this.#parts;
    for (const member of this.#all) {
      if (member.isAsked || member.trouble === isSelf) continue;
      member.isAsked = true;
      void askHealth(member.node, Math.min(checkEveryMs, askMaxMs), clock).then((health) => {
        member.isAsked = false;
        if (!this.#isClosed) this.#heard(member, health);
      });
    }
    this.#cancel = clock.schedule(checkEveryMs, () => this.#look());
  }

  #heard(member: Member, { address, trouble }: NodeHealth): void {
    const before = member.trouble;
    member.trouble = trouble;
    if (address !== undefined) member.address = address;
    if ((before === undefined) === (trouble === undefined)) return;
    this.#share();
    this.#parts.changed(formatAddress(member.node), trouble);
  }
}

/** A node from `host:port/adminport`; undefined when the text is none. */
export function nodeOf(written: string): ClusterNode | undefined {
  const match = /^(.+)\/(\d{1,5})$/.exec(written);
  const adminPort = Number(match?.[2]);
  if (!match || adminPort < 1 || adminPort > 65_535) return undefined;
  try {
    const address = parseAddress(match[1] ?? "");
    return address.port === 0 ? undefined : { ...address, adminPort };
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
