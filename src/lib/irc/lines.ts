/**
 * From the bytes of a connection to lines of text. Bytes that are UTF-8 are read as such, a line that is not is read as
 * Windows-1252, of which Latin 1 is a part: what old clients send. Memory is bounded: a line that is longer than any server
 * may send is skipped to its end, and counted.
 */

/** The longest line that a server may send: tags of 8191 bytes and 512 of message. Some are generous. */
const longestBytes = 8191 + 4096;

const strict = new TextDecoder("utf-8", { fatal: true });
const western = new TextDecoder("windows-1252");

/** Text from bytes that somebody wrote in an encoding of their own. */
export function decodeLine(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return western.decode(bytes);
  }
}

/** Gathers bytes until they are lines. */
export class LineReader {
  #kept: Uint8Array = new Uint8Array(0);
  #isSkipping = false;
  #skipped = 0;

  /** Lines that were too long. */
  get skipped(): number {
    return this.#skipped;
  }

  /** The lines that `chunk` ends, without their ends, empty ones left out. NUL, which no line may hold, is taken out. */
  take(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      const part = chunk.subarray(from, at);
      from = at + 1;
      if (this.#isSkipping || this.#kept.length + part.length > longestBytes) {
        if (!this.#isSkipping) this.#skipped++;
        this.#isSkipping = false;
        this.#kept = new Uint8Array(0);
        continue;
      }
      const whole = this.#kept.length === 0 ? part : Buffer.concat([this.#kept, part]);
      this.#kept = new Uint8Array(0);
      const text = decodeLine(whole).replaceAll("\0", "").replaceAll("\r", "");
      if (text !== "") lines.push(text);
    }
    const rest = chunk.subarray(from);
    if (this.#isSkipping || rest.length === 0) return lines;
    if (this.#kept.length + rest.length > longestBytes) {
      this.#skipped++;
      this.#isSkipping = true;
      this.#kept = new Uint8Array(0);
    } else this.#kept = Buffer.concat([this.#kept, rest]);
    return lines;
  }
}
