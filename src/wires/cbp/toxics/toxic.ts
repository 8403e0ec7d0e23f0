/**
 * A toxic: a fault that is put into one direction of a proxy's connections. Names, defaults and the form in JSON are
 * Toxiproxy's (version 2), so that its clients find what they know.
 *
 * `toxicity` is the share of connections that are hit: 0 hits none and 1 all, exactly.
 */
import { ToxicError } from "./toxic-error.ts";

/** Directions: `upstream` from client to server, `downstream` back. */
export const streams = ["upstream", "downstream"] as const;
/** One of {@link streams}. */
export type Stream = (typeof streams)[number];

/** Each type with its attributes: the unit, and the value where nothing is said. */
export const toxicTypes = {
  /** Milliseconds; each chunk is delayed by `latency` ± `jitter`. */
  latency: { latency: 0, jitter: 0 },
  /** Kilobytes (1000 bytes) in a second; 0 is no limit. */
  bandwidth: { rate: 0 },
  /** Milliseconds by which the end of the direction comes later. */
  slow_close: { delay: 0 },
  /** Nothing gets through, and after so many milliseconds the connection is closed; 0 never closes it. */
  timeout: { timeout: 0 },
  /** So many milliseconds after its first bytes the connection is reset. */
  reset_peer: { timeout: 0 },
  /** Bytes in a slice, plus or minus the variation, and microseconds between slices. */
  slicer: { average_size: 0, size_variation: 0, delay: 0 },
  /** After so many bytes the connection is closed. */
  limit_data: { bytes: 0 },
  /** Nothing; Toxiproxy has it, too. */
  noop: {},
} as const;
/** One of the names in {@link toxicTypes}. */
export type ToxicType = keyof typeof toxicTypes;

/** Numbers by name, all of them whole and at least 0. */
export type Attributes = Readonly<Record<string, number>>;

/** A toxic. */
export interface Toxic {
  /** Unique within its proxy. */
  readonly name: string;
  readonly type: ToxicType;
  readonly stream: Stream;
  /** From 0 to 1. */
  readonly toxicity: number;
  readonly attributes: Attributes;
}

const nameMax = 256;

/** A toxic as a client asked for it. Throws {@link ToxicError} as Toxiproxy answers. */
export function toxicOf(body: unknown): Toxic {
  const fields = fieldsOf(body);
  const asked = fields["stream"] ?? "downstream";
  const stream = streams.find((word) => typeof asked === "string" && word === asked.toLowerCase());
  if (stream === undefined) throw new ToxicError("stream was invalid, can be either upstream or downstream", 400);
  const type = fields["type"];
  if (typeof type !== "string" || !isToxicType(type)) throw new ToxicError("invalid toxic type", 400);
  const name = fields["name"] ?? "";
  if (typeof name !== "string" || name.length > nameMax) throw badBody(`name: wanted a text of ${nameMax} at most`);
  return {
    name: name === "" ? `${type}_${stream}` : name,
    type,
    stream,
    toxicity: toxicityIn(fields, 1),
    attributes: attributesIn(type, fields["attributes"], toxicTypes[type]),
  };
}

/** The same toxic with what a client wants changed: attributes that are named, and the toxicity. Throws {@link ToxicError}. */
export function changedToxic(toxic: Toxic, body: unknown): Toxic {
  const fields = fieldsOf(body);
  return {
    ...toxic,
    toxicity: toxicityIn(fields, toxic.toxicity),
    attributes: attributesIn(toxic.type, fields["attributes"], toxic.attributes),
  };
}

/** The members of an object that came as JSON. Throws {@link ToxicError} for anything else. */
export function fieldsOf(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw badBody("wanted an object");
  return { ...body };
}

/** What Toxiproxy says of a body it cannot take. */
export function badBody(reason: string): ToxicError {
  return new ToxicError(`bad request body: ${reason}`, 400);
}

function isToxicType(text: string): text is ToxicType {
  return Object.hasOwn(toxicTypes, text);
}

function toxicityIn(fields: Readonly<Record<string, unknown>>, before: number): number {
  const toxicity = fields["toxicity"] ?? before;
  if (typeof toxicity !== "number" || !(toxicity >= 0 && toxicity <= 1)) throw badBody("toxicity: wanted 0 to 1");
  return toxicity;
}

function attributesIn(type: ToxicType, given: unknown, before: Attributes): Attributes {
  const named = given === undefined || given === null ? {} : fieldsOf(given);
  const attributes = Object.fromEntries(
    Object.entries(before).map(([name, value]) => {
      const wanted = named[name] ?? value;
      if (typeof wanted !== "number" || !Number.isSafeInteger(wanted) || wanted < 0)
        throw badBody(`attributes: ${name}: wanted a whole number, 0 or more`);
      return [name, wanted];
    }),
  );
  if (type === "slicer" && (attributes["average_size"] ?? 0) <= (attributes["size_variation"] ?? 0))
    throw badBody("attributes: average_size: wanted more than size_variation");
  return attributes;
}
