/**
 * What is told about hound itself: that rules have errors, and that nothing can be read at all. Both by the schedule of
 * repeat.ts, each with its own count, so that neither delays a word about a rule. Pure.
 */
import { z } from "zod";

import type { Watched } from "./muted.ts";
import type { Notice } from "./notice.ts";
import { dueAt } from "./repeat.ts";
import { shortHash } from "./rule-file.ts";
import { blindWords, errorsWords, noticeRule, seeingWords, type Words } from "./words.ts";

const shape = z.object({
  errors: z
    .object({
      sinceAt: z.number(),
      toldCount: z.number(),
      lastToldAt: z.number().optional(),
      goneAt: z.number().optional(),
    })
    .optional(),
  blind: z
    .object({ sinceAt: z.number(), reason: z.string(), toldCount: z.number(), lastToldAt: z.number().optional() })
    .optional(),
});

/** What is remembered of hound's own troubles. */
export type OwnTrouble = z.infer<typeof shape>;

/** Reads what was kept; nothing when it cannot be understood. */
export function parseOwnTrouble(text: string): OwnTrouble {
  try {
    return shape.safeParse(JSON.parse(text)).data ?? {};
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return {};
    throw thrown;
  }
}

/** The same with no instant later than `at`, for a clock may be set back. */
function notAfter({ blind, errors }: OwnTrouble, at: number): OwnTrouble {
  const shifted = <Spell extends { sinceAt: number; lastToldAt?: number | undefined }>(spell: Spell): Spell => ({
    ...spell,
    sinceAt: Math.min(spell.sinceAt, at),
    ...(spell.lastToldAt === undefined ? {} : { lastToldAt: Math.min(spell.lastToldAt, at) }),
  });
  return { ...(blind ? { blind: shifted(blind) } : {}), ...(errors ? { errors: shifted(errors) } : {}) };
}

/** How it is told. */
export interface OwnTroubleOptions {
  at: number;
  everybody: readonly string[];
  source: string;
  /** Whether errors are told at all. */
  tellsErrors: boolean;
  /** Blindness and errors that last shorter are not told. */
  blindAfterMs: number;
  /** Errors that were gone for less are the same errors. */
  calmMs: number;
}

/** After a round in which nothing could be read. */
export function afterBlindRound(
  known: OwnTrouble,
  reason: string,
  options: OwnTroubleOptions,
): { trouble: OwnTrouble; notices: Notice[] } {
  const { at, blindAfterMs, source } = options;
  const before = notAfter(known, at);
  const blind = { ...(before.blind ?? { sinceAt: at, toldCount: 0 }), reason: reason.slice(0, 500) };
  if (at - blind.sinceAt < blindAfterMs || at < dueAt(blind, at)) return { trouble: { ...before, blind }, notices: [] };
  const notice = noticeOf(
    "blind",
    `${blind.sinceAt} ${blind.toldCount}`,
    blindWords(source, reason, at - blind.sinceAt),
    options,
  );
  const told = { ...blind, toldCount: blind.toldCount + 1, lastToldAt: at };
  return { trouble: { ...before, blind: told }, notices: [notice] };
}

/** After a round in which rules were judged; `troubled` are those that could not be. */
export function afterSeeingRound(
  all: OwnTrouble,
  troubled: readonly Watched[],
  options: OwnTroubleOptions,
): { trouble: OwnTrouble; notices: Notice[] } {
  const { at, blindAfterMs, calmMs, source, tellsErrors } = options;
  const notices: Notice[] = [];
  const { blind, errors: known } = notAfter(all, at);
  if (blind && blind.toldCount > 0)
    notices.push(noticeOf("seeing", String(blind.sinceAt), seeingWords(source, at - blind.sinceAt), options));
  if (troubled.length === 0) {
    if (!known) return { trouble: {}, notices };
    const goneAt = Math.min(known.goneAt ?? at, at);
    return { trouble: at - goneAt >= calmMs ? {} : { errors: { ...known, goneAt } }, notices };
  }
  const { goneAt: _, ...errors } = known ?? { sinceAt: at, toldCount: 0, goneAt: undefined };
  const isBrief = at - errors.sinceAt < blindAfterMs;
  if (!tellsErrors || isBrief || at < dueAt(errors, at)) return { trouble: { errors }, notices };
  notices.push({
    ...noticeOf("errors", `${errors.sinceAt} ${errors.toldCount}`, errorsWords(troubled), options),
    rules: troubled.slice(0, 1000).map(noticeRule),
  });
  return { trouble: { errors: { ...errors, toldCount: errors.toldCount + 1, lastToldAt: at } }, notices };
}

function noticeOf(
  kind: "blind" | "seeing" | "errors",
  spell: string,
  words: Words,
  { at, everybody }: OwnTroubleOptions,
): Notice {
  return {
    id: shortHash(`${kind}\n${spell}`, 20),
    kind,
    createdAt: at,
    recipients: everybody,
    ...words,
    rules: [],
    graphs: [],
    actions: [],
  };
}
