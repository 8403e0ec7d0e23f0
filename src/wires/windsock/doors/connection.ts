/**
 * One connection of the newer websocket: commands in, answers and pushes out. Commands are done one after the other, so
 * that what they say of topics holds in the order in which they were said. It ends with a code that tells the client
 * what to do; who takes messages too slowly is ended, and goes on from its position.
 */
import { Fault, toFault } from "../../../kit/fault.ts";
import type { Socket, SocketHandler } from "../../../kit/http/socket.ts";
import type { PresenceChange } from "../hub.ts";
import { Pace } from "../limits.ts";
import type { Publication } from "../publication.ts";
import { closeCodeOf, closeCodes, closeReason } from "./close-codes.ts";
import { type Command, faultJson, infoText, publicationJson, readCommand } from "./command.ts";
import { newConnection } from "./admission.ts";
import type { NewerParts } from "./newer-parts.ts";
import { Outbox, type OutboxOwner, type Parcel } from "./outbox.ts";
import { changeJson, presentOf } from "./present.ts";
import { requirePublish, type Rights } from "./rights.ts";
import type { Entry } from "./roster.ts";
import { type Outlet, Subscriber } from "./subscriber.ts";
import { parseTopic, topicOf } from "./topic.ts";

/** Who opened it. */
export interface Opener {
  address: string;
  /** See DoorParts.seenOf. */
  seen: string;
  /** The rights that were shown with the handshake, if any. */
  rights: Rights | undefined;
  /** What a token allows; without one, what the caller may. */
  rightsOf(token: string | undefined): Rights;
}

/** A connection has to say who it is within this time. */
const helloMs = 10_000;
/** Bytes given to the runtime at a time; the rest waits here, where it is counted. */
const windowBytes = 262_144;
const portionBytes = 65_536;
/** Commands that wait for those before them, and what they take. */
const maxQueued = 1000;
const maxQueuedBytes = 4 * 1024 * 1024;
/** Commands over the rate that are answered before the connection is ended. */
const patience = 1000;

/** See the file's head. */
export class Connection implements SocketHandler, Outlet, OutboxOwner, Entry {
  readonly connection = newConnection();
  readonly address: string;
  readonly since: number;
  readonly #parts: NewerParts;
  /** Made when it first says something, where there is a limit. */
  #pace: Pace | undefined;
  /** What waits for it, while something does: most connections are idle, and there are many. */
  #outbox: Outbox | undefined;
  /** Until it has said who it is; what it holds of the request is let go of then. */
  #opener: Opener | undefined;
  readonly #seen: string;
  #subscriber: Subscriber | undefined;
  #socket: Socket | undefined;
  #user = "";
  /** Commands that wait, while one is done. */
  #queued: string[] | undefined;
  #queuedBytes = 0;
  /** Called when some of what waits was taken. */
  #rooms: (() => void)[] | undefined;
  /** While what was missed is told: what is said of topics waits for its end. */
  #returning: Promise<void> | undefined;
  #over = 0;
  #isFlushing = false;
  #isEnding = false;
  #isGuest = false;
  #cancelHello: (() => void) | undefined;
  #cancelExpiry: (() => void) | undefined;

  constructor(parts: NewerParts, opener: Opener) {
    this.#parts = parts;
    this.#opener = opener;
    this.address = opener.address;
    this.#seen = opener.seen;
    this.since = parts.clock.now();
  }

  get transport(): string {
    return "websocket";
  }

  get user(): string {
    return this.#subscriber?.rights.user ?? this.#user;
  }

  /** What it hears, in words. */
  topics(): readonly string[] {
    return this.#subscriber?.words() ?? [];
  }

  /** What waits for it, here and in the runtime. */
  waitingBytes(): number {
    return (this.#outbox?.waitingBytes ?? 0) + (this.#socket?.getBufferedAmount() ?? 0);
  }

  /** Ends it by order. */
  end(reason: string): void {
    this.#end(closeCodes.ended, reason);
  }

  opened(socket: Socket): void {
    this.#socket = socket;
    this.#parts.connections.add(this);
    this.#cancelHello = this.#parts.clock.schedule(helloMs, () => {
      this.#end(closeCodes.nonsense, `no connect command came within ${helloMs / 1000} s`);
    });
    try {
      this.#parts.admission.enterGuest(this.address);
      this.#isGuest = true;
    } catch (thrown) {
      const fault = toFault(thrown);
      this.#say({ error: faultJson(fault) });
      this.#end(closeCodeOf(fault), fault.message);
    }
  }

  received(_: Socket, message: string | Buffer): void {
    const text = typeof message === "string" ? message : message.toString("utf8");
    const { commandBytes } = this.#parts.limits;
    if (text.length > commandBytes) {
      this.#end(closeCodes.large, `a message has more than ${commandBytes} bytes`);
      return;
    }
    for (const line of text.split("\n")) if (line !== "" && !this.#isEnding) this.#queue(line);
  }

  drained(): void {
    this.#flush();
    this.#makeRoom();
  }

  closed(): void {
    this.#isEnding = true;
    this.#socket = undefined;
    this.#parts.connections.delete(this);
    this.#cancelHello?.();
    this.#cancelExpiry?.();
    this.#parts.pulse.leave(this);
    this.#subscriber?.leave();
    this.#noGuest();
    this.#parts.admission.exit(this);
    this.#outbox = undefined;
    this.#makeRoom();
  }

  #noGuest(): void {
    if (this.#isGuest) this.#parts.admission.leaveGuest(this.address);
    this.#isGuest = false;
  }

  /** The server stops. */
  stop(): void {
    this.#end(closeCodes.leaving, "the server stops");
  }

  #queue(line: string): void {
    const { limits } = this.#parts;
    const queued = this.#queued;
    if (queued && (queued.length >= maxQueued || this.#queuedBytes > Math.max(maxQueuedBytes, limits.commandBytes))) {
      this.#end(closeCodes.hasty, `${queued.length} commands wait already`);
      return;
    }
    this.#queuedBytes += line.length;
    if (queued) queued.push(line);
    else void this.#work((this.#queued = [line]));
  }

  /** Does what waits, one after the other, until there is nothing. */
  async #work(lines: string[]): Promise<void> {
    for (let line = lines.shift(); line !== undefined && !this.#isEnding; line = lines.shift()) {
      // Who does not take the answers gets to ask no more.
      while ((this.#outbox?.askedBytes ?? 0) > this.#parts.limits.waitingBytes && !this.#isEnding) {
        await new Promise<void>((resolve) => {
          (this.#rooms ??= []).push(resolve);
        });
      }
      this.#queuedBytes -= line.length;
      if (!this.#isEnding) await this.#hear(line);
    }
    this.#queued = undefined;
  }

  async #hear(line: string): Promise<void> {
    let command: Command | undefined;
    try {
      command = readCommand(line);
      const { clock, limits } = this.#parts;
      if (limits.messagesPerSecond > 0) {
        this.#pace ??= new Pace(clock, limits.messagesPerSecond, limits.messagesBurst);
        if (!this.#pace.take()) this.#hasten();
      }
      await this.#do(command);
    } catch (thrown) {
      const fault = this.#sayFault(thrown, command?.id);
      // Without a connection nothing else can be done.
      if (!this.#subscriber && (!command || command.connect)) this.#end(closeCodeOf(fault), fault.message);
    }
  }

  #sayFault(thrown: unknown, known: number | undefined): Fault {
    const fault = toFault(thrown);
    if (fault.kind === "internal") this.#parts.log.error("A command failed", { reason: String(thrown) });
    const id = known ?? fault.details["id"];
    this.#say({ ...(id === undefined ? {} : { id }), error: faultJson(fault) });
    return fault;
  }

  #hasten(): void {
    const { messagesPerSecond } = this.#parts.limits;
    if (++this.#over > patience) this.#end(closeCodes.hasty, `more than ${messagesPerSecond} commands a second`);
    throw new Fault(
      "limited",
      "windsock/limited",
      `Cannot take that: more than ${messagesPerSecond} commands a second`,
      {
        retryAfterMs: 1000,
      },
    );
  }

  async #do(command: Command): Promise<void> {
    const { id } = command;
    const answer = (verb: string, result: object) => {
      if (id !== undefined) this.#say({ id, [verb]: result });
    };
    if (command.connect) {
      answer("connect", await this.#connect(command.connect));
      return;
    }
    const subscriber = this.#subscriber;
    if (!subscriber) throw new Fault("unauthorized", "windsock/connect", "Cannot do that: say connect first");
    if (command.subscribe || command.unsubscribe || command.refresh) await this.#returning;
    if (command.publish) {
      // Not waited for: what is published next keeps its order, and a slow disk must not hold back other commands.
      this.#publish(subscriber, command.publish).then(
        (position) => answer("publish", { position }),
        (thrown: unknown) => {
          const fault = toFault(thrown);
          this.#say({ ...(id === undefined ? {} : { id }), error: faultJson(fault) });
        },
      );
    } else if (command.subscribe) {
      const { history, since, topics } = command.subscribe;
      const subscribe = async () => {
        const { isCut: _, ...subscribed } = await subscriber.subscribe(topics.map(parseTopic), { history, since });
        answer("subscribe", subscribed);
      };
      if (since === undefined) await subscribe();
      else {
        // That may take long, and must not hold back what is published meanwhile.
        this.#returning = subscribe()
          .catch((thrown: unknown) => void this.#sayFault(thrown, id))
          .finally(() => {
            this.#returning = undefined;
          });
      }
    } else if (command.unsubscribe) {
      subscriber.unsubscribe(command.unsubscribe.topics.map(parseTopic));
      answer("unsubscribe", {});
    } else if (command.history) {
      const { limit = 100, topic } = command.history;
      const { position } = subscriber;
      answer("history", { ...(await subscriber.history(parseTopic(topic), limit)), position });
    } else if (command.presence) {
      const { address, enter, watch } = command.presence;
      if (enter === true) subscriber.enter(address);
      else if (enter === false) subscriber.exit(address);
      if (watch === false) subscriber.unwatch(address);
      const there = watch === true ? subscriber.watch(address) : subscriber.presence(address);
      answer("presence", presentOf(there, this.#parts.limits.presenceBytes));
    } else if (command.stats) {
      answer("stats", statsOf(subscriber.presence(command.stats.address)));
    } else if (command.refresh) answer("refresh", this.#refresh(subscriber, command.refresh.token));
    else answer("ping", { position: subscriber.position });
  }

  async #connect(said: NonNullable<Command["connect"]>): Promise<object> {
    if (this.#subscriber) throw new Fault("invalid", "windsock/connected", "Cannot connect: this connection stands");
    const { admission, hub, limits, pulse } = this.#parts;
    const opener = this.#opener;
    if (!opener) throw new Fault("invalid", "windsock/connected", "Cannot connect: that is under way");
    const rights = said.token === undefined && opener.rights ? opener.rights : opener.rightsOf(said.token);
    const info = infoText(said.info);
    this.#user = rights.user;
    this.#noGuest();
    await admission.enter(this);
    if (this.#isEnding) {
      admission.exit(this);
      throw new Fault("unavailable", "windsock/leaving", "Cannot connect: the connection ends");
    }
    this.#opener = undefined;
    this.#cancelHello?.();
    this.#cancelHello = undefined;
    const { connection } = this;
    this.#subscriber = new Subscriber(this.#parts, this, rights, info);
    pulse.join(this);
    this.#expireAt(rights);
    return {
      connection,
      user: rights.user,
      position: hub.position,
      pingMs: this.#parts.pingMs,
      may: { subscribe: rights.subscribe.map(topicOf), publish: rights.publish.map(topicOf) },
      ...(rights.home === undefined ? {} : { home: rights.home }),
      ...this.#expiresIn(rights),
      limits: { topics: limits.topics, commandBytes: limits.commandBytes, messagesPerSecond: limits.messagesPerSecond },
    };
  }

  async #publish(subscriber: Subscriber, said: { address?: string | undefined; content: string }): Promise<string> {
    const address = said.address ?? subscriber.rights.home;
    if (address === undefined) {
      throw new Fault("invalid", "windsock/address", "Cannot publish: no address was given, and the token names none");
    }
    requirePublish(subscriber.rights, address);
    return (await this.#parts.publish({ address, content: said.content }, subscriber.rights.user)).position;
  }

  #refresh(subscriber: Subscriber, token: string): object {
    const rights = this.#parts.admission.renewed(token, this.#seen);
    if (rights.user !== subscriber.rights.user) {
      throw new Fault("forbidden", "windsock/other-user", "Cannot refresh: the token is of another user");
    }
    const lost = subscriber.refresh(rights);
    if (lost.length > 0) this.#say({ dropped: { topics: lost.map(topicOf) } });
    this.#expireAt(rights);
    return this.#expiresIn(rights);
  }

  #expiresIn({ expiresAt }: Rights): object {
    return expiresAt === undefined ? {} : { expiresInMs: Math.max(0, expiresAt - this.#parts.clock.now()) };
  }

  #expireAt({ expiresAt }: Rights): void {
    this.#cancelExpiry?.();
    this.#cancelExpiry = undefined;
    if (expiresAt === undefined) return;
    this.#cancelExpiry = this.#parts.clock.schedule(expiresAt - this.#parts.clock.now(), () => {
      this.#end(closeCodes.expired, "the token has expired; connect again with a fresh one");
    });
  }

  /** See {@link Pulse}. */
  beat(): void {
    if (this.#subscriber && !this.#parts.isGood(this.#subscriber.rights)) {
      this.#end(closeCodes.token, "the token is good no more");
      return;
    }
    // Who has something to read sees by it that we live.
    if (!this.#outbox) this.#sayLive({ ping: { position: (this.#subscriber ?? this.#parts.hub).position } });
  }

  /** See {@link Outlet}. */
  gap(): void {
    this.#say({ gap: { position: this.#parts.hub.position } });
  }

  /** See {@link Outlet}: when all that was told of what was missed is on its way. */
  async room(): Promise<boolean> {
    while (this.#socket && !this.#isEnding) {
      if (!this.#outbox?.askedBytes && this.#socket.getBufferedAmount() < portionBytes) return true;
      await new Promise<void>((resolve) => {
        (this.#rooms ??= []).push(resolve);
      });
    }
    return false;
  }

  /** See {@link Outlet}. */
  presence(address: string, change: PresenceChange): void {
    const text = changeJson(address, change);
    this.#put({ text: () => `{"change":${text}}`, sizeBytes: text.length + 11, isAsked: false });
  }

  /** See {@link Outlet}. */
  publication(publication: Publication, isMissed: boolean): void {
    this.#put({
      text: () => `{"push":${publicationJson(publication)}}`,
      sizeBytes: publication.address.length + publication.content.length + 100,
      isAsked: isMissed,
    });
  }

  #sayLive(value: object): void {
    const text = JSON.stringify(value);
    this.#put({ text: () => text, sizeBytes: text.length, isAsked: false });
  }

  #say(value: object): void {
    const text = JSON.stringify(value);
    this.#put({ text: () => text, sizeBytes: text.length, isAsked: true });
  }

  #put(parcel: Parcel): void {
    if (this.#isEnding) return;
    this.#outbox ??= new Outbox(this.#parts.limits.waitingBytes, this);
    this.#outbox.put(parcel);
  }

  /** See {@link OutboxOwner}. */
  overflowed(): void {
    this.#end(closeCodes.slow, "you take messages too slowly; go on from the last one you saw");
  }

  /** What one turn of the event loop brings goes out in one message. */
  stirred(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const socket = this.#socket;
    if (!socket) return;
    while (this.#outbox && socket.getBufferedAmount() < windowBytes) {
      const text = this.#outbox.take(portionBytes);
      if (this.#outbox.isEmpty) this.#outbox = undefined;
      if (text === undefined || this.#socket !== socket) return;
      socket.send(text, this.#parts.deflate);
      this.#makeRoom();
    }
  }

  #makeRoom(): void {
    const rooms = this.#rooms ?? [];
    this.#rooms = undefined;
    for (const room of rooms) room();
  }

  #end(code: number, reason: string): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    // What was said before, an error above all, goes out first, unless nothing is taken.
    if (code !== closeCodes.slow) this.#flush();
    this.#outbox = undefined;
    this.#subscriber?.leave();
    this.#makeRoom();
    const socket = this.#socket;
    socket?.close(code, closeReason(reason));
    // Who does not read does not read this either.
    this.#parts.clock.schedule(5000, () => {
      if (this.#socket) socket?.terminate();
    });
  }
}

/** How many are there, by how many connections. */
export function statsOf(present: readonly { connection: string; user: string }[]): {
  connections: number;
  users: number;
} {
  const named = new Set(present.map(({ user }) => user).filter((user) => user !== ""));
  // Who is nobody in particular counts by connection.
  const nameless = present.filter(({ user }) => user === "").length;
  return { connections: present.length, users: named.size + nameless };
}
