/**
 * The one error that decoding raises. Whatever bytes arrive from the network, the decoders of this folder either return a
 * value or throw a ProtocolError; a TruncatedError is the special case in which more bytes might still complete the message.
 */

/** Bytes from the network that cannot be accepted: malformed, over a bound, wrongly labelled or not decryptable. */
export class ProtocolError extends Error {
  override readonly name: string = "ProtocolError";
}

/** The bytes end before the message does. A stream waits for more; a packet is lost. */
export class TruncatedError extends ProtocolError {
  override readonly name: string = "TruncatedError";
  /** Smallest total length, in bytes from the start of the buffer, with which decoding can get further. */
  readonly neededBytes: number;

  constructor(message: string, neededBytes: number) {
    super(message);
    this.neededBytes = neededBytes;
  }
}
