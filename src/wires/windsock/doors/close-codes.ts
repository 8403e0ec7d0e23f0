/**
 * Why a connection ends, as codes that tell its client what to do: 3000–3499 connect again (with the last position, so
 * that nothing is lost), 3500–3999 do not, for it would end the same way. The long poll and SSE say the same in JSON.
 */
import type { Fault } from "../../../kit/fault.ts";

/** The codes, each with what it means. */
export const closeCodes = {
  /** The server stops; another, or the same, will be there. */
  leaving: 3000,
  /** The token has expired: connect again with a fresh one. */
  expired: 3005,
  /** What a connection rests on is away for now: the webhook that is asked, or the broker. */
  away: 3006,
  /** The client took messages too slowly: connect again and go on from the last one seen. */
  slow: 3008,
  /** The token is wrong, or was called back. */
  token: 3500,
  /** What the client sent cannot be understood. */
  nonsense: 3501,
  /** Ended by order. */
  ended: 3503,
  /** Too many connections. */
  full: 3504,
  /** The client goes on sending more than it may. */
  hasty: 3505,
  /** The application refused the connection. */
  refused: 3507,
  /** A command is too long. */
  large: 3508,
} as const;

/** Whether a client should connect again. */
export function mayReconnect(code: number): boolean {
  return code < 3500 || code > 3999;
}

const byFault: Readonly<Record<string, number>> = {
  "windsock/stale": closeCodes.expired,
  "windsock/too-many": closeCodes.full,
  "windsock/refused": closeCodes.refused,
  "windsock/slow": closeCodes.slow,
  "windsock/ended": closeCodes.ended,
  "windsock/leaving": closeCodes.leaving,
  "windsock/origin": closeCodes.refused,
};

/** The code with which a connection ends for a Fault. */
export function closeCodeOf(fault: Fault): number {
  const known = byFault[fault.code];
  if (known !== undefined) return known;
  switch (fault.kind) {
    case "unauthorized":
    case "forbidden":
      return closeCodes.token;
    case "unavailable":
    case "timeout":
    case "internal":
      return closeCodes.away;
    case "limited":
      return closeCodes.hasty;
    case "too-large":
      return closeCodes.large;
    default:
      return closeCodes.nonsense;
  }
}

/** The reason as a close frame may carry it: at most 123 bytes. */
export function closeReason(text: string): string {
  let reason = text.slice(0, 123);
  while (Buffer.byteLength(reason) > 123) reason = reason.slice(0, -1);
  return reason.isWellFormed() ? reason : reason.slice(0, -1);
}
