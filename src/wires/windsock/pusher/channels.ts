/**
 * The channels of the Pusher door on this node: who subscribed, which members a presence channel has (a user is one
 * member, however many connections), and which channels are occupied on any node. Presence and occupation lie in the hub,
 * which tells other nodes; news of them for webhooks comes from the node at which they began.
 */
import type { Clock } from "../../../kit/clock.ts";
import type { Hub, PresenceChange } from "../hub.ts";
import { addressOf, channelKind } from "./application.ts";
import { messageText } from "./message.ts";

/** A connection, as far as a channel knows it. */
export interface Subscriber {
  readonly socketId: string;
  /** Sends a message of the protocol. */
  send(text: string): void;
}

/** A member of a presence channel. */
export interface Member {
  userId: string;
  /** What the application says of it, any JSON. */
  info: unknown;
}

/** What webhooks are told. */
export interface ChannelNews {
  name: "channel_occupied" | "channel_vacated" | "member_added" | "member_removed" | "client_event" | "cache_miss";
  channel: string;
  user_id?: string;
  event?: string;
  data?: string;
  socket_id?: string;
}

interface Channel {
  subscribers: Map<Subscriber, () => void>;
  /** How many subscribers other nodes were told of, and what takes that back. */
  told: { count: number; takeBack: () => void };
  cancelTell: (() => void) | undefined;
  /** How often each user is there, in a presence channel. */
  members: Map<string, { member: Member; count: number }>;
  stop(): void;
}

/** Other nodes are told this often how many subscribers a channel has. */
const tellEveryMs = 1000;

/** The channels of one application. */
export class Channels {
  readonly #hub: Hub;
  readonly #applicationId: string;
  readonly #clock: Clock;
  readonly #nodeId: string;
  readonly #tell: (news: ChannelNews) => void;
  readonly #channels = new Map<string, Channel>();
  /** How many subscribers each node said that a channel has, by the name under which it said so. */
  readonly #occupied = new Map<string, Map<string, number>>();
  readonly #stop: () => void;
  #tellings = 0;

  /** `nodeId` is unique for each node and start. */
  constructor(
    { clock, hub, nodeId }: { hub: Hub; clock: Clock; nodeId: string },
    applicationId: string,
    tell: (news: ChannelNews) => void,
  ) {
    this.#hub = hub;
    this.#clock = clock;
    this.#applicationId = applicationId;
    this.#nodeId = nodeId;
    this.#tell = tell;
    const note = ({ kind, who: { connection, info, user } }: PresenceChange) => {
      const said = this.#occupied.get(user) ?? new Map<string, number>();
      // A node may say another number before it takes the former back.
      if (kind === "join") said.set(connection, countIn(info));
      else said.delete(connection);
      if (said.size > 0) this.#occupied.set(user, said);
      else this.#occupied.delete(user);
    };
    for (const who of hub.presence(this.#register)) note({ kind: "join", who });
    this.#stop = hub.watch(this.#register, note);
  }

  /** Hears of other nodes no more, and tells them nothing. */
  stop(): void {
    this.#stop();
    for (const { cancelTell } of this.#channels.values()) cancelTell?.();
  }

  /** Subscribes until the function that it gives is called. A presence channel wants to know who it is. */
  enter(name: string, subscriber: Subscriber, member?: Member): () => void {
    const channel = this.#channels.get(name) ?? this.#open(name);
    const leaveBoard =
      channelKind(name).isPresence && member ? this.#join(channel, name, subscriber, member) : () => undefined;
    // Only now: whoever comes is not told of itself.
    channel.subscribers.set(subscriber, leaveBoard);
    this.#tellLater(name, channel);
    return () => {
      if (channel.subscribers.get(subscriber) !== leaveBoard) return;
      channel.subscribers.delete(subscriber);
      leaveBoard();
      if (channel.subscribers.size > 0) {
        this.#tellLater(name, channel);
        return;
      }
      channel.stop();
      this.#channels.delete(name);
    };
  }

  /** The members of a presence channel on all nodes, each once. */
  members(name: string): Member[] {
    const open = this.#channels.get(name);
    if (open && channelKind(name).isPresence) return [...open.members.values()].map(({ member }) => member);
    const found = new Map<string, Member>();
    for (const { info, user } of this.#hub.presence(this.#address(name))) {
      if (!found.has(user)) found.set(user, { userId: user, info: readInfo(info) });
    }
    return [...found.values()];
  }

  /** The channels that somebody on any node subscribed to. */
  occupied(): string[] {
    return [...this.#occupied.keys()].sort();
  }

  /** Whether somebody on any node subscribed. */
  isOccupied(name: string): boolean {
    return this.#occupied.has(name);
  }

  /** How many connections subscribed, on all nodes; of others as they were a second ago. */
  subscribers(name: string): number {
    let count = this.#channels.get(name)?.subscribers.size ?? 0;
    for (const [by, said] of this.#occupied.get(name) ?? []) if (!by.startsWith(`${this.#nodeId} `)) count += said;
    return count;
  }

  /** Under this address each node enters the channels that it has subscribers of. */
  get #register(): string {
    return addressOf(this.#applicationId, "#occupied");
  }

  #address(name: string): string {
    return addressOf(this.#applicationId, name);
  }

  #join(channel: Channel, name: string, { socketId }: Subscriber, { info, userId: user }: Member): () => void {
    if (!channel.members.has(user)) this.#tell({ name: "member_added", channel: name, user_id: user });
    const who = { connection: socketId, user, info: JSON.stringify(info ?? null) };
    const leave = this.#hub.enter(this.#address(name), who);
    return () => {
      leave();
      if (!channel.members.has(user)) this.#tell({ name: "member_removed", channel: name, user_id: user });
    };
  }

  #open(name: string): Channel {
    const members: Channel["members"] = new Map();
    const isPresence = channelKind(name).isPresence;
    if (isPresence) for (const { user, info } of this.#hub.presence(this.#address(name))) count(members, user, info);
    const stopWatching = isPresence
      ? this.#hub.watch(this.#address(name), (change) => this.#changed(name, change))
      : () => undefined;
    if (!this.isOccupied(name)) this.#tell({ name: "channel_occupied", channel: name });
    const channel: Channel = {
      subscribers: new Map(),
      // Whoever is the first comes in a moment.
      told: { count: 1, takeBack: this.#say(name, 1) },
      cancelTell: undefined,
      members,
      stop: () => {
        stopWatching();
        channel.cancelTell?.();
        channel.told.takeBack();
        if (!this.isOccupied(name)) this.#tell({ name: "channel_vacated", channel: name });
      },
    };
    this.#channels.set(name, channel);
    return channel;
  }

  /** Tells all nodes how many subscribers a channel has here, until the function is called. */
  #say(name: string, count: number): () => void {
    const connection = `${this.#nodeId} ${++this.#tellings}`;
    return this.#hub.enter(this.#register, { connection, user: name, info: String(count) });
  }

  #tellLater(name: string, channel: Channel): void {
    channel.cancelTell ??= this.#clock.schedule(tellEveryMs, () => {
      channel.cancelTell = undefined;
      const { size } = channel.subscribers;
      if (size === channel.told.count) return;
      const { takeBack } = channel.told;
      // In this order, for nobody may see it vacated in between.
      channel.told = { count: size, takeBack: this.#say(name, size) };
      takeBack();
    });
  }

  #changed(name: string, { kind, who }: PresenceChange): void {
    const channel = this.#channels.get(name);
    if (!channel) return;
    const held = channel.members.get(who.user);
    if (kind === "join") {
      if (!count(channel.members, who.user, who.info)) return;
    } else {
      if (!held) return;
      held.count--;
      if (held.count > 0) return;
      channel.members.delete(who.user);
    }
    const member = held?.member ?? { userId: who.user, info: readInfo(who.info) };
    const text = changeText(name, kind, member);
    for (const subscriber of channel.subscribers.keys()) subscriber.send(text);
  }
}

/** How a user's coming or going is told. */
function changeText(channel: string, kind: "join" | "leave", { info, userId }: Member): string {
  const data = kind === "join" ? { user_id: userId, user_info: info } : { user_id: userId };
  const event = kind === "join" ? "pusher_internal:member_added" : "pusher_internal:member_removed";
  return messageText(event, JSON.stringify(data), channel);
}

/** One more of a user; whether it is the first. */
function count(members: Channel["members"], user: string, info: string | undefined): boolean {
  const held = members.get(user);
  if (held) held.count++;
  else members.set(user, { member: { userId: user, info: readInfo(info) }, count: 1 });
  return !held;
}

/** What a node said of its subscribers; one of another version says that there are some. */
function countIn(info: string | undefined): number {
  return info !== undefined && /^\d{1,9}$/.test(info) ? Number(info) : 1;
}

function readInfo(info: string | undefined): unknown {
  if (info === undefined) return null;
  try {
    return JSON.parse(info);
  } catch (thrown) {
    // Entered by another door, which need not write JSON.
    if (thrown instanceof SyntaxError) return info;
    throw thrown;
  }
}
