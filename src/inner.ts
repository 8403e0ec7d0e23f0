/**
 * The programs that run in processes of their own, started by this program only and never typed by a person. They load
 * nothing of the command line, the services or the configuration.
 */
import { innerName } from "./kit/self.ts";

const programs: Readonly<Record<string, (words: readonly string[]) => Promise<void>>> = {
  "image-decoder": async (words) => (await import("./storage/reticulum/decoder/program.ts")).runDecoder(words),
  "mount-probe": async (words) => (await import("./signals/mountwatch/probe/program.ts")).runMountProbe(words),
  "statsd-datagrams": async (words) => (await import("./signals/statsd/datagrams/program.ts")).runDatagrams(words),
  "graph-painter": async (words) => (await import("./storage/reticulum/painter/program.ts")).runPainter(words),
};

/** The inner program that the first of `words` names; undefined when they are a person's. */
export function innerProgram(words: readonly string[]): (() => Promise<void>) | undefined {
  const name = innerName(words[0]);
  const program = name === undefined ? undefined : programs[name];
  return program && (() => program(words.slice(1)));
}
