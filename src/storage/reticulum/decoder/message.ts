/**
 * What the engine asks a decoder and what it answers: the heads of frames. The source of a job, unless
 * it lies in shared memory, and the bytes of a result are their bodies. Answers come from a process that has read an outsider's bytes, so their shapes are checked to the end.
 */
import { z } from "zod";

import type { ImageLimits, RenderJob } from "../engine.ts";

/** What a decoder is asked to do with the body of the frame. */
export type DecoderRequest = {
  /** Stands in the answer again. */
  readonly id: number;
  /** Set when the source lies in memory that is shared, and not in the body: on which shelf, from 0, and how long it is. */
  readonly shared?: { readonly shelf: number; readonly sizeBytes: number };
  readonly limits: Pick<ImageLimits, "inputPixels" | "pages" | "outputSide" | "outputPixels">;
} & (
  | { readonly kind: "probe" }
  | { readonly kind: "render"; readonly job: Omit<RenderJob, "source">; readonly idle: boolean }
);

const side = z.number().int().min(1).max(1_000_000);
const format = z.enum(["jpeg", "png", "gif", "webp", "avif"]);

const factsShape = z.object({
  format,
  width: side,
  height: side,
  orientation: z.number().int().min(1).max(8),
  pages: z.number().int().min(1).max(1_000_000),
  hasAlpha: z.boolean(),
  hasProfile: z.boolean(),
  dominantColour: z.string().regex(/^#[0-9a-f]{6}$/),
  thumbHash: z
    .string()
    .max(64)
    .regex(/^[A-Za-z0-9+/]*={0,2}$/),
  blurHash: z.string().max(200),
});

/** The shapes of all answers. */
export const answerShape = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ready"), sharp: z.string().max(50), vips: z.string().max(50) }),
  z.object({ kind: z.literal("unready"), reason: z.string().max(4000) }),
  z.object({ kind: z.literal("probed"), id: z.number(), facts: factsShape, rssBytes: z.number() }),
  z.object({
    kind: z.literal("rendered"),
    id: z.number(),
    format,
    width: side,
    height: side,
    pages: z.number().int().min(1),
    rssBytes: z.number(),
  }),
  z.object({
    kind: z.literal("refused"),
    id: z.number(),
    code: z.enum(["damaged", "unsupported-format", "too-large", "result-too-large", "failed"]),
    /** A sentence for whoever sent the image. */
    message: z.string().max(1000),
    /** What the decoder said, for the log. */
    reason: z.string().max(4000),
    rssBytes: z.number(),
  }),
]);

/** What a decoder answers. */
export type DecoderAnswer = z.infer<typeof answerShape>;
/** Why a decoder refuses a job. */
export type RefusalCode = Extract<DecoderAnswer, { kind: "refused" }>["code"];
