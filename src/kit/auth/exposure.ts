/**
 * May this node listen where it is told to? On this machine alone always; beyond it only when tokens exist or the
 * operator said by name that it shall be open. Judged once at the start, before anything listens.
 */
import { Fault } from "../fault.ts";
import { hostOf, isLoopback } from "./address.ts";

/** What decides. */
export interface ExposureOptions {
  /** The addresses to listen on: `127.0.0.1:4100`, `[::]:4100`, `0.0.0.0`. */
  listen: readonly string[];
  tokensExist: boolean;
  /** The operator accepted an open node. */
  waived: boolean;
  /** The listeners speak TLS. */
  tls: boolean;
  /** How to waive, as the operator would write it. @default "open_beyond_loopback = true in [node]" */
  waiver?: string;
}

/** The Fault `warren/exposed` that keeps the node from starting, or undefined when it may. */
export function checkExposure(options: ExposureOptions): Fault | undefined {
  const beyond = reachable(options.listen);
  const [first] = beyond;
  if (first === undefined || options.tokensExist || options.waived) return undefined;
  return new Fault(
    "forbidden",
    "warren/exposed",
    [
      `Cannot listen on "${first}": others can reach that address, and without a token everybody could read and change everything. Do one of these:`,
      "  make a token:               warren token create me --scope '*:admin'",
      "  stay on this machine:       --listen 127.0.0.1:4100",
      `  leave it open on purpose:   ${options.waiver ?? "open_beyond_loopback = true in [node]"}`,
    ].join("\n"),
    { details: { listen: beyond } },
  );
}

/** One sentence about what is allowed but not wise: tokens that travel unencrypted, or a door left open on purpose. */
export function exposureWarning(options: ExposureOptions): string | undefined {
  const [first] = reachable(options.listen);
  if (first === undefined) return undefined;
  if (!options.tokensExist && options.waived) return `Everybody who reaches ${first} can read and change everything`;
  if (!options.tls)
    return `Tokens travel unencrypted to ${first}: configure a certificate, or put a TLS proxy in front`;
  return undefined;
}

function reachable(listen: readonly string[]): string[] {
  // Undotted forms and bare IPv6 are no authority; what cannot be read counts as reachable.
  return listen.filter((address) => !isLoopback(hostOf(address) ?? address));
}
