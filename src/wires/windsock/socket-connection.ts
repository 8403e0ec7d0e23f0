/**
 * One websocket: what it hears, by its crowd; what it says; and what happens when it cannot keep up. It is in one of
 * three states: hearing (in its crowd), behind (out of it, until what waits is taken and the history has brought it to
 * where the others are), or over.
 */
import { toFault } from "../../kit/fault.ts";
import type { Socket, SocketHandler } from "../../kit/http/socket.ts";
import type { Crowd, CrowdMember, Crowds } from "./crowd.ts";
import type { DoorParts } from "./door.ts";
import type { Entry, Roster } from "./doors/roster.ts";
import type { Webhooks } from "./doors/webhooks.ts";
import type { Grant } from "./grant.ts";
import { Pace } from "./limits.ts";
import { type Envelope, type Interest, interestKey, type Publication } from "./publication.ts";
import { closeCodes, type Dialect } from "./socket-words.ts";
import type { SparseLog } from "./sparse-log.ts";

/** What the door of websockets stands on beyond what every door does. */
export interface SocketDoorParts extends DoorParts {
  /** Who is there, whatever the door. */
  readonly roster: Roster;
  /** Who wants to be told, or asked. */
  readonly webhooks: Webhooks | undefined;
  /** Publishes for somebody, and tells the application of it where it wants to know. */
  publish(envelope: Envelope, user: string): Promise<Publication>;
}

/** What a connection needs. */
export interface ConnectionParts {
  door: SocketDoorParts;
  crowds: Crowds;
  counts: SocketCounts;
  /** Tells of messages that were not published. */
  unpublished: SparseLog;
  /** Those that are behind, to be looked at for signs of progress. */
  behind: Set<SocketConnection>;
  /** Called once when it is over. */
  over(connection: SocketConnection): void;
}

/** What all connections count together. */
export interface SocketCounts {
  received: number;
  refused: number;
  fellBehind: number;
  caughtUp: number;
  cut: number;
}

/** What the upgrade said. */
export interface Wishes {
  grant: Grant;
  connection: string;
  /** IP address. */
  address: string;
  dialect: Dialect;
  interests: Interest[];
  since: string | undefined;
  echo: boolean;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
/** Own publications that have not been heard yet; older ones are forgotten. */
const ownMax = 1000;
/** Publications that are sent at once to one that catches up. */
const catchUpAtOnce = { count: 1000 };
/** Publications that are written at once where each is heard by itself. */
const writtenTogether = 100;

/** A websocket as the hub sees it. */
export class SocketConnection implements SocketHandler, CrowdMember, Entry {
  readonly connection: string;
  readonly user: string;
  readonly address: string;
  readonly transport = "socket";
  readonly since: number;
  readonly #parts: ConnectionParts;
  readonly #grant: Grant;
  readonly #dialect: Dialect;
  readonly #interests: readonly Interest[];
  readonly #echo: boolean;
  #socket: Socket | undefined;
  /** While it hears. */
  #crowd: Crowd | undefined;
  #pace: Pace | undefined;
  /** Where it stood when it fell behind, or came back. */
  #behindAt: string | undefined;
  /** Something is missing between there and what it will hear next. */
  #isLost = false;
  /** It came back, and has not been told yet that it has everything. */
  #isResuming = false;
  #isWhole = true;
  /** How much waited when it was last looked at, and since when nothing of it was taken. */
  #lastWaiting = 0;
  #stuckSinceMs = 0;
  /** Its own publications that are not to be heard. */
  #own: string[] | undefined;
  /** Where each is heard by itself: what this turn brought, to be written together at its end. */
  #gathered: Publication[] | undefined;

  constructor(parts: ConnectionParts, wishes: Wishes) {
    this.#parts = parts;
    this.#grant = wishes.grant;
    this.connection = wishes.connection;
    this.user = wishes.grant.user;
    this.address = wishes.address;
    this.since = parts.door.clock.now();
    this.#dialect = wishes.dialect;
    this.#interests = wishes.interests;
    this.#behindAt = wishes.since;
    this.#isResuming = wishes.since !== undefined;
    this.#echo = wishes.echo;
    if (!wishes.echo) this.hear = (publication) => this.#hearOthers(publication);
  }

  /** Only where own publications are left out. */
  hear?: (publication: Publication) => void;

  opened(socket: Socket): void {
    this.#socket = socket;
    const { hub, roster } = this.#parts.door;
    roster.enter(this);
    if (this.#dialect === "positions") this.#say({ position: hub.position });
    if (this.#behindAt === undefined) this.#join();
    else this.#catchUp();
  }

  received(socket: Socket, message: string | Buffer): void {
    const { counts, door } = this.#parts;
    counts.received++;
    const { clock, options } = door;
    if (options.messagesPerSecond > 0) {
      this.#pace ??= new Pace(clock, options.messagesPerSecond, options.messagesBurst);
      if (!this.#pace.take()) {
        counts.refused++;
        socket.close(closeCodes.hasty, `more than ${options.messagesPerSecond} messages a second`);
        return;
      }
    }
    const text = typeof message === "string" ? message : decoder.decode(message);
    this.#publish(this.#grant.speaksAt, text).catch((thrown: unknown) => {
      counts.refused++;
      const { code, message: reason } = toFault(thrown);
      this.#parts.unpublished.warn("A client's message was not published", { code, reason, user: this.user });
      // There is no word to say more with; whoever wants to be told comes by a newer door.
      if (code === "windsock/too-large") socket.close(closeCodes.tooLong, "the message is too long");
    });
  }

  drained(): void {
    if (this.#behindAt !== undefined) this.#catchUp();
  }

  closed(): void {
    this.#socket = undefined;
    this.#parts.behind.delete(this);
    this.#leaveCrowd();
    this.#parts.door.roster.exit(this);
    this.#parts.over(this);
  }

  topics(): string[] {
    return this.#interests.map(interestKey);
  }

  end(reason: string): void {
    // Longer reasons do not fit into a close frame.
    this.#socket?.close(
      closeCodes.ended,
      Buffer.from(reason)
        .subarray(0, 120)
        .toString()
        .replace(/\uFFFD$/, ""),
    );
  }

  /** The server stops. */
  restart(): void {
    this.#socket?.close(closeCodes.restart, "the server restarts");
  }

  waitingBytes(): number {
    return this.#socket?.getBufferedAmount() ?? 0;
  }

  hearTopic(topic: string, isOn: boolean): void {
    if (isOn) this.#socket?.subscribe(topic);
    else this.#socket?.unsubscribe(topic);
  }

  gap(position: string): void {
    this.#sendGathered();
    if (this.#behindAt !== undefined) this.#isLost = true;
    // Those who have no word for it go on as they always did; closing all of them at once would help nobody.
    else if (this.#dialect === "positions") this.#say({ gap: { position } });
  }

  fellBehind(position: string): void {
    const { counts, door } = this.#parts;
    counts.fellBehind++;
    if (door.options.slowReader === "cut") {
      this.#cut("it reads too slowly");
      return;
    }
    this.#leaveCrowd();
    this.#fallBehind(position);
  }

  /** Looks whether one that is behind takes anything; who takes nothing for too long is cut. */
  look(nowMs: number): void {
    const waiting = this.waitingBytes();
    if (waiting === 0) this.#catchUp();
    else if (waiting < this.#lastWaiting) {
      this.#lastWaiting = waiting;
      this.#stuckSinceMs = nowMs;
    } else if (nowMs - this.#stuckSinceMs > this.#parts.door.options.stalledMs) {
      this.#parts.counts.cut++;
      // Nothing that was said would be read.
      this.#socket?.terminate();
    }
  }

  #join(): void {
    if (this.#interests.length > 0) this.#crowd = this.#parts.crowds.join(this.#interests, this.#dialect, this);
  }

  #leaveCrowd(): void {
    const crowd = this.#crowd;
    this.#crowd = undefined;
    if (crowd) this.#parts.crowds.leave(crowd, this);
  }

  /** What was published meanwhile, from the history, in portions that it takes; then back into the crowd. */
  #catchUp(): void {
    const { behind, counts, door } = this.#parts;
    const from = this.#behindAt;
    if (from === undefined || !this.#socket) return;
    let found = door.hub.resume(this.#interests, from, catchUpAtOnce);
    if (!found.isComplete || this.#isLost) {
      this.#isLost = false;
      this.#isWhole = false;
      if (this.#dialect === "plain") {
        this.#cut("messages were lost", closeCodes.lost);
        return;
      }
      this.#say({ gap: { position: found.position } });
    }
    for (;;) {
      for (const publication of found.publications) {
        this.#sendPublication(publication);
        if (this.waitingBytes() <= door.options.waitingBytes) continue;
        this.#fallBehind(door.hub.after(publication));
        return;
      }
      if (found.next === undefined) break;
      if (this.waitingBytes() > 0) {
        this.#fallBehind(found.next);
        return;
      }
      found = door.hub.resume(this.#interests, found.next, catchUpAtOnce);
    }
    this.#behindAt = undefined;
    behind.delete(this);
    if (this.#isResuming) this.#say({ resumed: { isComplete: this.#isWhole, position: found.position } });
    else counts.caughtUp++;
    this.#isResuming = false;
    this.#join();
  }

  #fallBehind(position: string): void {
    this.#behindAt = position;
    this.#lastWaiting = this.waitingBytes();
    this.#stuckSinceMs = this.#parts.door.clock.monotonicMs();
    this.#parts.behind.add(this);
  }

  #cut(reason: string, code: number = closeCodes.slow): void {
    this.#parts.counts.cut++;
    this.#parts.behind.delete(this);
    const socket = this.#socket;
    socket?.close(code, reason);
    // One that does not read does not read this either.
    this.#parts.door.clock.schedule(5000, () => {
      if (this.#socket) socket?.terminate();
    });
  }

  #sendPublication(publication: Publication): void {
    if (this.#isOwn(publication)) return;
    this.#socket?.send(this.#parts.crowds.textOf(publication, this.#dialect), this.#parts.door.options.deflate);
  }

  #hearOthers(publication: Publication): void {
    if (this.#gathered) {
      this.#gathered.push(publication);
      return;
    }
    this.#gathered = [publication];
    setImmediate(() => this.#sendGathered());
  }

  #sendGathered(): void {
    const gathered = this.#gathered ?? [];
    this.#gathered = undefined;
    for (let at = 0; at < gathered.length; at += writtenTogether) {
      const first = gathered[at];
      if (first && this.waitingBytes() > this.#parts.door.options.waitingBytes) {
        // What it does not get now is found again after the one before it.
        this.fellBehind(this.#before(first));
        return;
      }
      this.#socket?.cork(() => {
        for (const publication of gathered.slice(at, at + writtenTogether)) this.#sendPublication(publication);
      });
    }
  }

  /** A position from which this publication is found again. */
  #before({ position }: Publication): string {
    const at = position.lastIndexOf("-");
    return `${position.slice(0, at)}-${Math.max(0, Number(position.slice(at + 1)) - 1)}`;
  }

  #isOwn({ address, content }: Publication): boolean {
    const at = this.#own?.indexOf(`${address}\n${content}`) ?? -1;
    if (at < 0) return false;
    this.#own?.splice(at, 1);
    return true;
  }

  #publish(address: string, content: string): Promise<Publication> {
    if (!this.#echo) {
      this.#own ??= [];
      this.#own.push(`${address}\n${content}`);
      if (this.#own.length > ownMax) this.#own.shift();
    }
    return this.#parts.door.publish({ address, content }, this.user);
  }

  #say(word: object): void {
    this.#socket?.send(JSON.stringify(word), this.#parts.door.options.deflate);
  }
}
