/**
 * What is said on a websocket of Pusher's protocol, version 7, and how an event stands in the content of a publication:
 * `{"event":"…","data":…,"socket_id"?:"…","user_id"?:"…"}`, where `socket_id` is the connection that shall not hear it. Whatever else is
 * published to a channel's address is heard as the event `message` with the content as its data.
 */
import { Fault } from "../../../kit/fault.ts";

/** The most that the name of an event may have, in characters. */
export const maxEventLength = 200;
/** The most that the id of a user may have, in characters. */
export const maxUserIdLength = 128;
/** The most that a text of a client may have, in characters; its events are bounded further. */
const maxFrameLength = 100_000;
/** As deep as data may be nested; what is passed on must be writable again. */
const maxDepth = 100;

/** What a client says. */
export type ClientMessage =
  | { kind: "subscribe"; channel: string; auth?: string; channelData?: string }
  | { kind: "unsubscribe"; channel: string }
  | { kind: "signin"; auth: string; userData: string }
  | { kind: "ping" }
  | { kind: "pong" }
  | { kind: "event"; event: string; channel: string; data: unknown };

/** An event in a channel. */
export interface ChannelEvent {
  event: string;
  /** A text as back ends send it, or any JSON of a client. */
  data: unknown;
  /** The connection that shall not hear it. */
  exceptSocketId?: string;
  /** Who sent it, in presence channels. */
  userId?: string;
}

/** Reads what a client said. Fault `windsock/pusher-message` (invalid). */
export function readMessage(text: string): ClientMessage {
  if (text.length > maxFrameLength) throw refusal(`it has more than ${maxFrameLength} characters`);
  const message = objectOf(text);
  if (!message) throw refusal("it is no JSON object");
  const { event } = message;
  if (typeof event !== "string" || event === "") throw refusal('wanted a text as "event"');
  switch (event) {
    case "pusher:ping":
      return { kind: "ping" };
    case "pusher:pong":
      return { kind: "pong" };
    case "pusher:subscribe": {
      const data = dataOf(message);
      const auth = maybeText(data, "auth");
      const channelData = maybeText(data, "channel_data");
      return {
        kind: "subscribe",
        channel: textOf(data, "channel"),
        ...(auth === undefined ? {} : { auth }),
        ...(channelData === undefined ? {} : { channelData }),
      };
    }
    case "pusher:unsubscribe":
      return { kind: "unsubscribe", channel: textOf(dataOf(message), "channel") };
    case "pusher:signin": {
      const data = dataOf(message);
      return { kind: "signin", auth: textOf(data, "auth"), userData: textOf(data, "user_data") };
    }
    default:
      if (!event.startsWith("client-")) throw refusal(`nothing is known of the event "${event.slice(0, 100)}"`);
      if (event.length > maxEventLength)
        throw refusal(`the name of the event has more than ${maxEventLength} characters`);
      if (isDeep(message.data, maxDepth)) throw refusal("its data is nested too deeply");
      return { kind: "event", event, channel: textOf(message, "channel"), data: message.data ?? null };
  }
}

/** What a client is told, as text. */
export function messageText(event: string, data: unknown, channel?: string, userId?: string): string {
  return JSON.stringify({ event, channel, data, user_id: userId });
}

/** The content of the publication of an event. */
export function contentOf({ data, event, exceptSocketId, userId }: ChannelEvent): string {
  return JSON.stringify({ event, data, socket_id: exceptSocketId, user_id: userId });
}

/** The event of a publication, whoever published it. */
export function eventOf(content: string): ChannelEvent {
  const held = content.startsWith("{") ? objectOf(content) : undefined;
  const name = held?.event;
  // What only the server may say is never believed of a publication.
  if (!held || typeof name !== "string" || !("data" in held) || /^pusher(?:_internal)?:/.test(name)) {
    return { event: "message", data: content };
  }
  return {
    event: name,
    data: held.data,
    ...(typeof held.socket_id === "string" ? { exceptSocketId: held.socket_id } : {}),
    ...(typeof held.user_id === "string" ? { userId: held.user_id } : {}),
  };
}

/** A member of a presence channel, or a user, as the application wrote it. Fault `windsock/pusher-member` (invalid). */
export function readMember(text: string, idName: "user_id" | "id"): { id: string; info: unknown } {
  const member = text.length <= 4096 ? objectOf(text) : undefined;
  const id = member?.[idName];
  // Some back ends give numbers as they stand in their tables.
  if (
    !member ||
    (typeof id !== "string" && typeof id !== "number") ||
    id === "" ||
    String(id).length > maxUserIdLength
  ) {
    const reason = `wanted a JSON object with "${idName}" of 1 to ${maxUserIdLength} characters, 4096 at most in all`;
    throw new Fault("invalid", "windsock/pusher-member", `Cannot take the user: ${reason}`);
  }
  return { id: String(id), info: member.user_info ?? null };
}

function objectOf(text: string): Record<string, unknown> | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof RangeError) return undefined;
    throw thrown;
  }
  return isObject(raw) ? raw : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The data of a message; some clients write it as text. */
function dataOf(message: Record<string, unknown>): Record<string, unknown> {
  const { data } = message;
  const read = typeof data === "string" ? objectOf(data) : data;
  if (!isObject(read)) throw refusal('wanted an object as "data"');
  return read;
}

function textOf(from: Record<string, unknown>, key: string): string {
  const value = from[key];
  if (typeof value !== "string") throw refusal(`wanted a text as "${key}"`);
  return value;
}

function maybeText(from: Record<string, unknown>, key: string): string | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  return textOf(from, key);
}

function isDeep(value: unknown, left: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (left === 0) return true;
  return Object.values(value).some((inner) => isDeep(inner, left - 1));
}

function refusal(reason: string): Fault {
  return new Fault("invalid", "windsock/pusher-message", `Cannot take the message: ${reason}`);
}
