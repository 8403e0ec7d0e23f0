/**
 * Judges tokens at every door: whether a token is good, whether it was used before where each is good for one time only,
 * and whether it comes from whom it was given to where that is asked for.
 */
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { type Grant, grantOf } from "./grant.ts";
import { readToken, type TokenRules } from "./token.ts";

/** How tokens are judged beyond their proof. */
export interface DoorkeeperSettings extends TokenRules {
  /** Prefixes end where a part of an address does. */
  isBounded: boolean;
  /** A token that was shown once is good no more. */
  isSingleUse: boolean;
  /** The address in the token has to be that of the caller. */
  checksAddress: boolean;
  /** Throws for tokens that were called back. */
  refuse?(token: { user: string; madeAtSeconds: number; tokenId: string }): void;
}

/** Lets people in. */
export interface Doorkeeper {
  /**
   * What a token allows that is shown by somebody `seen` at an address, or by a list of them where proxies have put down
   * whom they had before them. Faults as of `readToken`; `windsock/used` and `windsock/address-differs` (forbidden).
   */
  admit(token: string, seen: string): Grant;
}

const usedMax = 200_000;

/** A doorkeeper who has seen nobody yet. */
export function createDoorkeeper(settings: DoorkeeperSettings, clock: Clock): Doorkeeper {
  const used = new Map<string, number>();
  const { maxAgeSeconds = 60, maxAheadSeconds = 60 } = settings;
  const refuseUsed = (token: string, nowSeconds: number) => {
    // In the order of their coming, so the oldest are first.
    for (const [old, untilSeconds] of used) {
      if (untilSeconds >= nowSeconds && used.size < usedMax) break;
      used.delete(old);
    }
    const proof = token.slice(token.lastIndexOf(":") + 1);
    if (used.has(proof)) {
      throw new Fault("forbidden", "windsock/used", "Cannot let you in: the token was used already; get a fresh one");
    }
    used.set(proof, nowSeconds + maxAgeSeconds + maxAheadSeconds + 1);
  };
  return {
    admit(token, seen) {
      const nowSeconds = Math.floor(clock.now() / 1000);
      const fields = readToken(token, settings, nowSeconds);
      settings.refuse?.({ user: fields.user, madeAtSeconds: fields.atSeconds, tokenId: fields.salt });
      if (settings.checksAddress && !isSameWay(fields.address, seen)) {
        throw new Fault(
          "forbidden",
          "windsock/address-differs",
          "Cannot let you in: the token was made for another address",
        );
      }
      if (settings.isSingleUse) refuseUsed(token, nowSeconds);
      return grantOf(fields, settings.isBounded);
    },
  };
}

/**
 * Whether the application and we were asked from one address. Both have a list from the proxies in front, the nearest last.
 * Each proxy adds to its end, so the ends are compared, as far as both go: what a client writes itself stands before that,
 * and neither brings it in nor keeps it out. With any number of proxies the client's address is within the part compared.
 */
function isSameWay(told: string, seen: string): boolean {
  const [ones, others] = [told, seen].map((list) =>
    list
      .split(",")
      .map((part) => plain(part.trim()))
      .toReversed(),
  );
  if (!ones || !others) return false;
  const count = Math.min(ones.length, others.length);
  return ones.slice(0, count).join() === others.slice(0, count).join();
}

/** An address without brackets, and without the prefix of IPv4 in IPv6. */
function plain(address: string): string {
  return address
    .replace(/^\[|\]$/g, "")
    .replace(/^::ffff:(?=\d+\.)/i, "")
    .toLowerCase();
}
