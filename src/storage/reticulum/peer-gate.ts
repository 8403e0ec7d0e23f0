/**
 * Whether a request comes from another node: by the secret they share, derived from the cluster's. Where none is
 * configured only this machine is believed, and only whoever may write anyway. Wrong guesses are counted by address.
 */
import { isLoopback } from "../../kit/auth/address.ts";
import { createFailureLimit, type FailureLimit } from "../../kit/auth/failures.ts";
import { sameText } from "../../kit/auth/same-text.ts";
import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import type { Caller } from "../../kit/service.ts";

/** The header in which nodes show the secret. */
export const peerHeader = "X-Warren-Peer-Secret";

/** Lets other nodes in. */
export class PeerGate {
  readonly #secret: () => string;
  readonly #failures: FailureLimit;

  /** `secret` is asked for at each request; empty when none is configured. */
  constructor(secret: () => string, clock: Clock) {
    this.#secret = secret;
    this.#failures = createFailureLimit({ clock });
  }

  /** Does nothing for a node. Faults: `reticulum/secret` (403), `reticulum/secret-limited` (429). */
  require(request: Request, caller: Caller): void {
    const shown = request.headers.get(peerHeader) ?? "";
    const secret = this.#secret();
    if (secret === "") {
      if (shown === "" && isLoopback(caller.address) && caller.may("write")) return;
    } else {
      if (sameText(shown, secret)) return;
      const waitMs = this.#failures.waitMs(caller.address);
      if (waitMs > 0)
        throw new Fault("limited", "reticulum/secret-limited", "Cannot let you in: too many wrong secrets", {
          retryAfterMs: waitMs,
        });
      if (shown !== "") this.#failures.record(caller.address);
    }
    throw new Fault("forbidden", "reticulum/secret", "Cannot let you in: this is for nodes of the cluster");
  }
}
