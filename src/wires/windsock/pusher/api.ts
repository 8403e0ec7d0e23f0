/**
 * The HTTP API of the Pusher door, for back ends: events, channels, members, and the end of a user's connections. Every
 * request is signed; what is wrong with one that is not is said. Answers are JSON as Pusher's libraries read it.
 */
import { z } from "zod";

import { Fault } from "../../../kit/fault.ts";
import { publishAt } from "../doors/publish.ts";
import type { Hub } from "../hub.ts";
import { addressOf, type Application, channelKind, isChannel, isTarget } from "./application.ts";
import type { Channels } from "./channels.ts";
import { contentOf, eventOf, maxEventLength, maxUserIdLength } from "./message.ts";

/** What the API is held to. */
export interface ApiSettings {
  /** Of an event's data, in bytes of UTF-8. */
  maxDataBytes: number;
  /** Channels that one event goes to. */
  maxTargets: number;
  /** Events of one batch. */
  maxBatch: number;
}

/** What the API stands on. */
export interface ApiParts {
  hub: Hub;
  application: Application;
  channels: Channels;
  settings: ApiSettings;
}

/** A request that was found to be signed. */
export interface ApiRequest {
  method: string;
  /** Below `/apps/<id>`, decoded. */
  path: string;
  query: URLSearchParams;
  body: string;
}

const socketId = z.string().regex(/^\d{1,20}\.\d{1,20}$/, "wanted a socket_id such as 123.456");
const name = z.string().min(1).max(maxEventLength);
const infoShape = z.string().max(200).optional();
const eventShape = z.object({
  name,
  data: z.string(),
  channel: z.string().optional(),
  channels: z.array(z.string()).optional(),
  socket_id: socketId.nullish(),
  info: infoShape,
});
const batchShape = z.object({
  batch: z.array(
    z.object({ name, data: z.string(), channel: z.string(), socket_id: socketId.nullish(), info: infoShape }),
  ),
});

/** Does what is asked. Faults: `windsock/pusher-request` (invalid), `windsock/pusher-missing`, those of `Hub.publish`. */
export async function answerApi(parts: ApiParts, request: ApiRequest): Promise<Response> {
  const [, noun = "", id, more, ...rest] = request.path.split("/");
  const route = `${request.method} ${noun}${id === undefined ? "" : "/:"}${more === undefined ? "" : `/${more}`}`;
  if (rest.length === 0) {
    switch (route) {
      case "POST events":
        return publishOne(parts, request);
      case "POST batch_events":
        return publishBatch(parts, request);
      case "GET channels":
        return listChannels(parts, request);
      case "GET channels/:":
        return showChannel(parts, request, id ?? "");
      case "GET channels/:/users":
        return listMembers(parts, id ?? "");
      case "POST users/:/terminate_connections":
        if (id === undefined || id === "" || id.length > maxUserIdLength) {
          throw refusal(`wanted the id of a user, of 1 to ${maxUserIdLength} characters`);
        }
        parts.hub.disconnect({ user: `${parts.application.id}/${id}` }, "The application ended your connections");
        return json({});
    }
  }
  throw new Fault("missing", "windsock/pusher-missing", `Cannot ${route}: the API has no such request`);
}

async function publishOne(parts: ApiParts, { body }: ApiRequest): Promise<Response> {
  const { channel, channels, data, info, name: event, socket_id: except } = readBody(eventShape, body);
  const targets = channels ?? (channel === undefined ? [] : [channel]);
  if (targets.length === 0 || targets.length > parts.settings.maxTargets) {
    throw refusal(`wanted 1 to ${parts.settings.maxTargets} channels`);
  }
  for (const target of targets) requireTarget(target);
  requireSize(parts, data);
  const content = contentOf({ event: requireEvent(event), data, ...(except ? { exceptSocketId: except } : {}) });
  await Promise.all(
    [...new Set(targets)].map((target) =>
      publishAt(parts.hub, { address: addressOf(parts.application.id, target), content }),
    ),
  );
  if (info === undefined) return json({});
  const wanted = infoOf(info);
  return json({ channels: Object.fromEntries(targets.map((target) => [target, countsOf(parts, target, wanted)])) });
}

async function publishBatch(parts: ApiParts, { body }: ApiRequest): Promise<Response> {
  const { batch } = readBody(batchShape, body);
  if (batch.length === 0 || batch.length > parts.settings.maxBatch) {
    throw refusal(`wanted 1 to ${parts.settings.maxBatch} events in a batch`);
  }
  // All are looked at before any goes out.
  const envelopes = batch.map(({ channel, data, name: event, socket_id: except }) => {
    requireTarget(channel);
    requireSize(parts, data);
    return {
      address: addressOf(parts.application.id, channel),
      content: contentOf({ event: requireEvent(event), data, ...(except ? { exceptSocketId: except } : {}) }),
    };
  });
  await Promise.all(envelopes.map((envelope) => publishAt(parts.hub, envelope)));
  if (batch.every(({ info }) => info === undefined)) return json({});
  return json({
    batch: batch.map(({ channel, info }) => (info === undefined ? {} : countsOf(parts, channel, infoOf(info)))),
  });
}

function listChannels(parts: ApiParts, { query }: ApiRequest): Response {
  const prefix = query.get("filter_by_prefix") ?? "";
  const wanted = infoOf(query.get("info") ?? "");
  if (wanted.has("user_count") && !prefix.startsWith("presence-")) {
    throw refusal("user_count is of presence channels: wanted filter_by_prefix=presence-");
  }
  const names = parts.channels.occupied().filter((channel) => channel.startsWith(prefix));
  return json({ channels: Object.fromEntries(names.map((channel) => [channel, countsOf(parts, channel, wanted)])) });
}

async function showChannel(parts: ApiParts, { query }: ApiRequest, channel: string): Promise<Response> {
  requireChannel(channel);
  const wanted = infoOf(query.get("info") ?? "");
  if (wanted.has("user_count") && !channelKind(channel).isPresence)
    throw refusal("user_count is of presence channels only");
  const view: Record<string, unknown> = {
    occupied: parts.channels.isOccupied(channel),
    ...countsOf(parts, channel, wanted),
  };
  if (wanted.has("cache") && channelKind(channel).isCache) {
    const address = addressOf(parts.application.id, channel);
    const [newest] = await parts.hub.history({ kind: "exact", address }, 1);
    if (newest) {
      const { data } = eventOf(newest.content);
      view.cache = { data: typeof data === "string" ? data : JSON.stringify(data), ttl: null };
    }
  }
  return json(view);
}

function listMembers(parts: ApiParts, channel: string): Response {
  requireChannel(channel);
  if (!channelKind(channel).isPresence) throw refusal("only presence channels have users");
  return json({ users: parts.channels.members(channel).map(({ userId }) => ({ id: userId })) });
}

function countsOf(parts: ApiParts, channel: string, wanted: ReadonlySet<string>): Record<string, unknown> {
  const view: Record<string, unknown> = {};
  if (wanted.has("user_count") && channelKind(channel).isPresence)
    view.user_count = parts.channels.members(channel).length;
  if (wanted.has("subscription_count")) view.subscription_count = parts.channels.subscribers(channel);
  return view;
}

function infoOf(text: string): ReadonlySet<string> {
  return new Set(text.split(",").map((word) => word.trim()));
}

function readBody<Shape>(shape: z.ZodType<Shape>, body: string): Shape {
  let raw: unknown;
  try {
    raw = JSON.parse(body);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError || thrown instanceof RangeError)) throw thrown;
    throw refusal("the body is no JSON");
  }
  const read = shape.safeParse(raw);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw refusal(issue ? `${issue.path.join(".") || "body"}: ${issue.message}` : "the body is not of the right form");
}

function requireEvent(event: string): string {
  if (/^pusher(?:_internal)?:/.test(event)) throw refusal("events that begin with pusher: are the server's own");
  return event;
}

function requireTarget(channel: string): void {
  if (!isTarget(channel)) throw refusal(`"${channel.slice(0, 100)}" is no name of a channel`);
}

function requireChannel(channel: string): void {
  if (!isChannel(channel)) throw refusal(`"${channel.slice(0, 100)}" is no name of a channel`);
}

function requireSize({ settings }: ApiParts, data: string): void {
  if (Buffer.byteLength(data) <= settings.maxDataBytes) return;
  const reason = `the data of an event has more than ${settings.maxDataBytes} bytes`;
  throw new Fault("too-large", "windsock/pusher-too-large", `Cannot take the request: ${reason}`);
}

function json(value: unknown): Response {
  return Response.json(value, { headers: { "Cache-Control": "no-store" } });
}

function refusal(reason: string): Fault {
  return new Fault("invalid", "windsock/pusher-request", `Cannot take the request: ${reason}`);
}
