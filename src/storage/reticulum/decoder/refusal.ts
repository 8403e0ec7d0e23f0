/**
 * How work inside of a decoder says that an image or a wish cannot be met. It becomes an answer, and in the engine a Fault.
 */
import type { RefusalCode } from "./message.ts";

/** A job that is refused with a sentence for its sender. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
