/**
 * What nodes say to each other, as JSON text: publications and orders in numbered entries, how far the numbers go, who is
 * present, which tokens were called back. Everything is checked on the way in, so that a node of another version or a
 * stranger on the same NATS can spoil nothing but its own messages; what cannot be understood in the middle of a list
 * spoils nothing beside it.
 */
import { z } from "zod";

/** An entry of a node's numbered log. */
export type Entry =
  /** A publication: address, content, when (epoch ms). */
  | ["publish", string, string, number]
  /** Ends all connections of a user. */
  | ["end-user", string, string]
  /** Ends one connection. */
  | ["end-connection", string, string]
  /** Has its number, and is nothing that this node understands. */
  | ["unreadable", string, string];

/** Somebody present: address, connection, user, what they say of themselves. */
export type PresentEntry = [string, string, string, string | null];

/**
 * Tokens that were called back: whose or which, when (epoch seconds, by the clock of the node that was told), and for how
 * many seconds more: clocks of nodes differ.
 */
export type RevokedEntry = ["user" | "token", string, number, number];

/** The longest name of a user, a connection or a token: that of whoever a token may name. */
const longestName = 4096;

const id = z.string().min(1).max(64);
const number = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const address = z.string().max(1024);
const name = z.string().max(longestName);
const reason = z.string().max(512);
const info = z.string().max(8192).nullable();
const entry: z.ZodType<Entry> = z
  .union([
    z.tuple([z.literal("publish"), address, z.string(), z.number()]),
    z.tuple([z.literal("end-user"), name, reason]),
    z.tuple([z.literal("end-connection"), name, reason]),
    z.tuple([z.literal("unreadable"), z.string(), z.string()]),
  ])
  .catch(["unreadable", "", ""]);
const present: z.ZodType<PresentEntry> = z.tuple([address, name, name, info]);
const revoked: z.ZodType<RevokedEntry> = z.tuple([z.enum(["user", "token"]), name.min(1), z.number(), z.number()]);

/** A list of which what cannot be understood is left out. */
function listOf<T>(item: z.ZodType<T>) {
  return z
    .array(z.unknown())
    .max(2000)
    .transform((found) =>
      found.flatMap((one) => {
        const read = item.safeParse(one);
        return read.success ? [read.data] : [];
      }),
    );
}

const from = { from: id, run: id };
const shape = z.discriminatedUnion("kind", [
  /** Entries from the number `first` on; `newest` is the newest that there is. */
  z.object({ kind: z.literal("entries"), ...from, first: number, newest: number, entries: z.array(entry).max(2000) }),
  /**
   * I am there. `presence` counts the changes of presence, `revoked` those of the list of revocations; `leaves` says that
   * nothing will follow.
   */
  z.object({
    kind: z.literal("beat"),
    ...from,
    newest: number,
    presence: number,
    revoked: number.optional(),
    leaves: z.boolean(),
  }),
  /** Send me what came after a number. */
  z.object({ kind: z.literal("want"), ...from, of: id, ofRun: id, after: number }),
  /** What you want is forgotten up to `oldest`, the oldest that is kept. */
  z.object({ kind: z.literal("lost"), ...from, to: id, oldest: number, newest: number }),
  /** One part of all who are present. */
  z.object({
    kind: z.literal("here"),
    ...from,
    presence: number,
    part: number,
    parts: number,
    entries: listOf(present),
  }),
  /** Somebody came or went. */
  z.object({ kind: z.literal("change"), ...from, presence: number, isThere: z.boolean(), entry: present }),
  /** Tell me who is present. */
  z.object({ kind: z.literal("who"), ...from, of: id }),
  /** Tokens are called back: all that are, in parts, or (`isWhole` false) what came last. */
  z.object({
    kind: z.literal("revoked"),
    ...from,
    revoked: number,
    isWhole: z.boolean(),
    part: number,
    parts: number,
    entries: listOf(revoked),
  }),
  /** Tell me all that were called back. */
  z.object({ kind: z.literal("which"), ...from, of: id }),
]);

/** One message between nodes. */
export type NodeMessage = z.infer<typeof shape>;

/** The text of a message. */
export function writeNodeMessage(message: NodeMessage): string {
  return JSON.stringify(message);
}

/** Reads a message; undefined for anything else. */
export function readNodeMessage(text: string): NodeMessage | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof RangeError) return undefined;
    throw thrown;
  }
  const read = shape.safeParse(raw);
  return read.success ? read.data : undefined;
}
