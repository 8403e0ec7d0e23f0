/**
 * Addresses that act for whoever holds them: acknowledge, or silence for a while. Each carries what it does, until when
 * it may and a word of its own, signed with HMAC-SHA256 by a key in the data folder; none can be made or changed without
 * that key. An address acts once: a mail lies about for long, and what it did then need not be wanted now. Opening one
 * only asks (mail scanners open every link); acting takes the button of the page. Leaves out what acting means.
 */
import { existsSync, readFileSync } from "node:fs";

import { sameText } from "../../../kit/auth/same-text.ts";
import type { Clock } from "../../../kit/clock.ts";
import { replaceFile } from "../../../kit/disk/atomic.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Notice } from "../notice.ts";

/** What an address does. */
export type LinkAction =
  | { do: "acknowledge"; /** Of a rule or a standing. */ standingId: string }
  | { do: "silence"; standingId: string; forMs: number };

/** What became of looking at an address. */
export type LinkVerdict =
  | { state: "good"; action: LinkAction; /** Epoch ms. */ madeAt: number; expiresAt: number }
  | { state: "wrong" }
  | { state: "expired"; action: LinkAction }
  | { state: "spent"; action: LinkAction };

/** Where it is kept which addresses have acted. */
export interface SpentLinks {
  spend(word: string, expiresAt: number): boolean;
  isSpent(word: string): boolean;
}

/** Makes and reads addresses. */
export interface ActionLinks {
  /** The whole URL; good for the given time, a week by default. */
  make(action: LinkAction, lifeMs?: number): string;
  /** What `word`, the last part of an address, comes to now. */
  read(word: string): LinkVerdict;
  /** As {@link ActionLinks.read}; where it is good, from now on it is spent. */
  spend(word: string): LinkVerdict;
}

const usualLifeMs = 7 * 86_400_000;
/** So long after its end it is remembered that one has acted: a clock that is set forth for a while makes none good again. */
const lingerMs = 30 * 86_400_000;
const keyBytes = 32;
/** Longer words are none of ours. */
const wordMax = 600;

/** The key of the links, made at the first start; mode 0600. Faults: `hound/link-key` (internal). */
export async function linkKey(path: string): Promise<string> {
  if (!existsSync(path)) {
    await replaceFile(path, `${Buffer.from(crypto.getRandomValues(new Uint8Array(keyBytes))).toString("base64url")}\n`);
  }
  const key = readFileSync(path, "utf8").trim();
  if (key.length >= 40) return key;
  throw new Fault(
    "internal",
    "hound/link-key",
    `Cannot use the key in "${path}": it is too short; remove the file to have a new one made, which ends all links in mails`,
  );
}

/** Links below `baseUrl`, signed by `key`. */
export function createActionLinks(parts: {
  key: string;
  /** Where hound is reached, without a trailing slash. */
  baseUrl: string;
  clock: Clock;
  spent: SpentLinks;
}): ActionLinks {
  const { baseUrl, clock, key, spent } = parts;
  const signatureOf = (text: string) => new Bun.CryptoHasher("sha256", key).update(text).digest("base64url");

  const read = (word: string): LinkVerdict => {
    if (word.length > wordMax) return { state: "wrong" };
    const [text = "", signature = "", ...rest] = word.split(".");
    if (rest.length > 0 || !sameText(signatureOf(text), signature)) return { state: "wrong" };
    // What is signed is ours, so its form is known.
    const [doing = "", standingId = "", forMs = "0", made = "0", expires = "0"] = Buffer.from(text, "base64url")
      .toString()
      .split("\n");
    const action: LinkAction =
      doing === "silence" ? { do: "silence", standingId, forMs: Number(forMs) } : { do: "acknowledge", standingId };
    const expiresAt = Number(expires);
    if (expiresAt <= clock.now()) return { state: "expired", action };
    return spent.isSpent(text)
      ? { state: "spent", action }
      : { state: "good", action, madeAt: Number(made), expiresAt };
  };

  return {
    read,
    make(action, lifeMs = usualLifeMs) {
      const parts = [
        action.do,
        action.standingId.replaceAll("\n", ""),
        action.do === "silence" ? action.forMs : 0,
        clock.now(),
        clock.now() + lifeMs,
        Buffer.from(crypto.getRandomValues(new Uint8Array(9))).toString("base64url"),
      ];
      const text = Buffer.from(parts.join("\n")).toString("base64url");
      return `${baseUrl}/act/${text}.${signatureOf(text)}`;
    },
    spend(word) {
      const verdict = read(word);
      if (verdict.state !== "good") return verdict;
      const [text = ""] = word.split(".");
      return spent.spend(text, verdict.expiresAt + lingerMs) ? verdict : { state: "spent", action: verdict.action };
    },
  };
}

/** The addresses that a notice about one failing rule, or one series of it, carries. */
export function alertActions(links: ActionLinks, standingId: string): Notice["actions"] {
  return [
    { title: "Acknowledge", url: links.make({ do: "acknowledge", standingId }) },
    { title: "Silence for an hour", url: links.make({ do: "silence", standingId, forMs: 3_600_000 }) },
    { title: "Silence for a day", url: links.make({ do: "silence", standingId, forMs: 86_400_000 }) },
  ];
}
