/**
 * Who comes from another node: whoever shows the secret that the nodes of a cluster share. Where none is configured only
 * callers from this machine are believed, and only those who may write anyway. People make secrets up, so whoever guessed
 * wrong too often waits, right or wrong; an address that has once shown the right one is not shut out by its neighbours.
 */
import { Fault } from "../fault.ts";
import type { Caller } from "../service.ts";
import { isLoopback } from "./address.ts";
import type { FailureLimit } from "./failures.ts";
import { sameText } from "./same-text.ts";

/** What judging secrets stands on. */
export interface SharedSecretParts {
  /** The secrets with which other nodes may come; empty when none is configured. */
  secrets(): readonly string[];
  /** Counts wrong secrets by address. */
  failures: FailureLimit;
  /** The name of the service, for the code of its Faults. */
  service: string;
}

/** Judges secrets that callers show. */
export interface SharedSecret {
  /** Whether a caller who shows this is another node. Throws the Fault `<service>/secret-limited`. */
  isPeer(shown: string, caller: Caller): boolean;
  /** Whether a caller knows a secret, by default one of the nodes'. Throws the Fault `<service>/secret-limited`. */
  knows(shown: string, caller: Caller, isRight?: (shown: string) => boolean): boolean;
}

/** Addresses that are remembered as knowing the secret. */
const knowingMax = 1000;

/** A judge of secrets that has seen nobody yet. */
export function createSharedSecret({ secrets, failures, service }: SharedSecretParts): SharedSecret {
  const knowing = new Set<string>();
  const isOurs = (shown: string) => secrets().some((secret) => sameText(secret, shown));
  const knows: SharedSecret["knows"] = (shown, { address }, isRight = isOurs) => {
    const waitMs = knowing.has(address) ? 0 : failures.waitMs(address);
    if (waitMs > 0) {
      throw new Fault(
        "limited",
        `${service}/secret-limited`,
        "Cannot let you in: too many wrong secrets from your address",
        { retryAfterMs: waitMs },
      );
    }
    if (isRight(shown)) {
      if (knowing.size >= knowingMax) knowing.clear();
      knowing.add(address);
      return true;
    }
    if (shown !== "") failures.record(address);
    return false;
  };
  return {
    knows,
    isPeer: (shown, caller) =>
      secrets().length > 0 ? knows(shown, caller) : shown === "" && isLoopback(caller.address) && caller.may("write"),
  };
}
