/**
 * One websocket of Pusher's protocol: its subscriptions, what it may say, and what it is told. The protocol has no word
 * for "something is missing", so where the order of the hub was broken, or the client takes too little of what waits, the
 * connection is closed with a code by which clients come back and subscribe anew: 4200 at once, 4100 after a while.
 */
import type { Clock } from "../../../kit/clock.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Socket, SocketHandler } from "../../../kit/http/socket.ts";
import type { Hub, Party, Seat } from "../hub.ts";
import type { Publication } from "../publication.ts";
import { addressOf, type Application, channelKind, channelOf, channelOfUser, isChannel } from "./application.ts";
import type { ChannelNews, Channels, Member, Subscriber } from "./channels.ts";
import {
  type ChannelEvent,
  type ClientMessage,
  contentOf,
  eventOf,
  messageText,
  readMember,
  readMessage,
} from "./message.ts";
import { signInRefusal, subscriptionRefusal } from "./signature.ts";

/** What connections are held to. */
export interface ConnectionSettings {
  /** A client that is silent for so long is asked, and after `answerMs` more it is gone. */
  activityMs: number;
  answerMs: number;
  channels: number;
  /** Of a client event's data, as text. */
  maxDataBytes: number;
  clientEventsPerSecond: number;
  /** More than this waiting for one client ends its connection. */
  waitingBytes: number;
  /** Of a member of a presence channel, as JSON. */
  maxInfoBytes: number;
}

/** What a connection stands on. */
export interface ConnectionParts {
  hub: Hub;
  clock: Clock;
  application: Application;
  channels: Channels;
  settings: ConnectionSettings;
  socketId: string;
  tell(news: ChannelNews): void;
  /** It is over. */
  closed(connection: PusherConnection): void;
}

/** Codes with which a connection is closed; the protocol tells clients what to do by their hundreds. */
export const closeCodes = {
  unknownApplication: 4001,
  tooMany: 4004,
  badVersion: 4006,
  unsupportedVersion: 4007,
  noVersion: 4008,
  ended: 4009,
  tooSlow: 4100,
  again: 4200,
  noPong: 4201,
} as const;

/** The code of the error with which a client event is refused. */
const clientEventRefused = 4301;
const protocolError = 4009;

/** The frame of a publication is the same for all, so it is made once. */
const frames = new WeakMap<Publication, { text: string; event: ChannelEvent }>();

/** See the file's head. */
export class PusherConnection implements SocketHandler, Subscriber, Party {
  readonly #parts: ConnectionParts;
  readonly #subscriptions = new Map<string, { leave(): void; member?: Member }>();
  #socket: Socket | undefined;
  #seat: Seat | undefined;
  #detach: () => void = () => undefined;
  #userId: string | undefined;
  #heardAtMs: number;
  #isAsked = false;
  /** Client events of this second. */
  #events = { secondMs: 0, count: 0 };

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.#heardAtMs = parts.clock.monotonicMs();
  }

  get socketId(): string {
    return this.#parts.socketId;
  }

  get connection(): string {
    return this.#parts.socketId;
  }

  /** As orders to end name it: `<application>/<user>`, empty before a sign-in. */
  get user(): string {
    return this.#userId === undefined ? "" : `${this.#parts.application.id}/${this.#userId}`;
  }

  opened(socket: Socket): void {
    this.#socket = socket;
    this.#detach = this.#parts.hub.attach(this);
    const seconds = Math.round(this.#parts.settings.activityMs / 1000);
    this.send(
      messageText(
        "pusher:connection_established",
        JSON.stringify({ socket_id: this.socketId, activity_timeout: seconds }),
      ),
    );
    this.#parts.hub
      .listen([], {
        hear: (publication) => this.#hear(publication),
        gap: () => this.close("again", "Messages were lost"),
      })
      .then(
        ({ seat }) => {
          if (this.#socket) this.#seat = seat;
          else seat.leave();
        },
        () => this.close("again", "The server cannot listen now"),
      );
  }

  received(_socket: Socket, message: string | Buffer): void {
    this.#heardAtMs = this.#parts.clock.monotonicMs();
    this.#isAsked = false;
    try {
      this.#do(readMessage(message.toString()));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.#fail(thrown.message, protocolErrorOf(thrown));
    }
  }

  ponged(): void {
    this.#heardAtMs = this.#parts.clock.monotonicMs();
    this.#isAsked = false;
  }

  closed(): void {
    if (!this.#socket) return;
    this.#socket = undefined;
    this.#seat?.leave();
    for (const { leave } of this.#subscriptions.values()) leave();
    this.#subscriptions.clear();
    this.#detach();
    this.#parts.closed(this);
  }

  end(reason: string): void {
    this.close("ended", reason);
  }

  /** Tells the client why, and closes. */
  close(code: keyof typeof closeCodes, reason: string): void {
    this.#fail(reason, closeCodes[code]);
    this.#socket?.close(closeCodes[code], reason.slice(0, 100));
  }

  /** Asks a silent client whether it is there; closes when it did not answer. */
  look(nowMs: number): void {
    const { activityMs, answerMs } = this.#parts.settings;
    const silentMs = nowMs - this.#heardAtMs;
    if (silentMs > activityMs + answerMs) this.close("noPong", "Nothing was heard from you");
    else if (silentMs > activityMs && !this.#isAsked) {
      this.#isAsked = true;
      this.send(messageText("pusher:ping", {}));
    }
  }

  send(text: string): void {
    const socket = this.#socket;
    if (!socket) return;
    if (socket.getBufferedAmount() > this.#parts.settings.waitingBytes) {
      socket.close(closeCodes.tooSlow, "You read too slowly");
      return;
    }
    socket.send(text);
  }

  #do(message: ClientMessage): void {
    switch (message.kind) {
      case "ping":
        this.send(messageText("pusher:pong", {}));
        return;
      case "pong":
        return;
      case "subscribe":
        this.#subscribe(message);
        return;
      case "unsubscribe":
        this.#unsubscribe(message.channel);
        return;
      case "signin":
        this.#signIn(message.auth, message.userData);
        return;
      case "event":
        this.#clientEvent(message);
    }
  }

  #subscribe(wish: { channel: string; auth?: string; channelData?: string }): void {
    const { channel } = wish;
    if (!this.#seat) return this.#refuse(channel, 503, "The server is not ready; try again");
    if (this.#subscriptions.has(channel)) return this.#refuse(channel, 400, "This connection subscribed to it already");
    if (!isChannel(channel)) {
      return this.#refuse(channel, 400, "The name of a channel has 1 to 200 characters of A-Z a-z 0-9 _ - = @ , . ;");
    }
    if (this.#subscriptions.size >= this.#parts.settings.channels) {
      return this.#refuse(channel, 429, `A connection subscribes to at most ${this.#parts.settings.channels} channels`);
    }
    const { isCache, isPresence, isPrivate } = channelKind(channel);
    let member: Member | undefined;
    if (isPrivate) {
      const reason = this.#refusalOf(wish);
      if (reason !== undefined) return this.#refuse(channel, 401, reason);
    }
    if (isPresence) {
      try {
        const { id, info } = readMember(wish.channelData ?? "", "user_id");
        member = { userId: id, info };
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown;
        return this.#refuse(channel, 400, thrown.message);
      }
      if (Buffer.byteLength(JSON.stringify(member.info)) > this.#parts.settings.maxInfoBytes) {
        return this.#refuse(channel, 413, `user_info has more than ${this.#parts.settings.maxInfoBytes} bytes`);
      }
    }
    const { channels } = this.#parts;
    const leave = channels.enter(channel, this, member);
    this.#subscriptions.set(channel, { leave, ...(member ? { member } : {}) });
    this.#seat.add({ kind: "exact", address: addressOf(this.#parts.application.id, channel) });
    this.send(
      messageText(
        "pusher_internal:subscription_succeeded",
        isPresence ? rosterOf(channels.members(channel)) : "{}",
        channel,
      ),
    );
    if (isCache) void this.#tellNewest(channel);
  }

  #refusalOf(wish: { channel: string; auth?: string; channelData?: string }): string | undefined {
    const { channel, channelData, auth } = wish;
    if (auth === undefined) return "wanted a signature as auth";
    const rest = channelData === undefined ? {} : { channelData };
    return subscriptionRefusal(this.#parts.application, auth, { socketId: this.socketId, channel, ...rest });
  }

  #unsubscribe(channel: string): void {
    const held = this.#subscriptions.get(channel);
    if (!held) return;
    this.#subscriptions.delete(channel);
    this.#seat?.remove({ kind: "exact", address: addressOf(this.#parts.application.id, channel) });
    held.leave();
  }

  #signIn(auth: string, userData: string): void {
    const { application, hub } = this.#parts;
    const reason = signInRefusal(application, auth, { socketId: this.socketId, userData });
    if (reason !== undefined) return this.close("ended", `Cannot sign in: ${reason}`);
    const { id } = readMember(userData, "id");
    this.#detach();
    if (this.#userId !== undefined) {
      this.#seat?.remove({ kind: "exact", address: addressOf(application.id, channelOfUser(this.#userId)) });
    }
    this.#userId = id;
    this.#detach = hub.attach(this);
    this.#seat?.add({ kind: "exact", address: addressOf(application.id, channelOfUser(id)) });
    this.send(messageText("pusher:signin_success", JSON.stringify({ user_data: userData })));
  }

  #clientEvent({ channel, data, event }: { event: string; channel: string; data: unknown }): void {
    const { application, clock, settings } = this.#parts;
    const held = this.#subscriptions.get(channel);
    const refuse = (reason: string) => this.#fail(`Cannot send the event: ${reason}`, clientEventRefused);
    if (!channelKind(channel).takesClientEvents)
      return refuse("clients send events in private and presence channels only");
    if (!held) return refuse("this connection did not subscribe to the channel");
    const text = typeof data === "string" ? data : JSON.stringify(data);
    if (Buffer.byteLength(text) > settings.maxDataBytes)
      return refuse(`its data has more than ${settings.maxDataBytes} bytes`);
    const secondMs = Math.floor(clock.monotonicMs() / 1000);
    if (this.#events.secondMs !== secondMs) this.#events = { secondMs, count: 0 };
    if (++this.#events.count > settings.clientEventsPerSecond) {
      return refuse(`a client sends at most ${settings.clientEventsPerSecond} events in a second`);
    }
    const userId = held.member?.userId;
    const from = { exceptSocketId: this.socketId, ...(userId === undefined ? {} : { userId }) };
    this.#parts.hub
      .publish({ address: addressOf(application.id, channel), content: contentOf({ event, data, ...from }) })
      .then(
        () =>
          this.#parts.tell({
            name: "client_event",
            channel,
            event,
            data: text,
            socket_id: this.socketId,
            ...(userId === undefined ? {} : { user_id: userId }),
          }),
        (thrown: unknown) => refuse(thrown instanceof Fault ? thrown.message : "the server could not take it"),
      );
  }

  /** The last event of a cache channel, or that there is none. */
  async #tellNewest(channel: string): Promise<void> {
    const { application, hub, tell } = this.#parts;
    const kept = await hub.history({ kind: "exact", address: addressOf(application.id, channel) }, 20);
    if (!this.#subscriptions.has(channel)) return;
    const newest = kept.findLast(({ content }) => !eventOf(content).event.startsWith("client-"));
    if (newest) this.send(frameOf(newest).text);
    else {
      this.send(messageText("pusher:cache_miss", undefined, channel));
      tell({ name: "cache_miss", channel });
    }
  }

  #hear(publication: Publication): void {
    const { event, text } = frameOf(publication);
    if (event.exceptSocketId === this.socketId) return;
    this.send(text);
  }

  #refuse(channel: string, status: number, error: string): void {
    const type = status === 401 ? "AuthError" : status === 413 || status === 429 ? "LimitReached" : "InvalidRequest";
    this.send(messageText("pusher:subscription_error", { type, error, status }, channel.slice(0, 300)));
  }

  #fail(message: string, code: number | null): void {
    this.send(messageText("pusher:error", { message, code }));
  }
}

function protocolErrorOf(fault: Fault): number | null {
  return fault.kind === "unauthorized" ? protocolError : null;
}

function frameOf(publication: Publication): { text: string; event: ChannelEvent } {
  const held = frames.get(publication);
  if (held) return held;
  const event = eventOf(publication.content);
  const channel = channelOf(publication.address)?.channel;
  const made = { event, text: messageText(event.event, event.data, channel, event.userId) };
  frames.set(publication, made);
  return made;
}

function rosterOf(members: readonly Member[]): string {
  const hash = Object.fromEntries(members.map(({ info, userId }) => [userId, info]));
  return JSON.stringify({ presence: { ids: members.map(({ userId }) => userId), hash, count: members.length } });
}
