/**
 * What is said on the websocket at `/socket/`, as JSON text. A client gets envelopes, as it always did, and whatever it
 * sends is content. One that asks for positions (`positions=1`) gets with each envelope where it stands, and a few words
 * beside: `{"position":"…"}` first, which is where it begins; after coming back with `since=<position>` what it missed,
 * and `{"resumed":{"isComplete":true,"position":"…"}}`; and `{"gap":{"position":"…"}}` where something was lost.
 * Subscribing and asking on a connection is for the newer doors.
 */
import type { Publication } from "./publication.ts";

/** Whether a client understands envelopes only, or positions too. */
export type Dialect = "plain" | "positions";

/** Codes with which a connection is closed, beside those of the protocol; 3000 to 3499 say: come back. */
export const closeCodes = {
  /** The server stops. */
  restart: 1012,
  /** A message was too long. */
  tooLong: 1009,
  /** It read too slowly: come back, with the newest position. */
  slow: 3008,
  /** Something was lost, and there is no word for it: come back. */
  lost: 3010,
  /** Somebody ended it: do not come back. */
  ended: 3503,
  /** It sent more than it may: do not come back. */
  hasty: 3505,
} as const;

/** The text of a publication. */
export function envelopeText({ address, content, position }: Publication, dialect: Dialect): string {
  const start = `{"address":${JSON.stringify(address)},"content":${JSON.stringify(content)}`;
  return dialect === "plain" ? `${start}}` : `${start},"position":"${position}"}`;
}
