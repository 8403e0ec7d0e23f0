/**
 * The programs that run in processes of their own, started by this program only and never typed by a person. They load
 * nothing of the command line, the services or the configuration.
 */
import { innerName } from "./kit/self.ts";

const programs: Readonly<Record<string, (words: readonly string[]) => Promise<void>>> = {
  "image-decoder": async (words) => (await import("./storage/reticulum/decoder/program.ts")).runDecoder(words),
  "mount-probe": async (words) => (await import("./signals/mountwatch/probe/program.ts")).runMountProbe(words),
  "graph-painter": paintGraphs,
};

/** The painter of graphs needs the image library too, which the decoder knows how to unpack. */
async function paintGraphs([folder = ""]: readonly string[]): Promise<void> {
  const [rank, native, painter] = await Promise.all([
    import("./storage/reticulum/decoder/rank.ts"),
    import("./storage/reticulum/decoder/native.ts"),
    import("./kit/graph-picture-program.ts"),
  ]);
  rank.takeLowRank();
  native.prepareNative(folder);
  await painter.runGraphPainter();
}

/** The inner program that the first of `words` names; undefined when they are a person's. */
export function innerProgram(words: readonly string[]): (() => Promise<void>) | undefined {
  const name = innerName(words[0]);
  const program = name === undefined ? undefined : programs[name];
  return program && (() => program(words.slice(1)));
}
