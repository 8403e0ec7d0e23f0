/** The body of somebody else's answer as text, read up to a limit: whoever is asked may lie, or never end. */

/** What is different from caller to caller. */
export interface AnswerTextOptions {
  readonly maxBytes: number;
  /** What to throw beyond the limit. */
  tooLong(): Error;
  /** Called with every piece that comes. */
  moved?(): void;
}

/** The whole body, decoded as UTF-8. Throws what `tooLong` gives, and whatever the connection does. */
export async function answerText(response: Response, options: AnswerTextOptions): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let sizeBytes = 0;
  for await (const piece of response.body ?? []) {
    options.moved?.();
    sizeBytes += piece.byteLength;
    if (sizeBytes > options.maxBytes) throw options.tooLong();
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}
