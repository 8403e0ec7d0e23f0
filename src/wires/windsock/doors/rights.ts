/**
 * What a bearer may hear and say, read from either form of token: the seven fields of the original, good for one prefix,
 * or signed claims, good for many topics and for as long as they say. Also of revocation: a token that was called back is
 * refused, by whom it names, by its salt or `jti`. Knows nothing of connections.
 *
 * Claims: `sub` (whom), `exp` (required), `nbf`, `iat`, `jti`, `subscribe` and `publish` (lists of topics), `info` (any
 * JSON, shown to others as presence), `aud` (where one is asked for).
 */
import { z } from "zod";

import type { Clock } from "../../../kit/clock.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Doorkeeper } from "../doorkeeper.ts";
import { concerns, type Interest } from "../publication.ts";
import { readToken, type TokenRules } from "../token.ts";
import { looksSigned, readClaims, signClaims, type TokenKey, type VerifyingKey } from "./jwt.ts";
import type { Revocations } from "./revocations.ts";
import { shapeWords, topicShape } from "./shape.ts";
import { SharedInterests } from "./shared-interests.ts";
import { covers, parseTopic, topicWords } from "./topic.ts";

/** What a bearer may. */
export interface Rights {
  /** Whom the token names; empty for nobody in particular. */
  readonly user: string;
  readonly subscribe: readonly Interest[];
  readonly publish: readonly Interest[];
  /** Where a message without an address goes: the original's one publish prefix. */
  readonly home?: string;
  /** What others see of the bearer, as JSON. */
  readonly info?: string;
  /** When the rights end, epoch ms. */
  readonly expiresAt?: number;
  /** When the token was made, epoch seconds. */
  readonly madeAtSeconds?: number;
  /** The salt or `jti` of the token. */
  readonly tokenId?: string;
  /** Asked now and then while a connection lasts: false once the rights are no more. */
  readonly stillGood?: () => boolean;
}

/** What tokens are judged by. */
export interface TokenDeskOptions {
  /** For tokens of seven fields. */
  rules: TokenRules;
  /** For signed claims; none are taken without. */
  keys: readonly VerifyingKey[];
  /** What `aud` has to name, if anything. */
  audience?: string;
  /** Whether prefixes of tokens of seven fields end where a part of an address does. @default false */
  isSegmented?: boolean;
  /** Looks at what tokens of seven fields say beyond their proof: used once already, or given to another address. */
  doorkeeper?: Pick<Doorkeeper, "admit">;
  revocations: Revocations;
  clock: Clock;
}

/** How far clocks may differ: tokens are taken for so long after their end. */
export const leewaySeconds = 60;
const maxTopics = 256;
const maxInfoBytes = 1024;
/** The name of the key with which this program signs for its own pages. */
const ownKeyId = "windsock-own";

const claimsShape = z.object({
  sub: z.string().max(256).default(""),
  exp: z.number(),
  nbf: z.number().optional(),
  iat: z.number().optional(),
  jti: z.string().max(256).optional(),
  aud: z.union([z.string(), z.array(z.string())]).optional(),
  subscribe: z.array(topicShape).max(maxTopics).default([]),
  publish: z.array(topicShape).max(maxTopics).default([]),
  info: z.unknown().optional(),
});

/** Reads tokens, and makes those of the program's own pages. */
export class TokenDesk {
  readonly #options: TokenDeskOptions;
  readonly #own: TokenKey;
  readonly #shared = new SharedInterests();

  constructor(options: TokenDeskOptions) {
    this.#options = options;
    const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex");
    this.#own = { id: ownKeyId, secret };
  }

  /**
   * What a token allows that was shown by somebody `seen` at an address, or by a list of them as of a proxy. Faults (unauthorized): those of readToken and readClaims, `windsock/claims`, `windsock/stale`
   * (expired: get a fresh one), `windsock/future`, `windsock/audience`, `windsock/revoked`.
   */
  read(token: string, seen: string): Rights {
    const rights = looksSigned(token) ? this.#ofClaims(token) : this.#ofFields(token, seen);
    this.#options.revocations.check(rights);
    return rights;
  }

  /** Whether rights that were good may still be used. */
  isGood(rights: Rights): boolean {
    if (rights.expiresAt !== undefined && rights.expiresAt < this.#options.clock.now()) return false;
    return (rights.stillGood?.() ?? true) && !this.#options.revocations.names(rights);
  }

  /** A token for a page of this program. */
  sign(claims: Readonly<Record<string, unknown>>): string {
    const { audience } = this.#options;
    return signClaims(audience === undefined ? claims : { aud: audience, ...claims }, this.#own);
  }

  #ofFields(token: string, seen: string): Rights {
    const { clock, doorkeeper, isSegmented, rules } = this.#options;
    const fields = readToken(token, rules, clock.now() / 1000);
    doorkeeper?.admit(token, seen);
    const subscribe = this.#shared.of([{ kind: isSegmented ? "segment" : "prefix", prefix: fields.subPrefix }]);
    const publish = this.#shared.of([{ kind: "exact", address: fields.pubPrefix }]);
    const [first] = publish;
    return {
      user: fields.user,
      subscribe,
      publish,
      // The text that is held already.
      home: first?.kind === "exact" ? first.address : fields.pubPrefix,
      madeAtSeconds: fields.atSeconds,
      tokenId: fields.salt,
    };
  }

  #ofClaims(token: string): Rights {
    const { audience, clock, keys } = this.#options;
    const claims = readClaims(token, [...keys, this.#own]);
    const parsed = claimsShape.safeParse(claims);
    if (!parsed.success) {
      const reason = shapeWords(parsed.error, claims);
      throw refused("windsock/claims", `the token's claims are not as they should be: ${reason}`);
    }
    const { aud, exp, iat, info, jti, nbf, publish, sub, subscribe } = parsed.data;
    const nowSeconds = clock.now() / 1000;
    if (exp + leewaySeconds < nowSeconds) throw refused("windsock/stale", "the token has expired; get a fresh one");
    if ((nbf ?? iat ?? 0) - leewaySeconds > nowSeconds) {
      throw refused("windsock/future", "the token is not good yet: the issuer's clock may be wrong");
    }
    if (audience !== undefined && ![aud].flat().includes(audience)) {
      throw refused("windsock/audience", `the token is not meant for "${audience}"`);
    }
    const about = info === undefined ? undefined : JSON.stringify(info);
    if (about !== undefined && Buffer.byteLength(about) > maxInfoBytes) {
      throw refused("windsock/claims", `the token's info has more than ${maxInfoBytes} bytes`);
    }
    return {
      user: sub,
      subscribe: this.#shared.of(subscribe.map(parseTopic)),
      publish: this.#shared.of(publish.map(parseTopic)),
      // Never beyond what a timer and a date can hold.
      expiresAt: Math.min((exp + leewaySeconds) * 1000, 8.64e15),
      ...(about === undefined ? {} : { info: about }),
      ...(iat === undefined ? {} : { madeAtSeconds: iat }),
      ...(jti === undefined ? {} : { tokenId: jti }),
    };
  }
}

/** Whether the rights cover hearing all of an interest. */
export function maySubscribe(rights: Rights, wanted: Interest): boolean {
  return rights.subscribe.some((granted) => covers(granted, wanted));
}

/** Fault `windsock/subscribe-right` (forbidden) unless the rights cover an interest. */
export function requireSubscribe(rights: Rights, wanted: Interest): void {
  if (maySubscribe(rights, wanted)) return;
  throw new Fault(
    "forbidden",
    "windsock/subscribe-right",
    `Cannot let you hear "${topicWords(wanted)}": the token does not allow it`,
  );
}

/** Fault `windsock/publish-right` (forbidden) unless the rights cover publishing to an address. */
export function requirePublish(rights: Rights, address: string): void {
  if (rights.publish.some((granted) => concerns(granted, address))) return;
  throw new Fault(
    "forbidden",
    "windsock/publish-right",
    `Cannot publish to "${address.slice(0, 120)}": the token does not allow it`,
  );
}

function refused(code: string, reason: string): Fault {
  return new Fault("unauthorized", code, `Cannot let you in: ${reason}`);
}
