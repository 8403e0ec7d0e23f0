/**
 * Requests between back ends and Windsock, signed: `X-Windsock-Signature: t=<epoch seconds>,v1=<hex>`, the HMAC-SHA256
 * of `<t>.<method>.<path and query>.<body>` by a secret of both. The same scheme goes out with webhooks. A signature is
 * good for five minutes either way and, for requests that come in, only once.
 */
import { createHmac } from "node:crypto";

import { sameText } from "../../../kit/auth/same-text.ts";
import type { Clock } from "../../../kit/clock.ts";
import { Fault } from "../../../kit/fault.ts";

/** The header that carries it. */
export const signatureHeader = "X-Windsock-Signature";
const windowSeconds = 300;
/** Signatures that are remembered; more in five minutes are refused rather than forgotten. */
const maxRemembered = 200_000;

/** What is signed. */
export interface Signable {
  method: string;
  /** Path and query as they stand in the request line. */
  target: string;
  body: string;
}

/** The header's value. */
export function signRequest(request: Signable, secret: string, nowSeconds: number): string {
  const seconds = Math.floor(nowSeconds);
  return `t=${seconds},v1=${proofOf(request, secret, String(seconds))}`;
}

/** Judges signatures, and takes each only once. */
export class SignatureDesk {
  readonly #secrets: readonly string[];
  readonly #clock: Clock;
  /** By the second in which they lapse. */
  readonly #seen = new Map<string, number>();

  /** `secrets`, newest first; without any no signature is right. */
  constructor(secrets: readonly string[], clock: Clock) {
    this.#secrets = secrets;
    this.#clock = clock;
  }

  /**
   * Returns if the signature is right. Faults: `windsock/signature` (unauthorized: none, or wrong), `windsock/stale`
   * (unauthorized), `windsock/replay` (conflict), `windsock/signatures` (limited).
   */
  check(header: string, request: Signable): void {
    const match = /^t=(\d{1,12}),v1=([\da-f]{64})$/.exec(header);
    if (match?.[1] === undefined || match[2] === undefined) {
      throw refused("windsock/signature", `${signatureHeader} has to read t=<seconds>,v1=<64 hex digits>`);
    }
    const [, seconds, proof] = match;
    if (!this.#secrets.some((secret) => sameText(proof, proofOf(request, secret, seconds)))) {
      throw refused("windsock/signature", "the request was not signed with a secret of this server");
    }
    const nowSeconds = this.#clock.now() / 1000;
    if (Math.abs(nowSeconds - Number(seconds)) > windowSeconds) {
      throw refused("windsock/stale", `the signature is more than ${windowSeconds} s away from this server's time`);
    }
    this.#forget(nowSeconds);
    if (this.#seen.has(proof)) {
      throw new Fault("conflict", "windsock/replay", "Cannot do that again: this very request was taken already");
    }
    if (this.#seen.size >= maxRemembered) {
      throw new Fault("limited", "windsock/signatures", "Cannot take more signed requests now: there were too many", {
        retryAfterMs: 1000,
      });
    }
    this.#seen.set(proof, Number(seconds) + windowSeconds);
  }

  #forget(nowSeconds: number): void {
    // In the order in which they came, so nearly in that in which they lapse.
    for (const [proof, lapses] of this.#seen) {
      if (lapses >= nowSeconds) return;
      this.#seen.delete(proof);
    }
  }
}

function proofOf({ body, method, target }: Signable, secret: string, seconds: string): string {
  return createHmac("sha256", secret).update(`${seconds}.${method}.${target}.${body}`).digest("hex");
}

function refused(code: string, reason: string): Fault {
  return new Fault("unauthorized", code, `Cannot let you in: ${reason}`);
}
