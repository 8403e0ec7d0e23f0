/** Graphite's own whisper library (Debian's python3-whisper), driven line by line: the judge of our reading of it. */
import { existsSync } from "node:fs";

const library = "/usr/lib/python3/dist-packages/whisper.py";

/** Why these tests cannot run here, or undefined. */
export const noPythonWhisper = existsSync(library) ? undefined : "python3-whisper is not installed";

const program = `
import sys, json, whisper
for line in sys.stdin:
    task = json.loads(line)
    verb, path = task["verb"], task["path"]
    answer = None
    try:
        if verb == "create":
            whisper.create(path, [tuple(a) for a in task["archives"]], task["xff"], task["method"])
        elif verb == "update":
            for time, value, now in task["points"]:
                try:
                    whisper.update(path, value, time, now)
                except whisper.TimestampNotCovered:
                    pass
        elif verb == "fetch":
            found = whisper.fetch(path, task["from"], task["until"], task["now"])
            answer = None if found is None else [list(found[0]), list(found[1])]
        elif verb == "info":
            answer = whisper.info(path)
    except Exception as failure:
        answer = {"error": type(failure).__name__}
    print(json.dumps(answer), flush=True)
`;

/** Asks the real library. One question at a time. */
export class PythonWhisper {
  readonly #child = Bun.spawn(["/usr/bin/python3", "-c", program], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  readonly #reader = this.#child.stdout.getReader();
  readonly #decoder = new TextDecoder();
  #text = "";

  async #ask(task: Record<string, unknown>): Promise<unknown> {
    this.#child.stdin.write(`${JSON.stringify(task)}\n`);
    await this.#child.stdin.flush();
    while (!this.#text.includes("\n")) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error("python3 ended");
      this.#text += this.#decoder.decode(value, { stream: true });
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return JSON.parse(line) as unknown;
  }

  /** Makes a file; `archives` are pairs of step and points. */
  create(path: string, archives: readonly (readonly [number, number])[], xff: number, method: string) {
    return this.#ask({ verb: "create", path, archives, xff, method });
  }

  /** Writes points one by one, each `[time, value, now]`; those that whisper refuses are left out. */
  update(path: string, points: readonly (readonly [number, number, number])[]) {
    return this.#ask({ verb: "update", path, points });
  }

  /** `[[start, end, step], values]`, or null. */
  async fetch(path: string, from: number, until: number, now: number): Promise<[number[], (number | null)[]] | null> {
    return (await this.#ask({ verb: "fetch", path, from, until, now })) as [number[], (number | null)[]] | null;
  }

  /** What `whisper.info` says. */
  info(path: string) {
    return this.#ask({ verb: "info", path });
  }

  /** Ends the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#child.exited;
  }
}
