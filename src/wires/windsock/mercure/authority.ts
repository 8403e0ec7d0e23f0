/**
 * What a caller of the Mercure door may do, by its JSON Web Token: in the Authorization header, in the query, or in a
 * cookie, the first of these that is there. Claims of versions before 1 (`mercure.publish`, `mercure.subscribe`, lists of
 * selectors) and of version 1 (`authorization_details`) are understood. Every refusal says what was wrong and what to do.
 */
import { z } from "zod";

import { Fault } from "../../../kit/fault.ts";
import { readClaims, type VerifyingKey } from "../doors/jwt.ts";
import { type Matcher, type MatchType, parseMatcher } from "./matcher.ts";

/** What a token allows. */
export interface Authority {
  /** Undefined where the token says nothing of publishing. */
  readonly publish: readonly Matcher[] | undefined;
  readonly subscribe: readonly Matcher[];
  /** Whom it names, if anybody. */
  readonly subject: string | undefined;
  /** When it ends, epoch ms. */
  readonly endsAt: number | undefined;
  /** What the application says of a subscription with a matcher. */
  payloadOf(matcher: string): unknown;
}

/** A token, and how it was shown. */
export interface ShownToken {
  text: string;
  by: "header" | "query" | "cookie";
}

/** The most selectors in one token. */
const mostSelectors = 200;
const cookieNames = ["mercureAuthorization", "mercureAccessToken"];
const queryNames = ["access_token", "authorization"];

const text = z.string().max(1000);
const selector = z.union([text, z.object({ match: text, matchType: z.enum(["Exact", "URLPattern"]).optional() })]);
const selectors = z.array(selector).max(mostSelectors);
const detail = z.object({
  actions: z.array(z.enum(["publish", "subscribe"])).min(1),
  topics: selectors.min(1),
  payload: z.unknown().optional(),
});
const claimsShape = z.object({
  sub: z.string().max(256).optional(),
  exp: z.number().optional(),
  nbf: z.number().optional(),
  mercure: z
    .object({ publish: selectors.nullish(), subscribe: selectors.nullish(), payload: z.unknown().optional() })
    .optional(),
  authorization_details: z
    .array(z.looseObject({ type: z.string() }))
    .max(50)
    .optional(),
});

/** The token of a request; undefined when it shows none. */
export function shownToken(request: { headers: Headers; url: string }): ShownToken | undefined {
  const header = request.headers.get("authorization");
  if (header !== null) {
    const bearer = /^Bearer +(\S+)$/i.exec(header)?.[1];
    if (bearer === undefined)
      throw refused("windsock/mercure-token", "the Authorization header is not of the form: Bearer <token>");
    return { text: bearer, by: "header" };
  }
  const query = new URL(request.url).searchParams;
  for (const name of queryNames) {
    const shown = query.get(name);
    if (shown !== null) return { text: shown.replace(/^Bearer +/i, ""), by: "query" };
  }
  const cookies = (request.headers.get("cookie") ?? "").split(";").map((part) => part.trim().split("="));
  for (const name of cookieNames) {
    const value = cookies.find(([key]) => key === name)?.[1];
    if (value !== undefined) return { text: value, by: "cookie" };
  }
  return undefined;
}

/**
 * Judges a token. Faults (unauthorized), each with what is wrong: those of `readClaims`, `windsock/mercure-expired`,
 * `windsock/mercure-early`, `windsock/mercure-claims`.
 */
export function readAuthority(shown: string, key: VerifyingKey, nowSeconds: number, base: string): Authority {
  // There is but one key, whatever the issuer calls it.
  const read = claimsShape.safeParse(readClaims(shown, [key], false));
  if (!read.success) {
    const [issue] = read.error.issues;
    throw refused(
      "windsock/mercure-claims",
      `the token's claims are wrong: ${issue?.path.join(".")}: ${issue?.message}`,
    );
  }
  const { authorization_details: details = [], exp, mercure, nbf, sub } = read.data;
  if (exp !== undefined && exp <= nowSeconds) {
    throw refused("windsock/mercure-expired", `the token ended ${Math.ceil(nowSeconds - exp)} s ago; get a fresh one`);
  }
  if (nbf !== undefined && nbf > nowSeconds) {
    throw refused(
      "windsock/mercure-early",
      `the token begins in ${Math.ceil(nbf - nowSeconds)} s: the issuer's clock is ahead`,
    );
  }
  const ours = details
    .filter(({ type }) => type === "mercure" || type === "https://mercure.rocks/authorization-detail")
    .map((one) => {
      const parsed = detail.safeParse(one);
      if (parsed.success) return { ...parsed.data, matchers: matchersOf(parsed.data.topics, "Exact", base) };
      throw refused(
        "windsock/mercure-claims",
        "an authorization detail is wrong: wanted actions (publish, subscribe) and topics",
      );
    });
  if (!mercure && ours.length === 0) {
    throw refused(
      "windsock/mercure-claims",
      'the token has no claim "mercure", such as {"mercure":{"subscribe":["*"]}}',
    );
  }
  const granted = (action: "publish" | "subscribe") => {
    const listed = mercure?.[action];
    const detailed = ours.filter(({ actions }) => actions.includes(action));
    if (!listed && detailed.length === 0) return undefined;
    return [...matchersOf(listed ?? [], "Topic", base), ...detailed.flatMap(({ matchers }) => matchers)];
  };
  return {
    publish: granted("publish"),
    subscribe: granted("subscribe") ?? [],
    subject: sub,
    endsAt: exp === undefined ? undefined : exp * 1000,
    payloadOf: (matcher) =>
      ours.find(
        ({ actions, matchers, payload }) =>
          payload !== undefined &&
          actions.includes("subscribe") &&
          matchers.some((one) => one.text === matcher || one.matches(matcher)),
      )?.payload ?? mercure?.payload,
  };
}

function matchersOf(list: z.infer<typeof selectors>, usual: MatchType, base: string): Matcher[] {
  return list.map((one) => {
    const [type, match] = typeof one === "string" ? [usual, one] : [one.matchType ?? "Exact", one.match];
    try {
      return parseMatcher(type, match, base);
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError)) throw thrown;
      throw refused(
        "windsock/mercure-claims",
        `the token's selector "${match.slice(0, 100)}" is wrong: ${thrown.message}`,
      );
    }
  });
}

function refused(code: string, reason: string): Fault {
  return new Fault("unauthorized", code, `Cannot let you in: ${reason}`);
}
