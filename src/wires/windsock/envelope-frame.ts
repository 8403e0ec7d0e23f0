/**
 * The request of a back end: one frame of JSON, `{"address":"…","content":"…"}`, keys in any case, others passed over.
 * What is missing or of another kind is refused; nothing is ever taken from a request before it.
 */
import type { Envelope } from "./publication.ts";

/** What the broker says when all is well. */
export const publishedReply = Buffer.from("published");

/** The longest reason that is told. */
const maxReason = 200;

/** What the broker says otherwise; never to be taken for {@link publishedReply}. */
export function refusedReply(reason: string): Buffer {
  return Buffer.from(`refused: ${reason.slice(0, maxReason)}`);
}

/** Reads a request. Throws SyntaxError with what is wrong, which quotes nothing of it. */
export function parseEnvelope(frame: Uint8Array): Envelope {
  if (frame.length === 0) throw new SyntaxError("the frame is empty; wanted JSON");
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder().decode(frame));
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw new SyntaxError("the frame is no JSON");
  }
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) throw new SyntaxError("wanted a JSON object");
  let address: unknown;
  let content: unknown;
  for (const [key, value] of Object.entries(raw)) {
    const plain = key.toLowerCase();
    if (plain === "address") address = value;
    else if (plain === "content") content = value;
  }
  if (typeof address !== "string") throw new SyntaxError("wanted text as address");
  if (typeof content !== "string") throw new SyntaxError("wanted text as content");
  return { address, content };
}
