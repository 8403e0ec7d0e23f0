/**
 * The program that makes PNG of graphs, in a process of its own. It is started by `kit/graph-picture.ts` for whichever service
 * wants a picture; it stands here because the image library, and how a single executable unpacks it, are this service's.
 */
import { runGraphPainter } from "../../../kit/graph-picture-program.ts";
import { prepareNative } from "../decoder/native.ts";
import { takeLowRank } from "../decoder/rank.ts";

/** Serves until the input ends. The first word is the folder where a single executable unpacks what it carries. */
export async function runPainter([folder = ""]: readonly string[]): Promise<void> {
  takeLowRank();
  prepareNative(folder);
  await runGraphPainter();
}
