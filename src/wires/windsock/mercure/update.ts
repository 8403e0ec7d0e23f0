/**
 * Updates of Mercure: how one stands in a publication, and how it goes out as a server-sent event. A topic's address is
 * `mercure.` and the topic; the content is `{"update":{"id","topics","private"?,"type"?,"retry"?},"data":"…"}`. Whatever else is
 * published to such an address is a public update whose data is the content.
 */
import { z } from "zod";

import type { Publication } from "../publication.ts";
import { maxTopicLength } from "./matcher.ts";

/** An update. */
export interface Update {
  id: string;
  /** The topic, and others under which it is published as well. */
  topics: readonly string[];
  data: string;
  isPrivate: boolean;
  /** The name of the event. */
  type?: string;
  /** How long the browser waits before it comes back, in ms. */
  retry?: number;
}

/** The addresses of all updates begin so. */
export const addressLead = "mercure.";
/** The most that an id or the name of an event may have, in characters. */
export const maxIdLength = 256;

const shape = z.object({
  update: z.object({
    id: z
      .string()
      .min(1)
      .max(maxIdLength)
      .regex(/^[^#\r\n\0][^\r\n\0]*$/),
    topics: z.array(z.string().max(maxTopicLength)).min(1).max(20),
    private: z.boolean().optional(),
    type: z
      .string()
      .max(maxIdLength)
      .regex(/^[^\r\n]*$/)
      .optional(),
    retry: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  }),
  data: z.string(),
});

/** The address of a topic. */
export function addressOf(topic: string): string {
  return `${addressLead}${topic}`;
}

/** The content of an update's publications. */
export function contentOf({ data, id, isPrivate, retry, topics, type }: Update): string {
  return JSON.stringify({ update: { id, topics, private: isPrivate ? true : undefined, type, retry }, data });
}

/** One reading serves all who hear a publication. */
const known = new WeakMap<Publication, Update>();

/** The update of a publication; undefined when it stands under no topic. */
export function updateOf(publication: Publication): Update | undefined {
  const held = known.get(publication);
  if (held) return held;
  if (!publication.address.startsWith(addressLead)) return undefined;
  const made = readUpdate(publication);
  known.set(publication, made);
  return made;
}

function readUpdate({ address, content, position }: Publication): Update {
  const topic = address.slice(addressLead.length);
  const read = shape.safeParse(content.startsWith('{"update":') ? objectOf(content) : undefined);
  if (!read.success) return { id: `urn:windsock:${position}`, topics: [topic], data: content, isPrivate: false };
  const { data, update } = read.data;
  const { id, private: isPrivate = false, retry, topics, type } = update;
  return {
    id,
    // Who may publish to the address has a say about it only.
    topics: topics.includes(topic) ? topics : [topic],
    data,
    isPrivate,
    ...(type === undefined || type === "" ? {} : { type }),
    ...(retry === undefined ? {} : { retry }),
  };
}

function objectOf(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof RangeError) return undefined;
    throw thrown;
  }
}

/** The server-sent event of an update. */
export function eventText({ data, id, retry, type }: Update): string {
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  const head = `${type === undefined ? "" : `event: ${type}\n`}${retry === undefined ? "" : `retry: ${retry}\n`}id: ${id}\n`;
  return `${head}${lines.join("")}\n`;
}
