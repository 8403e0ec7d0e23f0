/**
 * The terminal that a verb talks to: results go to standard output, so that they can be piped on; everything about how
 * the work goes is for standard error. Replaceable, so that verbs can be tested without a process of their own.
 */

/** Where a verb writes. */
export interface Screen {
  /** A line of the result. */
  print(line: string): void;
  /** Bytes of the result; resolves when more may come. */
  write(bytes: Uint8Array): Promise<void>;
  /** A line about the work: a warning, a failure, a summary. */
  note(line: string): void;
  /** Replaces the text that was drawn last, on a terminal; elsewhere nothing happens. An empty text removes it. */
  draw(text: string): void;
  /** Leaves what was drawn last where it is; the next drawing begins below. */
  settle(): void;
  /** Whether a person is watching {@link draw}. */
  readonly isLive: boolean;
  /** Characters in a line. */
  readonly columns: number;
}

/** The output streams of a process, as far as a screen needs them. */
export interface ScreenStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(chunk: string | Uint8Array, written?: (failure?: Error | null) => void): boolean;
}

/** A screen over the streams of a process. */
export function createScreen(stdout: ScreenStream, stderr: ScreenStream): Screen {
  let drawn = 0;
  const erase = () => {
    if (drawn > 0) stderr.write(`\r${drawn > 1 ? `\u001B[${drawn - 1}A` : ""}\u001B[0J`);
    drawn = 0;
  };
  let last = "";
  const redraw = () => {
    if (last === "") return;
    stderr.write(last);
    drawn = last.split("\n").length;
  };
  return {
    isLive: stderr.isTTY === true,
    get columns() {
      // A terminal without a size says 0.
      return stderr.columns || 80;
    },
    print(line) {
      // Both streams may be the same terminal: the drawing stays below what is printed.
      erase();
      stdout.write(`${line}\n`);
      redraw();
    },
    write(bytes) {
      return new Promise((resolve, reject) => {
        stdout.write(bytes, (failure) => (failure ? reject(failure) : resolve()));
      });
    },
    note(line) {
      erase();
      stderr.write(`${line}\n`);
      redraw();
    },
    draw(text) {
      if (stderr.isTTY !== true || text === last) return;
      erase();
      last = text;
      redraw();
    },
    settle() {
      if (drawn > 0) stderr.write("\n");
      drawn = 0;
      last = "";
    },
  };
}
