/**
 * Notes on images: where a square crop should look, and other extensions an image is served under because links use them.
 * A note is a value under a name, with the time it was set. Of two notes of one name the later wins, then the one whose
 * value is the larger text, so that all nodes come to the same whatever the order. Each note is a small blob in Cask as
 * well; with that nothing is lost with a machine.
 */
import { z } from "zod";

import { formatNamed } from "./image-url.ts";
import { type Key, parseKey } from "../cask/client.ts";
import type { FocalPoint } from "./engine.ts";

/** A note. */
export interface Note {
  readonly image: Key;
  /** `focus`, or `as:` and an extension. */
  readonly name: string;
  /** JSON: a focal point or null; true or null for an extension. */
  readonly value: string;
  /** When it was set, epoch ms. */
  readonly at: number;
}

/** The name of focal points. */
export const focusName = "focus";
/** No note is longer, as a blob. */
export const noteBytesMax = 4096;
/** What a note's blob begins with. */
export const noteOpening = "warren reticulum note 1\n";
/** Notes from a future further away than this are not believed, or one wrong clock would win for ever. */
const futureMs = 86_400_000;

const fraction = z.number().min(0).max(1);
const pointShape = z.object({ x: fraction, y: fraction });
const shape = z.object({ image: z.string(), name: z.string().max(40), value: z.string().max(200), at: z.int().min(0) });

/** A focal point as a note. Coordinates are kept to four decimals. */
export function focusNote(image: Key, point: FocalPoint | null, at: number): Note {
  const rounded = (value: number) => Math.round(value * 10_000) / 10_000;
  const value = point === null ? "null" : JSON.stringify({ x: rounded(point.x), y: rounded(point.y) });
  return { image, name: focusName, value, at };
}

/** That an image is served under another extension, too. */
export function extensionNote(image: Key, extension: string, at: number): Note {
  return { image, name: `as:${extension}`, value: "true", at };
}

/** The focal point in a note's value; undefined for none. */
export function pointIn(value: string | undefined): FocalPoint | undefined {
  if (value === undefined) return undefined;
  const parsed = pointShape.safeParse(parsedJson(value));
  return parsed.success ? parsed.data : undefined;
}

/** A note of a shape that may be kept, or undefined; for what comes from other nodes and from blobs. */
export function checkedNote(raw: unknown, now: number): Note | undefined {
  const parsed = shape.safeParse(raw);
  if (!parsed.success) return undefined;
  const { name, value, at } = parsed.data;
  const image = parseKey(parsed.data.image);
  if (image === undefined || at > now + futureMs) return undefined;
  const isFocus = name === focusName && (value === "null" || pointIn(value) !== undefined);
  const isExtension =
    name.startsWith("as:") && formatNamed(name.slice(3)) !== undefined && (value === "true" || value === "null");
  return isFocus || isExtension ? { image, name, value, at } : undefined;
}

/** Whether `note` is to take the place of `held`. */
export function wins(note: Note, held: Note): boolean {
  return note.at !== held.at ? note.at > held.at : note.value > held.value;
}

/** A note as a blob. */
export function encodeNote({ image, name, value, at }: Note): Uint8Array {
  return new TextEncoder().encode(`${noteOpening}${JSON.stringify({ image, name, value, at })}\n`);
}

/** The note in a blob, or undefined when it is none. */
export function decodeNote(bytes: Uint8Array, now: number): Note | undefined {
  if (bytes.byteLength > noteBytesMax) return undefined;
  const text = new TextDecoder().decode(bytes);
  return text.startsWith(noteOpening) ? checkedNote(parsedJson(text.slice(noteOpening.length)), now) : undefined;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}
