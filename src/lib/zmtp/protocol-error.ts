/** What a peer did that its protocol does not allow. The connection it came over is over. */

/** Bytes or a course of things that ZMTP does not allow, or that go beyond a limit. */
export class ZmtpError extends Error {
  /** Whether trying again with the same settings can help: not so for wrong credentials or sockets that do not fit. */
  readonly isFinal: boolean;

  constructor(message: string, options: { isFinal?: boolean } = {}) {
    super(message);
    this.name = "ZmtpError";
    this.isFinal = options.isFinal ?? false;
  }
}
