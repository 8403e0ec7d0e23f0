/**
 * Many websockets with the same interests, told at once: they subscribe to one topic of the runtime, into which each
 * publication is put once. The runtime writes what a turn of the event loop brought to each socket together, so that
 * a burst costs each client one write.
 *
 * The runtime does not say who is behind; so after so many bytes every member is looked at, and whoever has too much to
 * take leaves the topic until it has caught up. It never holds the others up.
 */
import type { SocketTopics } from "../../kit/http/socket.ts";
import type { OrderedHub } from "./hub-ordered.ts";
import { type Interest, interestKey, type Publication } from "./publication.ts";
import { envelopeText, type Dialect } from "./socket-words.ts";

/** Somebody in a crowd. */
export interface CrowdMember {
  /** Begins or ends to get what is put into a topic. */
  hearTopic(topic: string, isOn: boolean): void;
  /** Bytes that it has not taken yet. */
  waitingBytes(): number;
  /** It has too much to take, and gets no more by the topic; `position` is the newest that was put into it. */
  fellBehind(position: string): void;
  /** The order was broken here. */
  gap(position: string): void;
  /** One publication, for those that hear each by itself; see {@link Crowds.join}. */
  hear?(publication: Publication): void;
}

/** Members with the same interests. */
export interface Crowd {
  readonly key: string;
  readonly topic: string;
  /** The one prefix that it hears, by bytes; empty for none, or all. */
  readonly prefix: string;
  readonly dialect: Dialect;
  readonly members: Set<CrowdMember>;
  newest: string;
  /** Put into the topic since the members were looked at. */
  bytes: number;
  isLookDue: boolean;
  close(): void;
}

/** Where crowds get what they tell. */
export interface CrowdParts {
  hub: OrderedHub;
  sockets: SocketTopics;
  /** Whoever has more than this to take has fallen behind. */
  maxWaitingBytes: number;
  compress: boolean;
  /** An interest is somebody's until the function is called. */
  heard(interest: Interest): () => void;
  /** Runs something when the turn of the event loop is over. @default setImmediate */
  later?(callback: () => void): void;
}

/** All crowds of a node. */
export class Crowds {
  readonly #parts: CrowdParts;
  readonly #crowds = new Map<string, Crowd>();
  readonly #later: (callback: () => void) => void;
  #made = 0;
  /** The newest text made, which several crowds may want. */
  #memo: { publication: Publication; dialect: Dialect; text: string } | undefined;
  #crossing: { prefix: string; address: string } | undefined;

  constructor(parts: CrowdParts) {
    this.#parts = parts;
    this.#later = parts.later ?? ((callback) => void setImmediate(callback));
  }

  /** Distinct sets of interests. */
  get count(): number {
    return this.#crowds.size;
  }

  /** The newest address that was heard by a prefix that ends in the middle of one of its parts. */
  get crossing(): { prefix: string; address: string } | undefined {
    return this.#crossing;
  }

  /**
   * Joins those of the same interests; what is published from now on is heard, until {@link leave}. A member that hears
   * each publication by itself gets a crowd of its own.
   */
  join(interests: readonly Interest[], dialect: Dialect, member: CrowdMember): Crowd {
    const key = member.hear ? `own ${++this.#made}` : `${dialect} ${interests.map(interestKey).sort().join(" ")}`;
    const crowd = this.#crowds.get(key) ?? this.#open(key, interests, dialect, member);
    crowd.members.add(member);
    if (!member.hear) member.hearTopic(crowd.topic, true);
    return crowd;
  }

  /** Leaves a crowd; nothing for one who is not in it. */
  leave(crowd: Crowd, member: CrowdMember): void {
    if (!crowd.members.delete(member)) return;
    if (!member.hear) member.hearTopic(crowd.topic, false);
    if (crowd.members.size > 0) return;
    this.#crowds.delete(crowd.key);
    crowd.close();
  }

  #open(key: string, interests: readonly Interest[], dialect: Dialect, first: CrowdMember): Crowd {
    const { hub } = this.#parts;
    const topic = `windsock ${++this.#made}`;
    const members = new Set<CrowdMember>();
    const hear = first.hear
      ? (publication: Publication) => first.hear?.(publication)
      : (publication: Publication) => this.#tell(crowd, publication);
    const { seat } = hub.sit(interests, {
      hear,
      get clients() {
        return members.size;
      },
      gap: () => {
        const { position } = hub;
        crowd.newest = position;
        for (const member of members) member.gap(position);
      },
    });
    const ceased = interests.map((interest) => this.#parts.heard(interest));
    const crowd: Crowd = {
      key,
      topic,
      prefix: interests.length === 1 && interests[0]?.kind === "prefix" ? interests[0].prefix : "",
      dialect,
      members,
      newest: seat.position,
      bytes: 0,
      isLookDue: false,
      close() {
        seat.leave();
        for (const cease of ceased) cease();
      },
    };
    this.#crowds.set(key, crowd);
    return crowd;
  }

  #tell(crowd: Crowd, publication: Publication): void {
    const { compress, maxWaitingBytes, sockets } = this.#parts;
    const text = this.textOf(publication, crowd.dialect);
    sockets.publish(crowd.topic, text, compress);
    const { prefix } = crowd;
    if (prefix !== "" && isWord(prefix, prefix.length - 1) && isWord(publication.address, prefix.length)) {
      this.#crossing = { prefix, address: publication.address };
    }
    crowd.newest = publication.position;
    crowd.bytes += text.length;
    if (crowd.bytes < maxWaitingBytes / 4 || crowd.isLookDue) return;
    crowd.isLookDue = true;
    // What this turn brought is written at its end; only then it is known who did not take it.
    this.#later(() => this.#look(crowd));
  }

  #look(crowd: Crowd): void {
    crowd.isLookDue = false;
    crowd.bytes = 0;
    for (const member of crowd.members) {
      if (member.waitingBytes() > this.#parts.maxWaitingBytes) member.fellBehind(crowd.newest);
    }
  }

  /** The text of a publication; made once for all who want it in turn. */
  textOf(publication: Publication, dialect: Dialect): string {
    const memo = this.#memo;
    if (memo?.publication === publication && memo.dialect === dialect) return memo.text;
    const text = envelopeText(publication, dialect);
    this.#memo = { publication, dialect, text };
    return text;
  }
}

/** Whether there is a letter, a digit, a dash or an underscore. */
function isWord(text: string, at: number): boolean {
  const code = text.charCodeAt(at) | 32;
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code === 45 || code === 127;
}
