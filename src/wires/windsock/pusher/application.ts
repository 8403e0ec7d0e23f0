/**
 * Applications of the Pusher door, and what their channels are called inside: channel `room` of application `shop` is the
 * address `pusher.shop.room`. An application's id has no dot, so the way back is unambiguous, and whoever publishes to
 * such an address by ZeroMQ, HTTP or another node reaches the channel. Source: Pusher Channels' documentation of channels.
 */

/** One application: who knows its secret may publish and let people into its channels. */
export interface Application {
  /** Letters, digits, dashes and underscores. */
  id: string;
  /** Public: browsers show it. */
  key: string;
  secret: string;
  /** Where news of channels goes; none without one. */
  webhook?: string;
}

/** What may be done in a channel, by the beginning of its name. */
export interface ChannelKind {
  /** Subscribing needs a signature of the application. */
  isPrivate: boolean;
  /** Its members are told of each other. */
  isPresence: boolean;
  /** Its last event is kept for those who come later. */
  isCache: boolean;
  /** Clients may send events to each other. */
  takesClientEvents: boolean;
}

/** The most that the name of a channel may have, in characters. */
export const maxChannelLength = 200;
const userChannel = "#server-to-user-";

/** Reads `id:key:secret`. Throws SyntaxError for anything else. */
export function parseApplication(text: string): Application {
  const match = /^([\w-]{1,64}):([\w-]{1,128}):(\S{1,256})$/.exec(text);
  const [, id, key, secret] = match ?? [];
  if (id === undefined || key === undefined || secret === undefined) {
    throw new SyntaxError("Cannot read the application: wanted id:key:secret, id and key of letters, digits, - and _");
  }
  return { id, key, secret };
}

/** Whether a channel may be called so by clients. */
export function isChannel(name: string): boolean {
  return name.length <= maxChannelLength && /^[-\w=@,.;]+$/.test(name);
}

/** Whether back ends may publish there: a channel, or all connections of one user. */
export function isTarget(name: string): boolean {
  if (!name.startsWith(userChannel)) return isChannel(name);
  return name.length > userChannel.length && name.length <= maxChannelLength && !/[\p{Cc}]/u.test(name);
}

/** The channel that all connections of a signed-in user hear. */
export function channelOfUser(userId: string): string {
  return `${userChannel}${userId}`;
}

/** What may be done in a channel. */
export function channelKind(name: string): ChannelKind {
  const isPresence = name.startsWith("presence-");
  const isPrivate = isPresence || name.startsWith("private-");
  return {
    isPrivate,
    isPresence,
    isCache: /^(?:cache-|private-cache-|private-encrypted-cache-|presence-cache-)/.test(name),
    // Of encrypted ones the server cannot know what they say, and Pusher refuses them.
    takesClientEvents: isPrivate && !name.startsWith("private-encrypted-"),
  };
}

/** The address of a channel. */
export function addressOf(applicationId: string, channel: string): string {
  return `pusher.${applicationId}.${channel}`;
}

/** The application and channel of an address; undefined for an address of something else. */
export function channelOf(address: string): { applicationId: string; channel: string } | undefined {
  const match = /^pusher\.([\w-]+)\.(.+)$/s.exec(address);
  const [, applicationId, channel] = match ?? [];
  return applicationId === undefined || channel === undefined ? undefined : { applicationId, channel };
}
