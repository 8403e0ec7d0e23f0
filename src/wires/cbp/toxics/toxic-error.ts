/** What the API of toxics refuses, in Toxiproxy's words: a title and a status. */

/** A refusal; its message is the title. */
export class ToxicError extends Error {
  /** HTTP status, 400 to 599. */
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.name = "ToxicError";
    this.status = status;
  }
}
