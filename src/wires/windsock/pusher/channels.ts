/**
 * The channels of the Pusher door on this node: who subscribed, which members a presence channel has (a user is one
 * member, however many connections), and which channels are occupied on any node. Presence and occupation lie in the hub,
 * which tells other nodes; news of them for webhooks comes from the node at which they began.
 */
import type { Hub, PresenceChange } from "../hub.ts";
import { addressOf, channelKind } from "./application.ts";

/** A connection, as far as a channel knows it. */
export interface Subscriber {
  readonly socketId: string;
  /** A user came into, or left, a presence channel. */
  memberChanged(channel: string, kind: "join" | "leave", member: Member): void;
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
  /** How often each user is there, in a presence channel. */
  members: Map<string, { member: Member; count: number }>;
  stop(): void;
}

/** The channels of one application. */
export class Channels {
  readonly #hub: Hub;
  readonly #applicationId: string;
  readonly #nodeId: string;
  readonly #tell: (news: ChannelNews) => void;
  readonly #channels = new Map<string, Channel>();

  /** `nodeId` is unique for each node and start. */
  constructor(hub: Hub, applicationId: string, nodeId: string, tell: (news: ChannelNews) => void) {
    this.#hub = hub;
    this.#applicationId = applicationId;
    this.#nodeId = nodeId;
    this.#tell = tell;
  }

  /** Subscribes until the function that it gives is called. A presence channel wants to know who it is. */
  enter(name: string, subscriber: Subscriber, member?: Member): () => void {
    const channel = this.#channels.get(name) ?? this.#open(name);
    const leaveBoard = channelKind(name).isPresence && member ? this.#join(name, subscriber, member) : () => undefined;
    // Only now: whoever comes is not told of itself.
    channel.subscribers.set(subscriber, leaveBoard);
    return () => {
      if (channel.subscribers.get(subscriber) !== leaveBoard) return;
      channel.subscribers.delete(subscriber);
      leaveBoard();
      if (channel.subscribers.size > 0) return;
      channel.stop();
      this.#channels.delete(name);
    };
  }

  /** The members of a presence channel on all nodes, each once. */
  members(name: string): Member[] {
    const found = new Map<string, Member>();
    for (const { info, user } of this.#hub.presence(this.#address(name))) {
      if (!found.has(user)) found.set(user, { userId: user, info: readInfo(info) });
    }
    return [...found.values()];
  }

  /** The channels that somebody on any node subscribed to. */
  occupied(): string[] {
    return [...new Set(this.#hub.presence(this.#register).map(({ user }) => user))].sort();
  }

  /** How many connections of this node subscribed. */
  subscribersHere(name: string): number {
    return this.#channels.get(name)?.subscribers.size ?? 0;
  }

  /** Under this address each node enters the channels that it has subscribers of. */
  get #register(): string {
    return addressOf(this.#applicationId, "#occupied");
  }

  #address(name: string): string {
    return addressOf(this.#applicationId, name);
  }

  #join(name: string, { socketId: connection }: Subscriber, { info, userId: user }: Member): () => void {
    const isThere = () => this.#hub.presence(this.#address(name)).some((other) => other.user === user);
    if (!isThere()) this.#tell({ name: "member_added", channel: name, user_id: user });
    const leave = this.#hub.enter(this.#address(name), { connection, user, info: JSON.stringify(info ?? null) });
    return () => {
      leave();
      if (!isThere()) this.#tell({ name: "member_removed", channel: name, user_id: user });
    };
  }

  #open(name: string): Channel {
    const isElsewhere = () => this.#hub.presence(this.#register).some(({ user }) => user === name);
    const members: Channel["members"] = new Map();
    const isPresence = channelKind(name).isPresence;
    if (isPresence) for (const { user, info } of this.#hub.presence(this.#address(name))) count(members, user, info);
    const stopWatching = isPresence
      ? this.#hub.watch(this.#address(name), (change) => this.#changed(name, change))
      : () => undefined;
    if (!isElsewhere()) this.#tell({ name: "channel_occupied", channel: name });
    const leaveRegister = this.#hub.enter(this.#register, { connection: `${this.#nodeId} ${name}`, user: name });
    const channel: Channel = {
      subscribers: new Map(),
      members,
      stop: () => {
        stopWatching();
        leaveRegister();
        if (!isElsewhere()) this.#tell({ name: "channel_vacated", channel: name });
      },
    };
    this.#channels.set(name, channel);
    return channel;
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
    for (const subscriber of channel.subscribers.keys()) subscriber.memberChanged(name, kind, member);
  }
}

/** One more of a user; whether it is the first. */
function count(members: Channel["members"], user: string, info: string | undefined): boolean {
  const held = members.get(user);
  if (held) held.count++;
  else members.set(user, { member: { userId: user, info: readInfo(info) }, count: 1 });
  return !held;
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
